"""What is done first: rows 2, 3 and 5 to 9 of the table in docs/ledger.md."""

from copy import replace

import pytest

from common.incidents import decide
from common.incidents.alert import Fold, OnRecovery, OnReturn, Policy
from common.incidents.item import Item, Operation, RecordReference
from common.incidents.steps import Finish, LookUp, Next, Wait
from tests.support.problems import (
    MOMENT,
    NOTES,
    NOW,
    PROBLEM,
    RECORD,
    claimed,
    fold,
    orders,
    pending,
    settled,
    written,
)

REPLACES = replace(NOTES, on_return=OnReturn.REPLACE)


@pytest.mark.parametrize("again", ["F2", "R2", "F1"])
def test_row_2_what_is_applied_or_superseded_is_done(again: str) -> None:
    """Nothing is written or called for it, whether the item is settled or pending."""
    assert decide.plan(settled("F2", RECORD), fold(again), MOMENT) == Finish()
    assert decide.plan(pending(Operation.RESOLVE, "R3", "F2"), fold(again), MOMENT) == Finish()


def test_row_3_within_the_lock_everybody_waits() -> None:
    """Until its very last millisecond, and for as long as it lasts."""
    within = pending(Operation.OPEN, "F1", lock_until=NOW + 7)
    last = pending(Operation.OPEN, "F1", lock_until=NOW)

    assert decide.plan(within, fold("F2"), MOMENT) == Wait(7)
    assert decide.plan(last, fold("F2"), MOMENT) == Wait(0)


def test_row_4_after_the_lock_the_outcome_is_looked_up() -> None:
    """Whoever comes first does it, whoever owned the lock."""
    item = pending(Operation.OPEN, "F1", lock_until=NOW - 1)

    assert decide.plan(item, fold("F1"), MOMENT) == LookUp()
    assert decide.plan(item, fold("R2"), MOMENT) == LookUp()


def test_row_5_a_problem_without_a_record_gets_one() -> None:
    """Under a key that is written down before the call and names the problem."""
    after = claimed(decide.plan(settled("R1"), fold("F2"), MOMENT), Operation.OPEN)

    assert after.correlation_id is not None
    assert after.correlation_id.startswith(f"{PROBLEM}-")
    assert after.pending_write.orders == orders("F2")
    assert after.orders == orders("R1")


def test_row_6_a_repeat_is_only_remembered() -> None:
    """Where the policy ignores it."""
    after = written(decide.plan(settled("F1", RECORD), fold("F2"), MOMENT), Next.PLAN)

    assert after == settled("F2", RECORD)


@pytest.mark.parametrize(
    ("item", "told", "operation", "record"),
    [
        pytest.param(settled("F1", RECORD), fold("F2", NOTES), Operation.NOTE, RECORD, id="6 a repeat is noted"),
        pytest.param(settled("R2", RECORD), fold("F3"), Operation.REOPEN, RECORD, id="7 a return reopens"),
        pytest.param(
            settled("R2", RECORD), fold("F3", REPLACES), Operation.OPEN, None, id="7 or replaces, in one write"
        ),
        pytest.param(settled("F1", RECORD), fold("R2"), Operation.RESOLVE, RECORD, id="8 the last recovery resolves"),
    ],
)
def test_rows_6_to_8_what_is_written_into_a_record(
    item: Item, told: Fold, operation: Operation, record: RecordReference | None
) -> None:
    """As the policy has it; what was applied stays so until the write is done."""
    after = claimed(decide.plan(item, told, MOMENT), operation)

    assert (after.record, after.orders) == (record, item.orders)


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


@pytest.mark.parametrize("policy", [Policy(on_recovery=OnRecovery.LEAVE), Policy(on_recovery=OnRecovery.NOTE)])
def test_a_record_that_its_recovery_left_open_is_only_noted_on_return(policy: Policy) -> None:
    """It is never replaced unseen: two records would be open. The answer tells what a person made of it."""
    replacing = replace(policy, on_return=OnReturn.REPLACE, reopen_window=0)

    for chosen in (policy, replacing):
        claimed(decide.plan(settled("R2", RECORD), fold("F3", chosen), MOMENT), Operation.NOTE)
