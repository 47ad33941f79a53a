"""Alerts, items and moments in few words, for tests of what is decided."""

from copy import replace

from common.incidents.alert import Fold, OnRepeat, Policy
from common.incidents.episodes import Past
from common.incidents.item import Item, Operation, Pending, RecordReference, problem_of
from common.incidents.steps import CLOCK_MARGIN, SERVICENOW_COMMITS_WITHIN, Condition, Moment, Next, Seen, Step, Write
from tests.support.clock import EPOCH
from tests.support.world import KEY, alerts

PROBLEM = problem_of("deployment", KEY)
RECORD = RecordReference("1" * 32, "INC0000001")
OTHER_RECORD = RecordReference("2" * 32, "INC0000002")
CORRELATION_ID = f"{PROBLEM}-0123456789abcdef"
NOW = int(EPOCH) * 1000
MOMENT = Moment(now=NOW, hard_deadline=NOW + 60_000, owner="me")
NOTES = Policy(on_repeat=OnRepeat.NOTE)
BRING_FIRING = (Operation.NOTE, Operation.REOPEN, Operation.REOPEN_STATE)
"""What tells of an alarm in a record that there is."""


def fold(text: str, policy: Policy | None = None) -> Fold:
    """Return the fold of alerts such as `F1 R2` or `aF1 bR2`."""
    return Fold.of(alerts(text, policy))


def orders(text: str) -> dict[str, int]:
    """Return the order keys of alerts such as `F1` or `aF1 bR2`, by member."""
    return {alert.member: alert.order for alert in alerts(text)}


def order(text: str) -> int:
    """Return the order key of one alert such as `F1`."""
    return alerts(text)[0].order


def settled(
    applied: str = "", record: RecordReference | None = None, *, correlation_id: str | None = None, version: int = 5
) -> Item:
    """Return an item with nothing pending, to which the alerts in `applied` were applied."""
    return Item(PROBLEM, KEY, "incident", version, orders(applied), record, correlation_id)


def pending(
    operation: Operation, applying: str, applied: str = "", *, lock_until: int = NOW - 1, owner: str = "another"
) -> Item:
    """Return an item with a pending write; only an open has no record, and a correlation id instead."""
    opens = operation is Operation.OPEN
    return Item(
        PROBLEM,
        KEY,
        "incident",
        5,
        orders(applied),
        None if opens else RECORD,
        CORRELATION_ID if opens else None,
        Pending(operation, orders(applying), lock_until, owner),
    )


def seen(
    condition: Condition = Condition.OPEN,
    *,
    marker: str = "servicenow-bridge:1:0",
    record: RecordReference = RECORD,
    correlation_id: str = CORRELATION_ID,
) -> Seen:
    """Return a record as ServiceNow shows it; its marker is one of ours, of another write."""
    return Seen(record, condition, correlation_id, marker)


def marker_of(item: Item) -> str:
    """Return what the pending write of an item leaves in the record."""
    assert item.pending is not None
    return item.pending.marker


def written(step: Step, then: Next) -> Item:
    """Return the item that a step writes, without its past; it has to be a write that is followed by `then`."""
    assert isinstance(step, Write)
    assert step.then is then
    return replace(step.item, past=Past())


def claimed(step: Step, operation: Operation) -> Item:
    """Return the item with which a step claims a write to ServiceNow; it has to be that operation, and mine."""
    item = written(step, Next.CALL)
    assert item.pending_write.operation is operation
    assert item.pending_write.owner == MOMENT.owner
    assert item.pending_write.lock_until == MOMENT.hard_deadline + SERVICENOW_COMMITS_WITHIN + CLOCK_MARGIN
    return item
