"""Which alarms a storm takes, and what its record tells of them."""

from copy import replace

import pytest

from common.incidents.alert import Fold, OnRecovery, OnRepeat, OnReturn, Policy
from common.incidents.changes import record_fields
from common.incidents.decide import plan
from common.incidents.gathering import begins, free, gathered, member_of, takes, with_child
from common.incidents.groups import LISTED, MOST_MEMBERS, TOLD_AT, is_listed
from common.incidents.item import Item, Operation
from common.incidents.steps import Over
from common.incidents.storm import Storm
from tests.support.problems import CORRELATION_ID, MOMENT, RECORD, claimed, fold, order, orders, pending, settled
from tests.support.world import KEY

STORM_KEY = '["storm","all","1"]'
STORM = Storm("all", 3, 300, {"short_description": "Storm"}, "Joined")


def gathering(applied: dict[str, int], children: tuple[str, ...] = ()) -> Item:
    """Return the item of a storm that was told so much."""
    return Item("s" * 32, STORM_KEY, "incident", 5, applied, RECORD, children=children)


def stormy(text: str) -> Fold:
    """Return a fold whose alarms may join a storm."""
    alerts = fold(text).alerts
    return Fold.of(replace(alert, storm=STORM if alert.fields else None) for alert in alerts)


@pytest.mark.parametrize(
    ("item", "text", "opens"),
    [
        (settled(), "F1", True),
        (settled("F1 R2", RECORD), "F3", True),
        (settled("R2"), "F1", False),
        (settled("F1", RECORD), "F2", False),
        (settled("F1", RECORD), "R2", False),
        (settled(correlation_id=CORRELATION_ID), "F1", False),
        (pending(Operation.OPEN, "F1"), "F1", False),
    ],
)
def test_what_is_counted_would_open_a_record(item: Item, text: str, *, opens: bool) -> None:
    """Or open one again; not a repeat, and not what was tried before."""
    assert begins(item, fold(text)) is opens


def test_a_record_that_its_recovery_left_open_is_no_opening() -> None:
    """It is only noted."""
    assert not begins(settled("F1 R2", RECORD), fold("F3", Policy(on_recovery=OnRecovery.NOTE)))


def test_a_member_of_a_storm_is_a_member_of_a_problem() -> None:
    """A problem that is a group joins with each of its members."""
    told = gathered(stormy("aF1 bF2"))
    assert set(told.orders()) == {member_of(KEY, "a"), member_of(KEY, "b")}
    assert {alert.policy.on_repeat for alert in told.alerts} == {OnRepeat.LIST}
    assert {alert.policy.on_return for alert in told.alerts} == {OnReturn.REPLACE}
    assert told.newest.fields == {"short_description": "Storm"}
    assert told.newest.note == "Joined"


def test_a_storm_that_is_over_takes_recoveries_alone() -> None:
    """And the machine itself refuses an alarm, whoever asks."""
    me = member_of(KEY, "-")
    over = gathering({me: order("R2")})
    assert takes(over, gathered(fold("R3")))
    assert takes(over, gathered(fold("F1")))
    assert not takes(over, gathered(fold("F3")))
    assert plan(over, gathered(fold("F3")), MOMENT) == Over()


def test_a_storm_that_is_full_takes_whom_it_knows() -> None:
    """Others have another record."""
    me = member_of(KEY, "-")
    full = gathering({f"{number:016x}": order("F1") for number in range(MOST_MEMBERS - 1)} | {me: order("F1")})
    assert takes(full, gathered(fold("F2")))
    stranger = Fold.of(replace(alert, key="another") for alert in fold("F2").alerts)
    assert not takes(full, gathered(stranger))


def test_a_problem_that_leaves_takes_along_what_the_storm_knew_of_it() -> None:
    """So that what is late stays late."""
    joined = replace(settled("F1"), joined=STORM_KEY)
    left = free(joined, gathering({member_of(KEY, "-"): order("R2"), member_of("x", "-"): order("R9")}), fold("F3"))
    assert (left.joined, left.is_child, dict(left.orders)) == ("", False, orders("R2"))


def test_a_child_counts_as_a_member() -> None:
    """The storm does not resolve before it has recovered."""
    child = settled("F1", RECORD)
    told = with_child(gathering({member_of("x", "-"): order("R2")}, (child.problem, "z")), child, ("z",))
    assert told.fires
    assert told.children == ("z",)


@pytest.mark.parametrize(
    ("known", "new", "told"),
    [
        (0, 1, True),
        (LISTED - 1, 1, True),
        (LISTED, 1, False),
        (TOLD_AT[0] - 1, 1, True),
        (TOLD_AT[0], 1, False),
        (TOLD_AT[0] - 5, 10, True),
        (5, 0, False),
    ],
)
def test_a_list_tells_the_first_members_and_then_now_and_then(known: int, new: int, *, told: bool) -> None:
    """What fires again is told by nobody."""
    item = gathering({str(number): order("F1") for number in range(known)})
    newer = {f"new {number}": order("F2") for number in range(new)} or {"0": order("F2")}
    assert is_listed(item, newer) is told


def test_a_record_that_lists_says_how_many_fire_in_its_notes_alone() -> None:
    """A number in its title would soon be wrong."""
    policy = Policy(on_repeat=OnRepeat.LIST)
    item = claimed(plan(settled("aF1", RECORD), fold("bF2", policy), MOMENT), Operation.NOTE)
    fields = record_fields(item, fold("bF2", policy), "code")
    assert "short_description" not in fields
    assert fields["work_notes"].endswith("Alarms of this group that fire now: 2.")
