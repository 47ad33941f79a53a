"""Faults 120 to 123: what is added to an open record is there once or not at all, and the record is as it was."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from campaign.catalogue import fault
from campaign.environment import Environment, KilledError
from campaign.stage import REGION, refusal
from campaign.world import World
from local.simulator import Fault
from tests.support.deployment import ACCOUNT

_PICTURE = b"\x89PNG\r\n\x1a\n" + b"0" * 200
_DRAW, _LOOK = "cloudwatch.GetMetricWidgetImage", "cloudwatch.DescribeAlarms"
_OK = {"ResponseMetadata": {"HTTPStatusCode": 200}}
_FILE = "/api/now/attachment/file"
_VARIABLES = ("FOLLOW_UPS", "FOLLOW_UP_QUEUE_URL")


class _Added:
    """A record that opened with its picture still to come, and the function that adds it."""

    def __init__(self, world: World, url: str) -> None:
        self.world = world
        world.environment(FOLLOW_UPS="graph", FOLLOW_UP_QUEUE_URL=url)
        world.send(world.alarm("drawn", "ALARM", minutes=1))
        world.expect_outcome(world.invoke(), "done")
        [self.before] = world.incidents()
        told = world.stage.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
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
        attributes = {"ApproximateReceiveCount": str(receives)}
        record = {"messageId": "asks", "receiptHandle": "", "body": self.body, "attributes": attributes}
        answer, _ = function.call({"Records": [record]}, 300.0)
        return bool(answer["batchItemFailures"])

    def pictures(self) -> int:
        """Return how many there are."""
        return len(self.world.simulator.records("sys_attachment"))

    def expect_untouched(self) -> None:
        """The record is what it was when it opened."""
        [row] = self.world.incidents()
        self.world.expect(row == self.before, "the record was changed")


@contextmanager
def _opened(world: World) -> Iterator[_Added]:
    url = world.stage.client("sqs").create_queue(QueueName=f"follow-ups-{world.random.randint(1, 10**9)}")["QueueUrl"]
    try:
        yield _Added(world, url)
    finally:
        for name in _VARIABLES:
            os.environ.pop(name, None)


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
    with _opened(world) as added:
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
    with _opened(world) as added:
        world.aws_fault(_DRAW, {**_OK, "MetricWidgetImage": _PICTURE})
        function = added.function()
        if world.toss():
            world.simulator.add_fault(Fault(on="api", path=_FILE, connection="close", commit=world.toss()))
            added.deliver(function)
        else:
            function.kill = (world.pick("before", "after"), "POST")
            try:
                added.deliver(function)
            except KilledError:
                function.close()
                world.environments.remove(function)
        for receives in (2, 3, 4):
            added.deliver(added.function(), receives)
        world.expect(added.pictures() <= 1, f"{added.pictures()} pictures")
        added.expect_untouched()


@fault(122, "ServiceNow refusing a picture", "the record stays as it is; what was not taken in comes once")
def picture_not_taken(world: World) -> None:
    """Rate limits and outages before it is carried out come back; a right that is missing does not."""
    later = world.toss()
    with _opened(world) as added:
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
    with _opened(world) as added:
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
