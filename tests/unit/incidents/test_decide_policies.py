"""What a rule's policy makes of a record's life."""

from copy import replace

import pytest

from common.incidents.alert import OnRecovery, OnRepeat, OnReturn, Policy
from common.incidents.item import Operation
from common.incidents.steps import Condition
from tests.support.problems import fold
from tests.support.sequence import Sequence

OPEN, NOTE, RECOVERY_NOTE = Operation.OPEN, Operation.NOTE, Operation.RECOVERY_NOTE
REOPEN, REOPEN_STATE, RESOLVE = Operation.REOPEN, Operation.REOPEN_STATE, Operation.RESOLVE


def after(text: str, policy: Policy) -> Sequence:
    """Return what is there once these alerts were applied, one by one."""
    state = Sequence()
    for word in text.split():
        state = state.after(fold(word, policy))
    return state


@pytest.mark.parametrize(
    ("policy", "operations"),
    [
        (Policy(), (OPEN,)),
        (Policy(on_repeat=OnRepeat.NOTE), (OPEN, NOTE)),
    ],
)
def test_on_repeat(policy: Policy, operations: tuple[Operation, ...]) -> None:
    """A problem that fires already fires again."""
    assert after("F1 F2", policy).operations == operations


@pytest.mark.parametrize(
    ("on_recovery", "operations", "condition"),
    [
        (OnRecovery.RESOLVE, (OPEN, RESOLVE), Condition.RESOLVED),
        (OnRecovery.NOTE, (OPEN, RECOVERY_NOTE), Condition.OPEN),
        (OnRecovery.LEAVE, (OPEN,), Condition.OPEN),
    ],
)
def test_on_recovery(on_recovery: OnRecovery, operations: tuple[Operation, ...], condition: Condition) -> None:
    """The problem is over."""
    state = after("F1 R2", Policy(on_recovery=on_recovery))

    assert (state.operations, state.condition) == (operations, condition)


def test_on_return_reopens_within_the_window() -> None:
    """The window is counted in seconds from the recovery, and includes its last one."""
    policy = Policy(reopen_window=3600)

    assert after("F1 R2 F3602", policy).operations == (OPEN, RESOLVE, REOPEN)
    assert after("F1 R2 F3603", policy).operations == (OPEN, RESOLVE, OPEN)


def test_the_window_is_measured_to_what_fires() -> None:
    """Not to another member's recovery that came in the same batch."""
    policy = Policy(reopen_window=10)

    state = after("aF1 aR2", policy).after(fold("aF5 bR99", policy))

    assert state.operations == (OPEN, RESOLVE, REOPEN)


def test_on_return_replaces() -> None:
    """At once, however short the recovery was."""
    state = after("F1 R2 F3", Policy(on_return=OnReturn.REPLACE))

    assert (state.operations, state.records) == ((OPEN, RESOLVE, OPEN), 2)


@pytest.mark.parametrize("on_recovery", [OnRecovery.NOTE, OnRecovery.LEAVE])
@pytest.mark.parametrize("on_return", list(OnReturn))
def test_a_record_that_its_recovery_left_open_is_not_replaced(on_recovery: OnRecovery, on_return: OnReturn) -> None:
    """Two records of one problem would be open."""
    policy = Policy(on_recovery=on_recovery, on_return=on_return, reopen_window=0)

    state = after("F1 R2 F3", policy)

    assert (state.operations[-1], state.records) == (NOTE, 1)


@pytest.mark.parametrize("on_recovery", [OnRecovery.NOTE, OnRecovery.LEAVE])
@pytest.mark.parametrize(
    ("on_return", "operations", "records"),
    [(OnReturn.REOPEN, (NOTE, REOPEN_STATE), 1), (OnReturn.REPLACE, (NOTE, OPEN), 2)],
)
def test_a_record_that_a_person_resolved_after_its_recovery_is_treated_by_policy(
    on_recovery: OnRecovery, on_return: OnReturn, operations: tuple[Operation, ...], records: int
) -> None:
    """The answer to the note shows that it is resolved."""
    policy = Policy(on_recovery=on_recovery, on_return=on_return)

    state = after("F1 R2", policy).with_record(Condition.RESOLVED).after(fold("F3", policy))

    assert (state.operations[-2:], state.records, state.is_open) == (operations, records, True)


@pytest.mark.parametrize("on_return", list(OnReturn))
def test_a_record_that_a_person_closed_is_replaced(on_return: OnReturn) -> None:
    """Closed records never reopen."""
    policy = Policy(on_repeat=OnRepeat.NOTE, on_return=on_return)

    state = after("F1", policy).with_record(Condition.CLOSED).after(fold("F2", policy))

    assert (state.operations, state.records, state.is_open) == ((OPEN, NOTE, OPEN), 2, True)


def test_a_policy_may_change_while_the_problem_is_there() -> None:
    """The newest alert's policy counts."""
    before = Policy(on_recovery=OnRecovery.NOTE)

    state = after("F1", before).after(fold("R2", replace(before, on_recovery=OnRecovery.RESOLVE)))

    assert state.operations == (OPEN, RESOLVE)
