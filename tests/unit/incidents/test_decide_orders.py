"""Whatever the order, the outcome is that of the true one."""

from collections.abc import Iterator
from collections.abc import Sequence as Ordered
from itertools import pairwise, product
from random import Random

import pytest

from common.incidents.alert import Alert, Fold, OnRecovery, OnRepeat, OnReturn, Policy, Status
from common.incidents.item import Operation
from common.incidents.steps import Condition
from tests.support.problems import NOW, fold
from tests.support.sequence import Sequence
from tests.support.world import KEY

pytestmark = pytest.mark.no_cover  # every line is covered elsewhere, and measuring doubles the time

POLICIES = tuple(
    Policy(on_repeat=on_repeat, on_recovery=on_recovery, on_return=on_return, reopen_window=reopen_window)
    for on_repeat, on_recovery, on_return, reopen_window in product(OnRepeat, OnRecovery, OnReturn, (0, 86_400))
)
REPLACES = Policy(on_repeat=OnRepeat.NOTE, on_return=OnReturn.REPLACE)


def name_of(policy: Policy) -> str:
    """Return a policy in a few words."""
    return f"{policy.on_repeat}-{policy.on_recovery}-{policy.on_return}-{policy.reopen_window}"


class Statements:
    """What is said of one problem, each statement a fold of its own, and the outcome of the true order."""

    def __init__(self, statuses: Ordered[Status], policy: Policy, seconds: Ordered[int] | None = None) -> None:
        times = seconds or range(len(statuses))
        alerts = [
            Alert(KEY, status, NOW + second * 1000, policy=policy)
            for second, status in zip(times, statuses, strict=True)
        ]
        in_order = sorted(alerts, key=lambda alert: alert.order)
        firing = [alert.status is Status.FIRING for alert in in_order]
        self.policy = policy
        self.folds = [Fold.of([alert]) for alert in alerts]
        self.expected = Sequence()
        for alert in in_order:
            self.expected = self.expected.after(Fold.of([alert]))
        self.ends_firing = firing[-1]
        # A return within the window that comes later than the next one is not known when that one is judged.
        episodes = sum(now and not before for before, now in pairwise([False, *firing]))
        self.most_records = episodes if policy.reopen_window == 0 else self.expected.records

    def outcomes_of_all_orders(self) -> Iterator[Sequence]:
        """Return the outcome of every order; what orders have in common at their beginning is done once."""

        def outcomes(state: Sequence, rest: Ordered[Fold]) -> Iterator[Sequence]:
            if not rest:
                yield state
            for index, chosen in enumerate(rest):
                yield from outcomes(state.after(chosen), [*rest[:index], *rest[index + 1 :]])

        return outcomes(Sequence(), self.folds)

    def check(self, outcome: Sequence) -> None:
        """Assert that an outcome is as good as the one of the true order."""
        assert outcome.item.pending is None
        assert outcome.item.orders == self.expected.item.orders
        assert outcome.records <= self.most_records
        if self.ends_firing or self.policy.on_recovery is OnRecovery.RESOLVE:
            assert outcome.is_open is self.ends_firing
        else:
            # An episode that was over before it was seen leaves no record.
            assert outcome.condition in (self.expected.condition, None)


@pytest.mark.parametrize("policy", [Policy(), REPLACES], ids=name_of)
def test_all_orders_of_six_events_and_all_their_statuses_end_alike(policy: Policy) -> None:
    """720 orders of each of the 64 ways in which six events can fire or recover."""
    number = 0
    for statuses in product(Status, repeat=6):
        statements = Statements(statuses, policy)
        for outcome in statements.outcomes_of_all_orders():
            statements.check(outcome)
            number += 1
    assert number == 720 * 64


@pytest.mark.parametrize("policy", POLICIES, ids=name_of)
def test_all_orders_of_four_events_end_alike_under_every_policy(policy: Policy) -> None:
    """24 orders of each of the 16 ways in which four events can fire or recover."""
    for statuses in product(Status, repeat=4):
        statements = Statements(statuses, policy)
        for outcome in statements.outcomes_of_all_orders():
            statements.check(outcome)


def test_ten_thousand_orders_with_duplicates_and_equal_times_end_alike() -> None:
    """Any number of each event, some of them at the same millisecond."""
    random = Random(20)  # noqa: S311 (repeatable draws)
    for _ in range(10_000):
        statuses = random.choices(list(Status), k=random.randint(1, 6))
        statements = Statements(statuses, random.choice(POLICIES), random.choices(range(4), k=len(statuses)))
        delivered = random.choices(statements.folds, k=random.randint(0, 6)) + statements.folds
        random.shuffle(delivered)
        outcome = Sequence()
        for chosen in delivered:
            outcome = outcome.after(chosen)
        statements.check(outcome)


def test_at_equal_times_firing_wins() -> None:
    """A doubt leaves an incident open rather than a problem unseen."""
    for first, second in (("F1", "R1"), ("R1", "F1")):
        assert Sequence().after(fold(first)).after(fold(second)).is_open


def test_what_is_applied_or_superseded_costs_no_call() -> None:
    """Wherever it comes."""
    state = Sequence().after(fold("F1")).after(fold("R2"))

    for text in ("F1", "R2", "R1"):
        assert state.after(fold(text)) == state


@pytest.mark.parametrize(
    ("text", "operations"),
    [
        ("F1", [Operation.OPEN]),
        ("F1 F2 F3", [Operation.OPEN]),
        ("F1 R2", [Operation.OPEN, Operation.RESOLVE]),
        ("F1 R2 F3", [Operation.OPEN, Operation.RESOLVE, Operation.REOPEN]),
        ("R1", []),
        ("R2 F1", []),
    ],
)
def test_each_change_costs_one_call(text: str, operations: list[Operation]) -> None:
    """And nothing is looked up."""
    state = Sequence()

    for word in text.split():
        state = state.after(fold(word))

    assert list(state.operations) == operations


@pytest.mark.parametrize("condition", [Condition.RESOLVED, Condition.CLOSED])
@pytest.mark.parametrize("policy", POLICIES, ids=name_of)
def test_whatever_a_person_did_the_next_alarm_that_makes_a_call_leaves_one_record_open(
    condition: Condition, policy: Policy
) -> None:
    """It is reopened or replaced."""
    opened = Sequence().after(fold("F1", policy)).with_record(condition)

    repeated = opened.after(fold("F2", policy))
    returned = opened.after(fold("R2", policy)).after(fold("F3", policy))

    assert repeated.is_open is (policy.on_repeat is OnRepeat.NOTE)
    assert returned.is_open
    assert returned.records <= 2
