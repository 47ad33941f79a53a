"""What the events function asks for, and how it travels."""

import json
from typing import Any

import pytest

from common.context.request import LONGEST_MESSAGE, Request, request_of
from common.errors import PermanentError
from common.incidents.alert import Alert, Fold, FollowUp, Status
from common.incidents.gathering import gathered
from common.incidents.item import Item, Operation, Pending, RecordReference
from common.incidents.work import Applied
from common.servicenow.event_management import EVENT_TABLE
from tests.support.context import PROBLEM, SYS_ID, event

ALL = tuple(FollowUp)
RECORD = RecordReference(SYS_ID, "INC0010001")
LONG: dict[str, Any] = {"long": "x" * 250_000, "many": ["y" * 50] * 100} | {f"part {n}": "z" * 3000 for n in range(50)}
NEW = Item(problem=PROBLEM, dedup_key="key", table="incident")
FIRES = NEW._replace(orders={"-": 5_000_001}, record=RECORD)


def fold(status: Status, at: int = 700_000, *, kinds: tuple[FollowUp, ...] = ALL, **detail: Any) -> Fold:  # noqa: ANN401
    """Return one alert of a CloudWatch alarm."""
    about = event("cloudwatch-alarm-metric-alarm", **detail)
    return Fold.of([Alert(key="key", status=status, occurred_at=at, follow_ups=kinds, event=about if kinds else {})])


def done(*operations: Operation) -> Applied:
    """Return what the desk did."""
    return Applied(operations, RECORD)


@pytest.mark.parametrize("operation", [Operation.OPEN, Operation.REOPEN])
def test_a_record_that_opens_gets_everything(operation: Operation) -> None:
    """Whether it is new, or the problem is back."""
    asked = request_of(NEW, fold(Status.FIRING), done(operation), ALL)

    assert asked is not None
    assert (asked.kinds, asked.sys_id, asked.problem) == (ALL, SYS_ID, PROBLEM)
    assert (asked.order, asked.began, asked.ended) == (7_000_001, 700_000, None)


@pytest.mark.parametrize("operation", [Operation.RESOLVE, Operation.RECOVERY_NOTE])
def test_a_recovery_gets_the_graph_of_the_whole_episode(operation: Operation) -> None:
    """When it began the ledger knows."""
    asked = request_of(FIRES, fold(Status.RESOLVED), done(operation), ALL)

    assert asked is not None
    assert (asked.kinds, asked.began, asked.ended) == ((FollowUp.GRAPH,), 500_000, 700_000)


def test_a_record_that_another_worker_opened_without_seeing_the_answer_gets_everything() -> None:
    """Whoever finds it asks; that nothing is added twice is the claims' affair."""
    lost = NEW._replace(pending=Pending(Operation.OPEN, {"-": 7_000_001}, 0, "another"))

    assert request_of(lost, fold(Status.FIRING), done(), ALL) is not None


def test_a_problem_that_returns_to_a_record_that_was_left_open_gets_everything() -> None:
    """A note is all that the record got, and yet a new episode begins."""
    over = NEW._replace(orders={"-": 5_000_000}, record=RECORD)

    assert request_of(over, fold(Status.FIRING), done(Operation.NOTE), ALL) is not None


@pytest.mark.parametrize(
    ("item", "given", "applied", "allowed"),
    [
        (NEW, fold(Status.FIRING), done(Operation.OPEN), ()),
        (NEW, fold(Status.FIRING, kinds=()), done(Operation.OPEN), ALL),
        (NEW, fold(Status.FIRING), done(), ALL),
        (FIRES, fold(Status.FIRING), done(Operation.NOTE), ALL),
        (FIRES, fold(Status.RESOLVED), done(), ALL),
        (FIRES, fold(Status.RESOLVED), done(Operation.RESOLVE), (FollowUp.LOG,)),
        (NEW, fold(Status.FIRING), Applied((Operation.OPEN,), None), ALL),
        (NEW._replace(table=EVENT_TABLE), fold(Status.FIRING), done(Operation.OPEN), ALL),
    ],
    ids=[
        "the parameter is empty",
        "the rule has no with",
        "nothing was done",
        "it fires already",
        "a recovery that was known",
        "a recovery without graph",
        "no record",
        "Event Management",
    ],
)
def test_nothing_is_asked_for(item: Item, given: Fold, applied: Applied, allowed: tuple[str, ...]) -> None:
    """Only where rule and parameter say so, and once an episode."""
    assert request_of(item, given, applied, allowed) is None


def test_a_problem_that_joins_a_storm_asks_for_nothing() -> None:
    """A storm's record would get a picture for each of its hundreds, and they would use up the minute's share."""
    told = gathered(fold(Status.FIRING))

    assert request_of(NEW, told, done(Operation.OPEN), ALL) is None
    assert request_of(FIRES, told, done(Operation.NOTE), ALL) is None
    assert request_of(FIRES, gathered(fold(Status.RESOLVED)), done(Operation.RESOLVE), ALL) is None


def test_a_message_says_the_same_again() -> None:
    """Whatever characters it holds."""
    asked = request_of(NEW, fold(Status.FIRING, alarmName="é \ud800 ☃"), done(Operation.OPEN), ALL)

    assert asked is not None
    assert Request.read(asked.body()) == asked


def test_a_message_is_small_whatever_the_event_holds() -> None:
    """What is too long is missing; what names the alarm is there."""
    asked = request_of(
        NEW,
        fold(Status.FIRING, **LONG),
        done(Operation.OPEN),
        ALL,
    )

    assert asked is not None
    assert len(asked.body()) <= LONGEST_MESSAGE
    assert asked.detail["alarmName"] == "checkout-api p99 latency"
    assert "long" not in asked.detail


@pytest.mark.parametrize(
    "body", ["", "[]", "{}", json.dumps({"with": ["everything"]}), "[" * 100_000], ids=["", "[]", "{}", "kind", "deep"]
)
@pytest.mark.attack
def test_anything_else_in_the_queue_is_refused(body: str) -> None:
    """It never reaches AWS or ServiceNow."""
    with pytest.raises(PermanentError, match="none that the events function sends"):
        Request.read(body)
