"""What the ledger remembers of how a problem comes and goes, for people."""

from itertools import permutations

import pytest

from common.clock import DAY
from common.incidents.episodes import MOST_BEGINNINGS, MOST_FORMER, Past, beginnings, turned
from common.incidents.item import RecordReference
from tests.support.problems import order, orders, settled

RECORDS = [RecordReference(f"{number:032x}", f"INC{number}") for number in range(1, 10)]


def keys(text: str) -> tuple[int, ...]:
    """Return the order keys of alerts such as `F1 R2`."""
    return tuple(order(word) for word in text.split())


@pytest.mark.parametrize(
    ("told", "turns"),
    [
        ("F1", "F1"),
        ("R1", ""),  # it never began
        ("F1 F2 F3", "F1"),
        ("F1 R2 R3 F4", "F1 R2 F4"),
        ("R1 F2 F3 R4", "F2 R4"),
    ],
)
def test_a_turn_is_what_says_something_else_than_the_statement_before(told: str, turns: str) -> None:
    """Whatever is repeated is none."""
    assert turned((), keys(told)) == keys(turns)


def test_turns_may_become_known_in_any_order() -> None:
    """A recovery that is to settle is told again after the problem came back."""
    told = keys("F1 R2 F3 R4")
    found = set()
    for sequence in permutations(told):
        turns: tuple[int, ...] = ()
        for each in sequence:
            turns = turned(turns, [each, told[0]])
        found.add(turned(turns, told))
    assert found == {told}


def test_only_the_newest_turns_are_remembered() -> None:
    """An item of the ledger must not grow for ever."""
    turns: tuple[int, ...] = ()
    for second in range(100):
        turns = turned(turns, keys(f"F{second}" if second % 2 else f"R{second}"))
    assert len(turns) == 2 * MOST_BEGINNINGS
    assert turns[-1] == order("F99")


def test_beginnings_are_counted_within_a_time() -> None:
    """Up to a statement, that one included."""
    turns = keys("F1 R2 F3 R4 F5")
    assert beginnings(turns, order("F5"), DAY) == 3
    assert beginnings(turns, order("F3"), DAY) == 2
    assert beginnings(turns, order("F5"), 2000) == 2


def test_an_item_remembers_since_when_it_has_fired() -> None:
    """Until it is over; a repeat puts nothing off."""
    item = settled().settled(orders("F1"), RECORDS[0]).settled(orders("F3"), RECORDS[0])
    assert item.past == Past(turns=keys("F1"), since=order("F1"))
    over = item.settled(orders("R5"), RECORDS[0])
    assert over.past == Past(turns=keys("F1 R5"))
    assert over.settled(orders("F7"), RECORDS[0]).past == Past(turns=keys("F1 R5 F7"), since=order("F7"))


def test_a_group_turns_when_its_first_member_fires_and_its_last_has_recovered() -> None:
    """What members do in between is no turn."""
    item = settled()
    for text in ("aF1", "bF2", "aR3", "aF4", "aR5"):
        item = item.settled(orders(text), RECORDS[0])
    assert item.past == Past(turns=keys("F1"), since=order("F1"))
    assert item.settled(orders("bR6"), RECORDS[0]).past == Past(turns=keys("F1 R6"))


def test_numbers_of_former_records_are_remembered_the_newest_of_them() -> None:
    """Each with what it was about last; a record without a number leaves none."""
    item = settled("F1")
    for second, record in enumerate(RECORDS, start=1):
        item = item.settled(orders(f"F{second}"), record).without_record()
    numbers = tuple((record.number, order(f"F{second}")) for second, record in enumerate(RECORDS, start=1))
    assert item.past.former == numbers[-MOST_FORMER:]
    assert item.settled({}, RecordReference("a", "")).without_record().past.former == item.past.former
    assert item.without_record() == item


def test_requests_of_callers_are_remembered_by_nothing() -> None:
    """Each is a problem of its own that never comes back."""
    asked = settled().asked_with("fingerprint")
    assert asked.settled(orders("F1"), RECORDS[0]).past == Past()
