"""What the outcome of one's own call leads to: rows 10 to 15 of the table in docs/ledger.md."""

from collections.abc import Callable, Mapping
from copy import replace

import pytest

from common.incidents import decide
from common.incidents.alert import OnReturn
from common.incidents.item import RECOVERIES, Item, Operation
from common.incidents.steps import Condition, LookUp, Next, Seen, Step
from tests.support.problems import (
    BRING_FIRING,
    CORRELATION_ID,
    MOMENT,
    NOTES,
    NOW,
    OTHER_RECORD,
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


@pytest.mark.parametrize("operation", list(Operation))
def test_row_10_a_proper_answer_settles_the_item(operation: Operation) -> None:
    """With the record of the answer, and without the key of the attempt."""
    item = pending(operation, "F2", "F1", lock_until=NOW + 1, owner="me")

    after = written(decide.answered(item, seen(marker=marker_of(item)), fold("F2", NOTES), MOMENT), Next.PLAN)

    assert after == settled("F2", RECORD)


def test_row_10_whoever_finished_anothers_write_still_has_its_own_to_do() -> None:
    """R3 found that F2 had to be reopened, and did it; R3 itself is not applied by that."""
    item = pending(Operation.REOPEN_STATE, "F2", "F1")

    after = written(decide.answered(item, seen(), fold("R3", NOTES), MOMENT), Next.PLAN)

    claimed(decide.plan(after, fold("R3", NOTES), MOMENT), Operation.RESOLVE)


@pytest.mark.parametrize("operation", [Operation.NOTE, Operation.REOPEN])
def test_row_11_a_record_that_a_person_resolved_is_reopened(operation: Operation) -> None:
    """The answer to the note shows it; the note is not repeated."""
    item = pending(operation, "F2", "F1")

    after = claimed(decide.answered(item, seen(Condition.RESOLVED), fold("F2", NOTES), MOMENT), Operation.REOPEN_STATE)

    assert after.pending_write.orders == orders("F2")


F2 = fold("F2", NOTES)
REPLACED: Mapping[str, Callable[[Item], Step]] = {
    "12 the answer shows it closed": lambda item: decide.answered(item, seen(Condition.CLOSED), F2, MOMENT),
    "12 closed, and the policy replaces": lambda item: decide.answered(
        item, seen(Condition.CLOSED), fold("F2", REPLACES), MOMENT
    ),
    "12 resolved, and the policy replaces": lambda item: decide.answered(
        item, seen(Condition.RESOLVED), fold("F2", REPLACES), MOMENT
    ),
    "12 it was deleted": lambda item: decide.gone(item, F2, MOMENT),
    "14a closed, it forbids the change": lambda item: decide.refused(item, seen(Condition.CLOSED), F2, MOMENT),
    "14a resolved, it forbids the change": lambda item: decide.refused(item, seen(Condition.RESOLVED), F2, MOMENT),
}


@pytest.mark.parametrize("operation", BRING_FIRING)
@pytest.mark.parametrize("outcome", REPLACED.values(), ids=REPLACED)
def test_rows_12_and_14a_a_record_in_which_nobody_would_see_the_alarm_is_replaced_in_one_write(
    operation: Operation, outcome: Callable[[Item], Step]
) -> None:
    """The old one is forgotten, and the new one is claimed for the same events."""
    after = claimed(outcome(pending(operation, "F2", "F1")), Operation.OPEN)

    assert (after.record, after.orders) == (None, orders("F1"))
    assert after.pending_write.orders == orders("F2")


def test_row_12_a_record_that_cannot_be_reopened_is_replaced() -> None:
    """Trying for ever would help nobody."""
    item = pending(Operation.REOPEN_STATE, "F2", "F1")

    claimed(decide.answered(item, seen(Condition.RESOLVED), F2, MOMENT), Operation.OPEN)


@pytest.mark.parametrize("text", ["R3", "F3"])
def test_row_12_without_the_events_own_message_nobody_can_say_what_a_new_record_holds(text: str) -> None:
    """The record is forgotten; then everybody goes on with what they have."""
    item = pending(Operation.REOPEN_STATE, "F2", "F1")

    closed = decide.answered(item, seen(Condition.CLOSED), fold(text, NOTES), MOMENT)
    deleted = decide.gone(item, fold(text, NOTES), MOMENT)

    assert written(closed, Next.PLAN) == settled("F1")
    assert written(deleted, Next.PLAN) == settled("F1")


@pytest.mark.parametrize("operation", sorted(RECOVERIES))
def test_rows_12_and_14a_a_record_that_is_finished_or_gone_needs_no_recovery(operation: Operation) -> None:
    """The problem is over, and nothing is left to be resolved."""
    item = pending(operation, "R2", "F1")

    assert written(decide.gone(item, fold("R2"), MOMENT), Next.PLAN) == settled("R2")
    for condition in (Condition.RESOLVED, Condition.CLOSED):
        refused = decide.refused(item, seen(condition), fold("R2"), MOMENT)
        assert written(refused, Next.PLAN) == settled("R2", RECORD)


@pytest.mark.parametrize("operation", [Operation.NOTE, Operation.REOPEN, *sorted(RECOVERIES)])
def test_rows_13_and_14_what_was_not_done_is_forgotten(operation: Operation) -> None:
    """The next try begins at once and from the beginning."""
    item = pending(operation, "F2", "F1")

    assert written(decide.not_done(item, MOMENT), Next.GO_BACK) == settled("F1", RECORD)


def test_rows_13_and_14_an_open_that_was_not_done_leaves_its_key_to_the_next() -> None:
    """As one that was looked for in vain does."""
    after = written(decide.not_done(pending(Operation.OPEN, "F1"), MOMENT), Next.GO_BACK)

    assert after == settled(correlation_id=CORRELATION_ID)


def test_rows_13_and_14_reopening_stays_pending_for_anybody_to_redo() -> None:
    """Were it forgotten, its note would be written again."""
    item = pending(Operation.REOPEN_STATE, "F2", "F1", lock_until=NOW + 99)

    after = written(decide.not_done(item, MOMENT), Next.GO_BACK)

    assert after.pending is not None
    assert after.pending == replace(pending(Operation.REOPEN_STATE, "F2").pending, lock_until=NOW)  # type: ignore[arg-type]
    assert decide.plan(after, fold("F2"), replace(MOMENT, now=NOW + 1)) == LookUp()


@pytest.mark.parametrize("operation", [*BRING_FIRING, Operation.RESOLVE])
@pytest.mark.parametrize(
    "shown", [None, seen(), seen(Condition.CLOSED, record=OTHER_RECORD)], ids=["hidden", "open", "foreign"]
)
def test_row_14a_any_other_refusal_stands(operation: Operation, shown: Seen | None) -> None:
    """It is about this change, or about the rights of the integration user."""
    item = pending(operation, "F2", "F1")

    assert decide.refused(item, shown, fold("F2", NOTES), MOMENT) == decide.not_done(item, MOMENT)


def test_row_15_an_unknown_outcome_keeps_the_lock_until_it_can_be_known() -> None:
    """65 s after the call, and 5 s for the clocks; never longer than the lock was."""
    long = pending(Operation.OPEN, "F1", lock_until=NOW + 500_000)
    short = pending(Operation.OPEN, "F1", lock_until=NOW + 30_000)

    after = written(decide.unknown(long, MOMENT), Next.GO_BACK)
    before = written(decide.unknown(short, MOMENT), Next.GO_BACK)

    assert after == replace(long, pending=replace(long.pending, lock_until=NOW + 70_000))  # type: ignore[arg-type]
    assert before == short


def test_a_settled_item_has_no_outcome() -> None:
    """To ask for one is a mistake in the code."""
    with pytest.raises(ValueError, match="no operation"):
        decide.unknown(settled("F1", RECORD), MOMENT)
