"""The rows of the table in docs/ledger.md, one by one."""

from dataclasses import replace

import pytest

from common.incidents import decide
from common.incidents.alert import OnRecovery, OnRepeat, OnReturn, Policy
from common.incidents.decide import CLOCK_MARGIN, SERVICENOW_COMMITS_WITHIN, Condition, Next, Wait, Write
from common.incidents.item import Item, Operation
from tests.support.problems import (
    CORRELATION_ID,
    MOMENT,
    NOW,
    OTHER_RECORD,
    PROBLEM,
    RECORD,
    fold,
    marker_of,
    orders,
    pending,
    seen,
    settled,
)

NOTES = Policy(on_repeat=OnRepeat.NOTE)
REPLACES = Policy(on_repeat=OnRepeat.NOTE, on_return=OnReturn.REPLACE)


def written(step: decide.Step, then: Next) -> Item:
    """Return the item that a step writes; it has to be a write that is followed by `then`."""
    assert isinstance(step, Write)
    assert step.then is then
    return step.item


def claimed(step: decide.Step, operation: Operation) -> Item:
    """Return the item with which a step claims a write to ServiceNow; it has to be that operation, and mine."""
    item = written(step, Next.CALL)
    assert item.pending is not None
    assert item.pending.operation is operation
    assert item.pending.owner == MOMENT.owner
    assert item.pending.lock_until == MOMENT.hard_deadline + SERVICENOW_COMMITS_WITHIN + CLOCK_MARGIN
    return item


@pytest.mark.parametrize("again", ["F2", "R2", "F1"])
def test_row_2_what_is_applied_or_superseded_is_done(again: str) -> None:
    """Nothing is written or called for it, whether the item is settled or pending."""
    assert decide.plan(settled("F2", RECORD), fold(again), MOMENT) == decide.Finish()
    assert decide.plan(pending(Operation.RESOLVE, "R3", "F2"), fold(again), MOMENT) == decide.Finish()


def test_row_3_within_the_lock_everybody_waits() -> None:
    """Until its very last millisecond, and for as long as it lasts."""
    within = pending(Operation.OPEN, "F1", lock_until=NOW + 7)
    last = pending(Operation.OPEN, "F1", lock_until=NOW)

    assert decide.plan(within, fold("F2"), MOMENT) == Wait(7)
    assert decide.plan(last, fold("F2"), MOMENT) == Wait(0)


def test_row_4_after_the_lock_the_outcome_is_looked_up() -> None:
    """Whoever comes first does it, whoever owned the lock."""
    item = pending(Operation.OPEN, "F1", lock_until=NOW - 1)

    assert decide.plan(item, fold("F1"), MOMENT) == decide.LookUp()
    assert decide.plan(item, fold("R2"), MOMENT) == decide.LookUp()


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

    assert decide.found(pending(Operation.OPEN, "F1"), two, Policy(), MOMENT) == decide.Conflict()


def test_row_4e_a_foreign_record_is_not_adopted() -> None:
    """ServiceNow drops a condition that it does not understand and answers with any record."""
    foreign = seen(correlation_id=f"{PROBLEM}-somebody-elses")
    other = seen(record=OTHER_RECORD)

    assert decide.found(pending(Operation.OPEN, "F1"), [foreign], Policy(), MOMENT) == decide.Conflict()
    assert decide.found(pending(Operation.NOTE, "F2", "F1"), [other], Policy(), MOMENT) == decide.Conflict()


def test_row_4_another_tool_may_use_the_correlation_id_of_our_record() -> None:
    """A record that is known by its sys_id stays ours."""
    item = pending(Operation.RESOLVE, "R2", "F1")

    step = decide.found(item, [seen(correlation_id="JIRA-1", marker=marker_of(item))], Policy(), MOMENT)

    assert written(step, Next.PLAN) == settled("R2", RECORD)


def test_row_5_a_problem_without_a_record_gets_one() -> None:
    """Under a key that is written down before the call and names the problem."""
    after = claimed(decide.plan(settled("R1"), fold("F2"), MOMENT), Operation.OPEN)

    assert after.correlation_id is not None
    assert after.correlation_id.startswith(f"{PROBLEM}-")
    assert after.pending is not None
    assert after.pending.orders == orders("F2")
    assert after.orders == orders("R1")


def test_row_6_a_repeat_is_only_remembered() -> None:
    """Where the policy ignores it."""
    after = written(decide.plan(settled("F1", RECORD), fold("F2"), MOMENT), Next.PLAN)

    assert after == settled("F2", RECORD)


def test_row_6_a_repeat_is_noted() -> None:
    """Where the policy asks for it."""
    after = claimed(decide.plan(settled("F1", RECORD), fold("F2", NOTES), MOMENT), Operation.NOTE)

    assert after.orders == orders("F1")


def test_row_7_a_problem_that_returns_reopens_its_record() -> None:
    """With its note."""
    after = claimed(decide.plan(settled("R2", RECORD), fold("F3"), MOMENT), Operation.REOPEN)

    assert after.record == RECORD


def test_row_7_a_problem_that_returns_gets_a_new_record_where_the_policy_replaces() -> None:
    """The old one is forgotten in the same write."""
    item = settled("R2", RECORD)

    after = claimed(decide.plan(item, fold("F3", REPLACES), MOMENT), Operation.OPEN)

    assert after.record is None


