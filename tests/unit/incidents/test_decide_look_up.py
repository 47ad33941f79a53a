"""What a look-up after the lock leads to: row 4 of the table in docs/ledger.md."""

from collections.abc import Iterator, Sequence
from copy import replace

import pytest

from common.incidents import decide
from common.incidents.alert import OnReturn, Policy
from common.incidents.item import RECOVERIES, Item, Operation
from common.incidents.steps import Condition, Conflict, Next, Seen
from tests.support.problems import (
    BRING_FIRING,
    CORRELATION_ID,
    MOMENT,
    NOTES,
    OTHER_RECORD,
    PROBLEM,
    RECORD,
    claimed,
    fold,
    marker_of,
    orders,
    pending,
    seen,
    settled,
    written,
)

REPLACES = replace(NOTES, on_return=OnReturn.REPLACE)
CHANGES = {
    Operation.NOTE: ("F2", "F1"),
    Operation.REOPEN: ("F3", "R2"),
    Operation.RESOLVE: ("R2", "F1"),
    Operation.RECOVERY_NOTE: ("R2", "F1"),
}
"""What each applies, and what was applied before."""

type Row = tuple[str, Item, Sequence[Seen], Policy, Item]


def carried_out_or_not() -> Iterator[Row]:
    """Yield rows: why, the item, what ServiceNow shows, the policy, and what is written."""
    item = pending(Operation.OPEN, "F1")
    yield "4a what was opened is adopted", item, [seen()], Policy(), settled("F1", RECORD)
    resolved = seen(Condition.RESOLVED)
    yield "4a what a person resolved meanwhile stays resolved", item, [resolved], Policy(), settled("F1", RECORD)
    yield "4d an open that failed keeps its key", item, [], Policy(), settled(correlation_id=CORRELATION_ID)
    for operation, (applying, applied) in CHANGES.items():
        item = pending(operation, applying, applied)
        shown = seen(marker=marker_of(item))
        yield f"4a a {operation} that left its marker was carried out", item, [shown], NOTES, settled(applying, RECORD)
        for condition in (Condition.OPEN, Condition.RESOLVED):
            why = f"4d a {operation} without its marker was not carried out: it is {condition.value}"
            yield why, item, [seen(condition)], NOTES, settled(applied, RECORD)
    item = pending(Operation.REOPEN_STATE, "F2", "F1")
    yield "4d reopening needs no marker: its note came before it", item, [seen()], NOTES, settled("F2", RECORD)
    item = pending(Operation.RESOLVE, "R2", "F1")
    shown = seen(correlation_id="JIRA-1", marker=marker_of(item))
    yield "4 another tool may use our record's correlation id", item, [shown], Policy(), settled("R2", RECORD)


def finished_or_gone() -> Iterator[Row]:
    """Yield rows of records that a person finished or deleted."""
    for operation in (Operation.OPEN, *BRING_FIRING):
        item = pending(operation, "F2", "F1")
        yield f"4c a closed record is forgotten: {operation}", item, [seen(Condition.CLOSED)], NOTES, settled("F1")
    for operation in BRING_FIRING:
        item = pending(operation, "F2", "F1")
        shown = seen(Condition.RESOLVED, marker=marker_of(item))
        yield f"4c a resolved one is where the policy replaces: {operation}", item, [shown], REPLACES, settled("F1")
    for operation in sorted(RECOVERIES):
        item = pending(operation, "R2", "F1")
        why = f"4c a {operation} asks no more of a closed record, whether it was carried out or not"
        yield why, item, [seen(Condition.CLOSED)], NOTES, settled("R2", RECORD)
    for operation in (*BRING_FIRING, Operation.RESOLVE):
        yield f"4d a deleted record is forgotten: {operation}", pending(operation, "F2", "F1"), [], NOTES, settled("F1")


