"""Problems of several members, and alerts that are handled together."""

from collections.abc import Iterator
from collections.abc import Sequence as Ordered
from itertools import product

import pytest

from common.incidents.alert import Alert, Fold, OnRepeat, Policy, Status
from common.incidents.item import Operation
from tests.support.problems import NOW, fold, orders
from tests.support.sequence import Sequence
from tests.support.world import KEY


def batches(alerts: Ordered[Alert]) -> Iterator[list[Fold]]:
    """Return all ways to deliver all alerts in one batch after the other, whatever their order and sizes."""
    if not alerts:
        yield []
        return
    for chosen in product([False, True], repeat=len(alerts)):
        if any(chosen):
            batch = Fold.of(alert for alert, is_chosen in zip(alerts, chosen, strict=True) if is_chosen)
            rest = [alert for alert, is_chosen in zip(alerts, chosen, strict=True) if not is_chosen]
            for later in batches(rest):
                yield [batch, *later]


def after(*folds: Fold) -> Sequence:
    """Return what is there once these were applied."""
    state = Sequence()
    for chosen in folds:
        state = state.after(chosen)
    return state


@pytest.mark.parametrize("on_repeat", list(OnRepeat))
@pytest.mark.parametrize("members", ["----", "aabb", "aaab", "abcc"])
def test_every_subset_as_a_batch_ends_as_one_by_one(members: str, on_repeat: OnRepeat) -> None:
    """75 ways to deliver four alerts of one problem, each with all 16 ways in which they can fire or recover."""
    policy = Policy(on_repeat=on_repeat)
    for statuses in product(Status, repeat=4):
        alerts = [
            Alert(KEY, status, NOW + index, policy=policy, member=member)
            for index, (status, member) in enumerate(zip(statuses, members, strict=True))
        ]
        expected = after(*(Fold.of([alert]) for alert in alerts))
        ways = list(batches(alerts))
        assert len(ways) == 75
        for way in ways:
            outcome = after(*way)
            assert outcome.item.pending is None
            assert outcome.item.orders == expected.item.orders
            assert outcome.is_open is expected.item.fires
            assert outcome.records <= expected.records


def test_a_group_is_resolved_by_its_last_member() -> None:
    """Until then the others keep it open, without a call."""
    state = after(fold("aF1"), fold("bF2"), fold("aR3"))
    assert state.operations == (Operation.OPEN,)

    assert state.after(fold("bR4")).operations == (Operation.OPEN, Operation.RESOLVE)


def test_a_member_that_is_late_is_not_hidden_by_another() -> None:
    """Each member has an order of its own."""
    state = after(fold("bR9"), fold("aF1"))

    assert state.is_open
    assert state.item.orders == orders("aF1 bR9")


def test_a_fold_makes_one_call_at_most() -> None:
    """However many alerts it holds."""
    assert after(fold("aF1 bF2 cF3 aR4")).operations == (Operation.OPEN,)
    assert after(fold("F1 R2 F3 R4")).operations == ()
    assert after(fold("aF1 bF2"), fold("aR3 bR4")).operations == (Operation.OPEN, Operation.RESOLVE)
    assert after(fold("aF1"), fold("aR3 bF2")).operations == (Operation.OPEN,)


def test_a_fold_that_recovers_and_fires_again_is_a_repeat() -> None:
    """What happened in between nobody saw."""
    policy = Policy(on_repeat=OnRepeat.NOTE)

    assert after(fold("F1", policy), fold("R2 F3", policy)).operations == (Operation.OPEN, Operation.NOTE)