def test_row_8_the_last_recovery_resolves_the_record() -> None:
    """It is the only write of an episode besides its opening."""
    claimed(decide.plan(settled("F1", RECORD), fold("R2"), MOMENT), Operation.RESOLVE)


@pytest.mark.parametrize(
    ("item", "text"),
    [
        (settled(), "R1"),
        (settled("R1", RECORD), "R2"),
        (settled("F1"), "R2"),
        (settled("aF1 bF2", RECORD), "aR3"),
        (settled("aF1", RECORD), "bR3"),
    ],
)
def test_row_9_any_other_recovery_is_only_remembered(item: Item, text: str) -> None:
    """It stops an alert that is older and comes later."""
    after = written(decide.plan(item, fold(text), MOMENT), Next.PLAN)

    assert after == replace(item, orders={**item.orders, **orders(text)})


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

    assert after.pending is not None
    assert after.pending.orders == orders("F2")


@pytest.mark.parametrize("operation", [Operation.NOTE, Operation.REOPEN, Operation.REOPEN_STATE])
@pytest.mark.parametrize(
    ("condition", "policy"),
    [(Condition.CLOSED, NOTES), (Condition.CLOSED, REPLACES), (Condition.RESOLVED, REPLACES)],
)
def test_row_12_a_closed_record_is_replaced_in_one_write(
    operation: Operation, condition: Condition, policy: Policy
) -> None:
    """The same goes for a resolved one under the policy that replaces."""
    item = pending(operation, "F2", "F1")

    after = claimed(decide.answered(item, seen(condition), fold("F2", policy), MOMENT), Operation.OPEN)

    assert (after.record, after.orders) == (None, orders("F1"))
    assert after.pending is not None
    assert after.pending.orders == orders("F2")


def test_row_12_a_record_that_cannot_be_reopened_is_replaced() -> None:
    """Trying for ever would help nobody."""
    item = pending(Operation.REOPEN_STATE, "F2", "F1")

    claimed(decide.answered(item, seen(Condition.RESOLVED), fold("F2", NOTES), MOMENT), Operation.OPEN)


@pytest.mark.parametrize("text", ["R3", "F3"])
def test_row_12_without_the_events_own_message_nobody_can_say_what_a_new_record_holds(text: str) -> None:
    """The record is forgotten; then everybody goes on with what they have."""
    item = pending(Operation.REOPEN_STATE, "F2", "F1")

    closed = decide.answered(item, seen(Condition.CLOSED), fold(text, NOTES), MOMENT)
    deleted = decide.gone(item, fold(text, NOTES), MOMENT)

    assert written(closed, Next.PLAN) == settled("F1")
    assert written(deleted, Next.PLAN) == settled("F1")


@pytest.mark.parametrize("operation", [Operation.NOTE, Operation.REOPEN, Operation.REOPEN_STATE])
def test_row_12_a_deleted_record_is_replaced(operation: Operation) -> None:
    """As a closed one is."""
    item = pending(operation, "F2", "F1")

    claimed(decide.gone(item, fold("F2", NOTES), MOMENT), Operation.OPEN)


@pytest.mark.parametrize("operation", [Operation.RESOLVE, Operation.RECOVERY_NOTE])
def test_row_12_a_deleted_record_needs_no_recovery(operation: Operation) -> None:
    """The problem is over, and nothing is left to be resolved."""
    item = pending(operation, "R2", "F1")

    assert written(decide.gone(item, fold("R2"), MOMENT), Next.PLAN) == settled("R2")


@pytest.mark.parametrize("operation", [Operation.NOTE, Operation.REOPEN, Operation.RESOLVE, Operation.RECOVERY_NOTE])
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
    assert after.pending == replace(pending(Operation.REOPEN_STATE, "F2").pending, lock_until=NOW)  # type: ignore[type-var]
    assert decide.plan(after, fold("F2"), replace(MOMENT, now=NOW + 1)) == decide.LookUp()


def test_row_15_an_unknown_outcome_keeps_the_lock_until_it_can_be_known() -> None:
    """65 s after the call, and 5 s for the clocks; never longer than the lock was."""
    long = pending(Operation.OPEN, "F1", lock_until=NOW + 500_000)
    short = pending(Operation.OPEN, "F1", lock_until=NOW + 30_000)

    after = written(decide.unknown(long, MOMENT), Next.GO_BACK)
    before = written(decide.unknown(short, MOMENT), Next.GO_BACK)

    assert after == replace(long, pending=replace(long.pending, lock_until=NOW + 70_000))  # type: ignore[type-var]
    assert before == short


def test_a_settled_item_has_no_outcome() -> None:
    """To ask for one is a mistake in the code."""
    with pytest.raises(ValueError, match="no operation"):
        decide.unknown(settled("F1", RECORD), MOMENT)


@pytest.mark.parametrize("policy", [Policy(on_recovery=OnRecovery.LEAVE), Policy(on_recovery=OnRecovery.NOTE)])
def test_a_record_that_its_recovery_left_open_is_only_noted_on_return(policy: Policy) -> None:
    """It is never replaced unseen: two records would be open. The answer tells what a person made of it."""
    replacing = replace(policy, on_return=OnReturn.REPLACE, reopen_window=0)

    for chosen in (policy, replacing):
        claimed(decide.plan(settled("R2", RECORD), fold("F3", chosen), MOMENT), Operation.NOTE)
