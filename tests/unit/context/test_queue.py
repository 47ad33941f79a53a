"""What the events function asks for leaves after the batch, and never stands in its way."""

from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from common.context.queue import FollowUpQueue
from common.incidents.alert import Alert, Fold, FollowUp, Status
from common.incidents.item import Item, Operation, RecordReference
from common.incidents.work import Applied
from common.telemetry import Telemetry
from tests.support.aws_service import Service, refused
from tests.support.context import PROBLEM, SYS_ID, event

URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/follow-ups"
NEW = Item(problem=PROBLEM, dedup_key="key", table="incident")
OPENED = Applied((Operation.OPEN,), RecordReference(SYS_ID, "INC0010001"))
FOLD = Fold.of(
    [
        Alert(
            key="key",
            status=Status.FIRING,
            occurred_at=1,
            follow_ups=tuple(FollowUp),
            event=event("cloudwatch-alarm-metric-alarm"),
        )
    ]
)


class World:
    """A queue, and what it counted."""

    def __init__(self, answer: Mapping[str, Any] | Exception | None = None) -> None:
        """Let SQS take everything, or answer this."""
        self.telemetry = Telemetry("test")
        self.service = Service("sqs", lambda _, asked: answer or {"Successful": taken(asked), "Failed": []})
        self.queue = FollowUpQueue(
            self.service.client, "https://sqs.eu-west-1.amazonaws.com/1/q", ["graph"], self.telemetry
        )

    @property
    def counts(self) -> Mapping[str, int]:
        """What was counted."""
        return self.telemetry.counts()


def taken(asked: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return what SQS says of entries that it takes."""
    return [{"Id": entry["Id"], "MessageId": "m", "MD5OfMessageBody": "x"} for entry in asked["Entries"]]


def test_nothing_is_sent_before_the_end_of_the_batch() -> None:
    """And then ten messages in one call."""
    world = World()
    for _ in range(12):
        world.queue.after(NEW, FOLD, OPENED)
    assert world.service.calls == []
    world.queue.send()
    world.queue.send()

    assert [len(asked["Entries"]) for _, asked in world.service.calls] == [10, 2]
    assert world.counts == {"FollowUpsAsked": 12}


@pytest.mark.parametrize(
    "answer",
    [
        refused("AccessDenied"),
        refused("KMS.DisabledException"),
        EndpointConnectionError(endpoint_url="x"),
        {"Successful": [], "Failed": [{"Id": "0", "Code": "InternalError", "SenderFault": False}]},
    ],
    ids=["denied", "no key", "away", "not taken"],
)
def test_what_sqs_does_not_take_is_counted_and_raises_nothing(answer: Mapping[str, Any] | Exception) -> None:
    """The records are written already."""
    world = World(answer)
    world.queue.after(NEW, FOLD, OPENED)
    world.queue.send()

    assert world.counts["FollowUpsLost"] == 1


def test_a_defect_in_here_stops_no_record() -> None:
    """Whatever an alert holds."""
    world = World()
    world.queue.after(NEW, Fold(()), OPENED)
    world.queue.send()

    assert world.counts == {"Defects": 1}