def marker_taken_away() -> Iterator[Row]:
    """Yield rows of records in which somebody changed our marker: better a note too few than one too many."""
    for marker in ("", "INC-4711", "servicenow-bridge:one:0"):
        shown, resolved = seen(marker=marker), seen(Condition.RESOLVED, marker=marker)
        for operation in (Operation.NOTE, Operation.REOPEN, Operation.RECOVERY_NOTE):
            item = pending(operation, "F2", "F1")
            yield f"4d a {operation} counts as written at {marker!r}", item, [shown], NOTES, settled("F2", RECORD)
        item = pending(Operation.RESOLVE, "F2", "F1")
        yield f"4d a state is looked at: resolved, {marker!r}", item, [resolved], NOTES, settled("F2", RECORD)
        yield f"4d a state is looked at: not resolved, {marker!r}", item, [shown], NOTES, settled("F1", RECORD)


ROWS = (*carried_out_or_not(), *finished_or_gone(), *marker_taken_away())


@pytest.mark.parametrize(("item", "shown", "policy", "after"), [pytest.param(*row, id=why) for why, *row in ROWS])
def test_row_4_what_is_shown_settles_the_write_or_forgets_it(
    item: Item, shown: Sequence[Seen], policy: Policy, after: Item
) -> None:
    """In one write, after which the events are planned anew."""
    assert written(decide.found(item, shown, policy, MOMENT), Next.PLAN) == after


@pytest.mark.parametrize("operation", BRING_FIRING)
def test_row_4b_a_record_that_a_person_resolved_after_the_note_is_reopened_without_another_note(
    operation: Operation,
) -> None:
    """Only its state is left to be set, for the same events; a marker that was taken away tells nobody more."""
    item = pending(operation, "F2", "F1")

    for marker in (marker_of(item), ""):
        step = decide.found(item, [seen(Condition.RESOLVED, marker=marker)], NOTES, MOMENT)
        after = claimed(step, Operation.REOPEN_STATE)
        assert after.record == RECORD
        assert after.pending_write.orders == orders("F2")


def test_row_4d_reopening_is_redone_without_its_marker() -> None:
    """There is nothing that could be written twice."""
    item = pending(Operation.REOPEN_STATE, "F2", "F1")

    claimed(decide.found(item, [seen(Condition.RESOLVED)], NOTES, MOMENT), Operation.REOPEN_STATE)


@pytest.mark.parametrize("operation", [Operation.OPEN, *BRING_FIRING])
def test_row_4c_what_was_for_a_closed_record_opens_another_under_a_new_key(operation: Operation) -> None:
    """Whoever holds the message does it: nothing was applied."""
    after = written(decide.found(pending(operation, "F2", "F1"), [seen(Condition.CLOSED)], NOTES, MOMENT), Next.PLAN)

    assert claimed(decide.plan(after, fold("F2"), MOMENT), Operation.OPEN).correlation_id != CORRELATION_ID


def test_row_4d_an_open_that_was_not_carried_out_leaves_its_key_to_the_next() -> None:
    """Should it still commit one day, its double can be found."""
    after = written(decide.found(pending(Operation.OPEN, "F1"), [], Policy(), MOMENT), Next.PLAN)

    assert claimed(decide.plan(after, fold("F3"), MOMENT), Operation.OPEN).correlation_id == CORRELATION_ID


@pytest.mark.parametrize(
    ("item", "shown"),
    [
        (pending(Operation.OPEN, "F1"), [seen(), seen(record=OTHER_RECORD)]),
        (pending(Operation.OPEN, "F1"), [seen(correlation_id=f"{PROBLEM}-somebody-elses")]),
        (pending(Operation.NOTE, "F2", "F1"), [seen(record=OTHER_RECORD)]),
    ],
    ids=["several", "of another attempt", "under another sys_id"],
)
def test_row_4e_several_records_or_a_foreign_one_are_for_a_person(item: Item, shown: Sequence[Seen]) -> None:
    """Nothing is written: ServiceNow drops a condition that it does not understand and answers with any record."""
    assert decide.found(item, shown, NOTES, MOMENT) == Conflict()
