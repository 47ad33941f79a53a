"""What a look-up after the lock leads to: row 4 of the table in docs/ledger.md."""

from copy import replace

import pytest

from common.incidents import decide
from common.incidents.alert import OnRepeat, OnReturn, Policy
from common.incidents.item import Item, Operation
from common.incidents.steps import Condition, Conflict, Next
from tests.support.problems import (
    CORRELATION_ID,
    MOMENT,
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

NOTES = Policy(on_repeat=OnRepeat.NOTE)
REPLACES = Policy(on_repeat=OnRepeat.NOTE, on_return=OnReturn.REPLACE)


def test_row_4a_a_record_that_was_opened_is_adopted() -> None:
    """Its events count as applied, the key of the attempt has done its work."""
    item = pending(Operation.OPEN, "F1")

    after = written(decide.found(item, [seen()], Policy(), MOMENT), Next.PLAN)

    assert after == replace(settled("F1", RECORD), correlation_id=None)


def test_row_4a_an_opened_record_that_a_person_resolved_stays_resolved() -> None:
    """The problem is known to fire; nobody has said so again since."""
    item = pending(Operation.OPEN, "F1")

    after = written(decide.found(item, [seen(Condition.RESOLVED)], Policy(), MOMENT), Next.PLAN)

    assert after == settled("F1", RECORD)


@pytest.mark.parametrize(
    ("operation", "applying", "applied"),
    [
        (Operation.NOTE, "F2", "F1"),
        (Operation.REOPEN, "F3", "R2"),
        (Operation.RESOLVE, "R2", "F1"),
        (Operation.RECOVERY_NOTE, "R2", "F1"),
    ],
)
def test_row_4a_a_write_that_left_its_marker_was_carried_out(operation: Operation, applying: str, applied: str) -> None:
    """It is settled without another call."""
    item = pending(operation, applying, applied)

    after = written(decide.found(item, [seen(marker=marker_of(item))], NOTES, MOMENT), Next.PLAN)

    assert after == settled(applying, RECORD)


@pytest.mark.parametrize("operation", [Operation.NOTE, Operation.REOPEN, Operation.REOPEN_STATE])
def test_row_4b_a_record_that_a_person_resolved_after_the_note_is_reopened_without_another_note(
    operation: Operation,
) -> None:
    """Only its state is left to be set, for the same events."""
    item = pending(operation, "F2", "F1")

    step = decide.found(item, [seen(Condition.RESOLVED, marker=marker_of(item))], NOTES, MOMENT)

    after = claimed(step, Operation.REOPEN_STATE)
    assert after.record == RECORD
    assert after.pending is not None
    assert after.pending.orders == orders("F2")


@pytest.mark.parametrize("operation", [Operation.OPEN, Operation.NOTE, Operation.REOPEN, Operation.REOPEN_STATE])
def test_row_4c_a_closed_record_is_forgotten(operation: Operation) -> None:
    """The events are not applied, so whoever holds their message opens a new record under a new key."""
    item = pending(operation, "F2", "F1")

    after = written(decide.found(item, [seen(Condition.CLOSED)], NOTES, MOMENT), Next.PLAN)

    assert after == settled("F1")
    assert claimed(decide.plan(after, fold("F2"), MOMENT), Operation.OPEN).correlation_id != CORRELATION_ID


@pytest.mark.parametrize("operation", [Operation.NOTE, Operation.REOPEN, Operation.REOPEN_STATE])
def test_row_4c_a_resolved_record_is_forgotten_where_the_policy_replaces(operation: Operation) -> None:
    """It is not reopened."""
    item = pending(operation, "F2", "F1")

    step = decide.found(item, [seen(Condition.RESOLVED, marker=marker_of(item))], REPLACES, MOMENT)

    assert written(step, Next.PLAN) == settled("F1")


@pytest.mark.parametrize("operation", [Operation.RESOLVE, Operation.RECOVERY_NOTE])
def test_row_4c_a_recovery_asks_no_more_of_a_closed_record(operation: Operation) -> None:
    """Whether its own write was carried out does not matter any more."""
    item = pending(operation, "R2", "F1")

    after = written(decide.found(item, [seen(Condition.CLOSED)], NOTES, MOMENT), Next.PLAN)

    assert after == settled("R2", RECORD)


def test_row_4d_an_open_that_was_not_carried_out_leaves_its_key_to_the_next() -> None:
    """Should it still commit one day, its double can be found."""
    item = pending(Operation.OPEN, "F1")

    after = written(decide.found(item, [], Policy(), MOMENT), Next.PLAN)

    assert after == settled(correlation_id=CORRELATION_ID)
    assert claimed(decide.plan(after, fold("F3"), MOMENT), Operation.OPEN).correlation_id == CORRELATION_ID


@pytest.mark.parametrize("condition", [Condition.OPEN, Condition.RESOLVED])
@pytest.mark.parametrize(
    ("operation", "applying", "applied"),
    [
        (Operation.NOTE, "F2", "F1"),
        (Operation.REOPEN, "F3", "R2"),
        (Operation.RESOLVE, "R2", "F1"),
        (Operation.RECOVERY_NOTE, "R2", "F1"),
    ],
)
def test_row_4d_a_write_without_its_marker_was_not_carried_out(
    operation: Operation, applying: str, applied: str, condition: Condition
) -> None:
    """It is forgotten, and planned anew."""
    item = pending(operation, applying, applied)

    after = written(decide.found(item, [seen(condition)], NOTES, MOMENT), Next.PLAN)

    assert after == settled(applied, RECORD)


@pytest.mark.parametrize("operation", [Operation.NOTE, Operation.REOPEN, Operation.REOPEN_STATE, Operation.RESOLVE])
def test_row_4d_a_deleted_record_is_forgotten(operation: Operation) -> None:
    """What the pending write was for is planned anew."""
    item = pending(operation, "F2", "F1")

    assert written(decide.found(item, [], NOTES, MOMENT), Next.PLAN) == settled("F1")


def test_row_4d_reopening_is_redone_without_its_marker() -> None:
    """Its note came before it, so there is nothing that could be written twice."""
    item = pending(Operation.REOPEN_STATE, "F2", "F1")

    claimed(decide.found(item, [seen(Condition.RESOLVED)], NOTES, MOMENT), Operation.REOPEN_STATE)
    applied = written(decide.found(item, [seen(Condition.OPEN)], NOTES, MOMENT), Next.PLAN)
    assert applied == settled("F2", RECORD)


@pytest.mark.parametrize("marker", ["", "INC-4711", "servicenow-bridge:one:0"])
@pytest.mark.parametrize(
    ("operation", "condition", "after"),
    [
        (Operation.NOTE, Condition.OPEN, settled("F2", RECORD)),
        (Operation.REOPEN, Condition.OPEN, settled("F2", RECORD)),
        (Operation.RECOVERY_NOTE, Condition.OPEN, settled("F2", RECORD)),
        (Operation.RESOLVE, Condition.RESOLVED, settled("F2", RECORD)),
        (Operation.RESOLVE, Condition.OPEN, settled("F1", RECORD)),
    ],
)
def test_row_4d_where_the_marker_was_taken_away_a_note_counts_as_written_and_a_state_is_looked_at(
    operation: Operation, condition: Condition, after: Item, marker: str
) -> None:
    """A note too few is better than one too many; the state of the record is exact all the same."""
    item = pending(operation, "F2", "F1")

    step = decide.found(item, [seen(condition, marker=marker)], NOTES, MOMENT)

    assert written(step, Next.PLAN) == after


@pytest.mark.parametrize("operation", [Operation.NOTE, Operation.REOPEN])
def test_row_4d_where_the_marker_was_taken_away_a_resolved_record_is_reopened_without_a_note(
    operation: Operation,
) -> None:
    """Whether the note is in it nobody can tell."""
    item = pending(operation, "F2", "F1")

    claimed(decide.found(item, [seen(Condition.RESOLVED, marker="")], NOTES, MOMENT), Operation.REOPEN_STATE)


def test_row_4e_several_records_are_for_a_person_to_sort_out() -> None:
    """Nothing is written."""
    two = [seen(), seen(record=OTHER_RECORD)]

    assert decide.found(pending(Operation.OPEN, "F1"), two, Policy(), MOMENT) == Conflict()


def test_row_4e_a_foreign_record_is_not_adopted() -> None:
    """ServiceNow drops a condition that it does not understand and answers with any record."""
    foreign = seen(correlation_id=f"{PROBLEM}-somebody-elses")
    other = seen(record=OTHER_RECORD)

    assert decide.found(pending(Operation.OPEN, "F1"), [foreign], Policy(), MOMENT) == Conflict()
    assert decide.found(pending(Operation.NOTE, "F2", "F1"), [other], Policy(), MOMENT) == Conflict()


def test_row_4_another_tool_may_use_the_correlation_id_of_our_record() -> None:
    """A record that is known by its sys_id stays ours."""
    item = pending(Operation.RESOLVE, "R2", "F1")

    step = decide.found(item, [seen(correlation_id="JIRA-1", marker=marker_of(item))], Policy(), MOMENT)

    assert written(step, Next.PLAN) == settled("R2", RECORD)
