"""Where the members of a group are kept, and which may be forgotten."""

from copy import replace

import pytest

from common.errors import PermanentError
from common.incidents import groups
from common.incidents.alert import ONLY_MEMBER, Alert, Fold, Status, order_key
from common.incidents.groups import firing_members, is_full, overflow_keys, placed, pruned
from common.incidents.item import Item, Operation, Pending
from tests.support.problems import NOW

DAY = 86_400_000
KEY = "the group"


def item(**orders: int) -> Item:
    """Return a settled item with these members."""
    return Item("0" * 32, KEY, "incident", 3, orders)


def fires(milliseconds: int = NOW) -> int:
    """Return the order key of a firing statement."""
    return order_key(milliseconds, firing=True)


def is_over(milliseconds: int = NOW) -> int:
    """Return the order key of a recovery."""
    return order_key(milliseconds, firing=False)


def fold(*members: str) -> Fold:
    """Return a fold of one firing alert for each member."""
    return Fold.of(Alert(KEY, Status.FIRING, NOW, member=member) for member in members)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a group hold three members."""
    monkeypatch.setattr(groups, "MOST_MEMBERS", 3)


def test_the_members_that_fire_are_counted() -> None:
    """With what the pending write will apply, as far as it is newer."""
    settled = item(a=fires(), b=fires(), c=is_over())
    pending = Pending(Operation.NOTE, {"c": fires(NOW + 1), "b": is_over(NOW - 1)}, NOW, "me")
    assert firing_members(settled) == 2
    assert firing_members(replace(settled, pending=pending)) == 3


def test_a_single_problem_is_no_group() -> None:
    """Nothing is counted."""
    assert firing_members(item(**{ONLY_MEMBER: fires()})) is None
    assert firing_members(item()) is None


def test_members_that_recovered_long_ago_are_forgotten() -> None:
    """As soon as events as old as their recovery are refused."""
    oldest = NOW - 30 * DAY
    known = item(old=is_over(oldest - 1), edge=is_over(oldest), firing=fires(oldest - 1), new=is_over())
    assert pruned(known, oldest).orders == item(edge=is_over(oldest), firing=fires(oldest - 1), new=is_over()).orders
    assert pruned(known, oldest).version == known.version


@pytest.mark.parametrize(
    "known",
    [
        item(),
        item(a=is_over(1)),
        item(a=fires(1), b=is_over()),
        replace(item(a=is_over(1), b=is_over()), pending=Pending(Operation.NOTE, {"a": fires()}, NOW, "me")),
    ],
    ids=["nothing", "one member", "firing", "a write under way"],
)
def test_nothing_else_is_forgotten(known: Item) -> None:
    """The newest order says when a group recovered, and a write under way has to be settled first."""
    assert pruned(known, NOW - DAY) == known


def test_the_newest_member_is_kept_however_old() -> None:
    """How long ago the group recovered decides whether its record is reopened."""
    assert pruned(item(a=is_over(1), b=is_over(2)), NOW).orders == {"b": is_over(2)}


@pytest.mark.usefixtures("small")
def test_a_full_group_forgets_nothing() -> None:
    """Or a member that went to the overflow would find room here, and be counted twice."""
    full = item(a=is_over(1), b=is_over(2), c=is_over(3))
    assert is_full(full)
    assert pruned(full, NOW) == full


@pytest.mark.parametrize("members", [(ONLY_MEMBER,), ("a1", "b2")], ids=["no group", "known members"])
def test_what_is_known_needs_no_second_look(members: tuple[str, ...]) -> None:
    """Neither a single problem nor a known member costs another read."""
    known = item(a1=fires(), b2=is_over())
    assert overflow_keys(known, fold(*members)) == set()
    assert placed(known, {}, fold(*members)) == [fold(*members)]


def test_a_member_of_a_pending_write_is_known() -> None:
    """It will be in the item once that is settled."""
    opening = replace(item(), pending=Pending(Operation.OPEN, {"a1": fires()}, NOW, "me"))
    assert overflow_keys(opening, fold("a1")) == set()


@pytest.mark.usefixtures("small")
def test_members_go_where_they_are_known_else_where_there_is_room() -> None:
    """The group's own item first; each overflow has a key of its own, chosen by the member."""
    known = item(a1=fires(), b2=is_over())
    overflow = {f"{KEY}#c": item(c9=fires()), f"{KEY}#d": item(), f"{KEY}#e": item()}
    batch = fold("a1", "c9", "d3", "e4")
    assert overflow_keys(known, batch) == set(overflow)
    parts = {part.key: [alert.member for alert in part.alerts] for part in placed(known, overflow, batch)}
    assert parts == {KEY: ["a1", "d3"], f"{KEY}#c": ["c9"], f"{KEY}#e": ["e4"]}


@pytest.mark.usefixtures("small")
def test_a_group_takes_as_many_as_it_has_room_for() -> None:
    """Of three members one is there."""
    overflow = {f"{KEY}#{letter}": item() for letter in "bcd"}
    parts = placed(item(a1=fires()), overflow, fold("b2", "c3", "d4"))
    assert {part.key: [alert.member for alert in part.alerts] for part in parts} == {
        KEY: ["b2", "c3"],
        f"{KEY}#d": ["d4"],
    }


@pytest.mark.usefixtures("small")
def test_a_group_without_any_room_is_refused() -> None:
    """With the advice to make it narrower."""
    full = item(a1=fires(), b2=fires(), c3=fires())
    overflow = {f"{KEY}#d": item(d1=fires(), d2=fires(), d3=fires())}
    with pytest.raises(PermanentError, match="more than 3 members") as caught:
        placed(full, overflow, fold("d4"))
    assert "narrower" in caught.value.action
