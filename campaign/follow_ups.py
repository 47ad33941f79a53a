"""Faults 120 to 123: what is added to an open record is there once or not at all, and the record is as it was."""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from campaign.catalogue import fault
from campaign.environment import Environment, KilledError
from campaign.queue import record
from campaign.stage import REGION, refusal
from campaign.world import World
from local.simulator import Fault
from tests.support.deployment import ACCOUNT

_PICTURE = b"\x89PNG\r\n\x1a\n" + b"0" * 200
_DRAW, _LOOK = "cloudwatch.GetMetricWidgetImage", "cloudwatch.DescribeAlarms"
_OK = {"ResponseMetadata": {"HTTPStatusCode": 200}}
_FILE = "/api/now/attachment/file"


class _Added:
    """A record that opened with its picture still to come, and the function that adds it."""

    def __init__(self, world: World) -> None:
        self.world = world
        url = world.aws("sqs").create_queue(QueueName=f"follow-ups-{next(world.stage.numbers)}")["QueueUrl"]
        world.environment(FOLLOW_UPS="graph", FOLLOW_UP_QUEUE_URL=url)
        world.send(world.alarm("drawn", "ALARM", minutes=1))
        world.expect_outcome(world.invoke(), "done")
        [self.before] = world.incidents()
        told = world.aws("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
        world.expect(len(told) == 1, f"{len(told)} messages ask for the picture")
        self.body = told[0]["Body"]
        alarm = {
            "AlarmName": "drawn",
            "Namespace": "Shop",
            "MetricName": "Errors",
            "Statistic": "Sum",
            "Period": 60,
            "Threshold": 1.0,
        }
        world.aws_fault(_LOOK, {**_OK, "MetricAlarms": [alarm]})

    def function(self) -> Environment:
        """Return a new environment of the function that adds."""
        return self.world.environment("follow_up", FOLLOW_UPS="graph", OWN_PLACE=f"aws/{ACCOUNT}/{REGION}")

    def deliver(self, function: Environment, receives: int = 1) -> bool:
        """Hand the message to the function; return whether it comes back."""
        answer = function.call({"Records": [record("asks", self.body, receives)]}, 300.0)
        return bool(answer["batchItemFailures"])

    def pictures(self) -> int:
        """Return how many there are."""
        return len(self.world.simulator.records("sys_attachment"))

    def expect_untouched(self) -> None:
        """The record is what it was when it opened."""
        [row] = self.world.incidents()
        self.world.expect(row == self.before, "the record was changed")


@fault(120, "a picture that CloudWatch does not give", "the record stays as it is; what is throttled comes later")
def picture_refused(world: World) -> None:
    """Throttled, denied, gone, not drawable, too large, or no picture at all."""
    busy: Mapping[str, Any] = refusal(world.pick("ThrottlingException", "InternalServiceFault"), 400)
    never = world.pick(
        refusal("AccessDenied", 403),
        refusal("ResourceNotFound", 404),
        refusal("ValidationError"),
        {**_OK, "MetricWidgetImage": _PICTURE + b"0" * 4 * 1024 * 1024},
        {**_OK, "MetricWidgetImage": b"<html>"},
    )
    added = _Added(world)
    function = added.function()
    is_busy = world.toss()
    world.aws_fault(world.pick(_LOOK, _DRAW) if is_busy else _DRAW, busy if is_busy else never)
    world.stage.aws_faults.reverse()  # before what answers otherwise
    world.expect(added.deliver(function) is is_busy, "it came back where it should not, or not where it should")
    world.expect(added.pictures() == 0, "something was attached")
    added.expect_untouched()
    if is_busy:
        del world.stage.aws_faults[0]
        world.aws_fault(_DRAW, {**_OK, "MetricWidgetImage": _PICTURE})
        world.expect(not added.deliver(function, 2), "it came back although all is well")
        world.expect(added.pictures() == 1, "the picture is missing")


@fault(121, "the answer to a picture lost, or the function killed over it", "none or one, whatever is delivered again")
def picture_unanswered(world: World) -> None:
    """Carried out or not: nobody knows."""
    added = _Added(world)
    world.aws_fault(_DRAW, {**_OK, "MetricWidgetImage": _PICTURE})
    function = added.function()
    if world.toss():
        world.simulator.add_fault(Fault(on="api", path=_FILE, connection="close", commit=world.toss()))
        added.deliver(function)
    else:
        function.kill = (world.pick("before", "after"), "POST")
        with suppress(KilledError):
            added.deliver(function)
    for receives in (2, 3, 4):
        added.deliver(added.function(), receives)
    world.expect(added.pictures() <= 1, f"{added.pictures()} pictures")
    added.expect_untouched()


@fault(122, "ServiceNow refusing a picture", "the record stays as it is; what was not taken in comes once")
def picture_not_taken(world: World) -> None:
    """Rate limits and outages before it is carried out come back; a right that is missing does not."""
    later = world.toss()
    added = _Added(world)
    world.aws_fault(_DRAW, {**_OK, "MetricWidgetImage": _PICTURE})
    status = 429 if later else 403
    world.simulator.add_fault(Fault(on="api", path=_FILE, times=None, status=status))
    function = added.function()
    world.expect(added.deliver(function) is later, f"{status} was taken for something else")
    added.expect_untouched()
    world.simulator.clear_faults()
    if later:
        added.deliver(function, 2)
    world.expect(added.pictures() == later, f"{added.pictures()} pictures")


@fault(123, "a message of the queue of follow-ups wrong", "nothing is added", seeds=6)
def picture_for_nobody(world: World) -> None:
    """Another record, another problem, or no request at all."""
    added = _Added(world)
    world.aws_fault(_DRAW, {**_OK, "MetricWidgetImage": _PICTURE})
    asked = json.loads(added.body)
    match world.pick("record", "problem", "nothing"):
        case "record":
            added.body = json.dumps(asked | {"sys_id": "f" * 32})
        case "problem":
            added.body = json.dumps(asked | {"problem": "f" * 32})
        case _:
            added.body = world.pick("", "{}", "[]", json.dumps(asked | {"with": ["everything"]}))
    world.expect(not added.deliver(added.function()), "it came back")
    world.expect(added.pictures() == 0, "something was attached")
