"""What somebody else puts into the queue of follow-ups reaches neither AWS nor a record that is not theirs to change.

The queue's policy lets nobody send but the events function; this is what holds behind it.
"""

import json
from typing import Any

import pytest

from common.clock import Deadline
from common.context.additions import Note
from common.context.request import Request
from common.errors import PermanentError
from common.incidents.alert import FollowUp
from common.incidents.item import problem_of
from common.queue import Message
from tests.support.context import event, request
from tests.unit.context.test_runner import World

ALARM = event("cloudwatch-alarm-metric-alarm")
FOREIGN = problem_of("another", "key")

pytestmark = pytest.mark.attack


def forged(**changes: Any) -> str:  # noqa: ANN401 (any JSON)
    """Return a message with some of its members changed; those of the event by `account` and `region`."""
    told = json.loads(request(ALARM, FollowUp.LOG).body())
    told["event"] |= {name: changes.pop(name) for name in ("account", "region") if name in changes}
    return json.dumps({**told, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {"problem": ""},
        {"problem": "a"},
        {"problem": "A" * 32},
        {"problem": "a" * 32 + "\n"},
        {"account": ""},
        {"account": "111122223333/../admin"},
        {"account": "11112222333"},
        {"account": "١١١١٢٢٢٢٣٣٣٣"},
        {"account": ["111122223333"]},
        {"region": ""},
        {"region": "evil.example/#"},
        {"region": "eu-west-1.evil.example"},
        {"region": "eu-west-1\n"},
        {"began": -1},
        {"began": 10**18},
        {"began": float("inf")},
        {"ended": 10**18},
        {"with": ["graph", "everything"]},
        {"with": None},
        {"event": "text"},
    ],
    ids=repr,
)
def test_what_cannot_be_asked_for_is_refused(changes: dict[str, Any]) -> None:
    """An empty problem would be every record's; an account is part of a role's name, a Region of a host's."""
    with pytest.raises(PermanentError, match="none that the events function sends"):
        Request.read(forged(**changes))


@pytest.mark.parametrize("record_is", ["of the other", "of this one"])
def test_a_problem_of_another_deployment_gets_nothing(record_is: str) -> None:
    """Though both share instance and ledger, and whatever the record at that sys_id is known by."""
    world = World()
    if record_is == "of the other":
        world.records.correlation_id = f"{FOREIGN}-{'0' * 16}"

    assert world.run(Message("1", "", forged(problem=FOREIGN), 1)) == []
    assert (world.looked, world.records.files, world.records.notes) == ([], [], [])
    assert world.counted("FollowUpsDropped") == 1
    assert world.dynamodb.items == {}


@pytest.mark.parametrize(("table", "sys_id"), [("sys_user", "1" * 32), ("incident", "../../sys_user/" + "1" * 32)])
def test_a_record_elsewhere_gets_nothing(table: str, sys_id: str) -> None:
    """A record of our own is known by its correlation id, which rows of other tables don't have."""
    world = World()
    world.found = [Note("text")]
    world.records.correlation_id = ""

    assert world.run(Message("1", "", forged(table=table, sys_id=sys_id), 1)) == []
    assert (world.records.files, world.records.notes) == ([], [])


def test_one_kind_named_a_thousand_times_is_looked_for_once() -> None:
    """A message can't make the function ask AWS for ever."""
    world = World()
    world.run(Message("1", "", forged(**{"with": ["log"] * 1000}), 1))

    assert len(world.looked) == 1


def test_a_flood_of_messages_costs_a_minutes_share_and_no_more() -> None:
    """Each names another record; what is dropped is counted."""
    world = World(per_minute=2)
    flood = [Message(str(n), "", forged(sys_id=f"{n:032x}"), 1) for n in range(10)]

    assert world.runner.run(flood, Deadline.after(world.clock, 300)) == []
    assert len(world.looked) == 2
    assert world.counted("FollowUpsDropped") == 8
