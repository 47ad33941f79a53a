"""How `make accept` sees that an alarm's incident gets its pictures: what it waits for, and what it says otherwise."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from common.incidents.alert import dedup_key
from common.incidents.item import Item, RecordReference, problem_of
from common.incidents.ledger import Ledger
from tests.support.aws_service import Service
from tests.support.clock import FakeClock
from tests.support.ledger import InMemoryDynamoDB
from tools.accept.account import Described
from tools.accept.follow_ups import ADDED, ALARM, LEFT_ALONE, FollowUps
from tools.accept.sheet import MissedError, SkippedError

NUMBER = "INC0010001"
OUTPUTS = {
    "EventRuleArn": "arn:aws:events:eu-west-1:123456789012:rule/acme-rule",
    "DeploymentName": "acme",
    "LedgerTableName": "ledger",
}
PICTURE = {"message": ADDED, "record": NUMBER, "kind": "graph"}
REFUSED = {"message": f"{LEFT_ALONE} AWS refuses cloudwatch:DescribeAlarms.", "record": NUMBER, "kind": "graph"}


class World:
    """A deployed stack in which an alarm's incident is there, and the log holds `lines`."""

    def __init__(self, *lines: Mapping[str, str], red: bool = False, kinds: str = "graph,log") -> None:
        """Let every look find the same."""
        self.set: list[str] = []
        self.dynamodb = InMemoryDynamoDB(FakeClock().now)
        key = dedup_key("123456789012", "eu-west-1", "aws.cloudwatch", "cloudwatch-alarm", "acme-alarm")
        item = Item(problem_of("acme", key), key, "incident", record=RecordReference("1" * 32, NUMBER))
        Ledger(self.dynamodb, "ledger", clock=FakeClock()).write(item)  # type: ignore[arg-type]
        events = [{"message": json.dumps(line)} for line in lines]
        self.clients: Mapping[str, Any] = {
            "cloudwatch": Service("cloudwatch", lambda *asked: self._alarm(*asked, red=red)).client,
            "logs": Service("logs", lambda *_: {"events": [{"message": "no JSON"}, {"message": "[]"}, *events]}).client,
            "dynamodb": self.dynamodb,
        }
        described = Described({"FollowUps": kinds}, {ALARM: "acme-alarm", "FollowUpFunctionLogs": "/acme/follow-up"})
        self.step = FollowUps(self, described, 0.0, patience=0.0)  # type: ignore[arg-type]

    def client(self, name: str) -> object:
        """Return the client of a service."""
        return self.clients[name]

    def output(self, name: str) -> str:
        """Return an output of the stack."""
        return OUTPUTS[name]

    def _alarm(self, operation: str, asked: Mapping[str, Any], *, red: bool) -> Mapping[str, Any]:
        if operation == "SetAlarmState":
            self.set.append(asked["StateValue"])
            return {}
        return {"MetricAlarms": [{"AlarmName": "acme-alarm", "StateValue": "ALARM" if red else "OK"}]}


def test_two_pictures_in_one_incident_are_what_is_asked_for() -> None:
    """That of the firing, and that of the whole episode."""
    world = World(PICTURE, PICTURE, {**REFUSED, "record": "INC0000009"})

    assert world.step.pictures() == f"two pictures are attached to {NUMBER}, which is resolved; nothing was refused"
    assert world.set == ["ALARM", "OK"]


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ([], "no picture was attached"),
        ([{**PICTURE, "kind": "log"}], "no picture was attached"),
        ([{**PICTURE, "record": "INC0000009"}], "no picture was attached"),
        ([PICTURE], "no picture of the whole episode"),
        ([PICTURE, REFUSED], "graph was refused: AWS refuses cloudwatch:DescribeAlarms."),
    ],
    ids=["nothing", "only lines", "another's", "one", "refused"],
)
def test_what_is_missing_is_told_and_the_alarm_set_right(lines: list[dict[str, str]], told: str) -> None:
    """Whatever was refused stands in the line of the function's log."""
    world = World(*lines)

    with pytest.raises(MissedError, match=told):
        world.step.pictures()
    assert world.set == ["ALARM", "OK"]


@pytest.mark.parametrize(
    ("kinds", "red", "why"),
    [("", False, "adds no graph"), ("log,events", False, "adds no graph"), ("graph", True, "red already")],
)
def test_where_it_cannot_be_tried_no_alarm_fires(kinds: str, *, red: bool, why: str) -> None:
    """A step that is skipped says why."""
    world = World(kinds=kinds, red=red)

    with pytest.raises(SkippedError, match=why):
        world.step.pictures()
    assert world.set == []
