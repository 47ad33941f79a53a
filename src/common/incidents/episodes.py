"""How a problem came and went, as the ledger remembers it. Pure.

It is data beside the state machine: nothing here decides whether a record is opened or resolved. What is forgotten
makes a text shorter and no record wrong.
"""

from collections.abc import Collection, Iterable, Mapping
from copy import replace
from typing import NamedTuple

from common.clock import DAY
from common.incidents.alert import is_firing

MOST_BEGINNINGS = 20
"""Times at which a problem began that are remembered, the newest: about 400 bytes of its item, with their ends."""

MOST_FORMER = 5
"""Records before the present one whose numbers are remembered, the newest."""

MONTH = 30 * DAY
"""Milliseconds."""


class Past(NamedTuple):
    """What is remembered of one problem, for people.

    `turns` are the order keys at which it began or was over, the oldest first; `since` is the one from which it has
    fired, 0 while it does not or where that is not known. `former` holds the numbers of records that stood for it
    before, each with the newest order key that it was about. `flaps` is the newest order key of the write that told in
    the present record that the problem flaps, 0 where none did.
    """

    turns: tuple[int, ...] = ()
    since: int = 0
    former: tuple[tuple[str, int], ...] = ()
    flaps: int = 0

    def applied(self, newer: Collection[int], *, fired: bool, fires: bool) -> "Past":
        """Return the past once statements were applied to a problem that fired before, or did not, and now does."""
        begins = list(filter(is_firing, newer))
        turn = min(begins) if fires and begins else max(newer)
        # A group whose one member recovers fires on: that is no turn.
        turns = turned(self.turns, [turn] if is_firing(turn) is fires else [])
        return replace(self, turns=turns, since=(self.since if fired else turn) if fires else 0)

    def replaced(self, number: str, about: int) -> "Past":
        """Return the past of a problem whose record of that number, with that newest order key, is its no longer."""
        former = in_order({**dict(self.former), number: about} if number else dict(self.former))
        return replace(self, former=former[-MOST_FORMER:], flaps=0)


def turned(turns: Iterable[int], orders: Iterable[int]) -> tuple[int, ...]:
    """Return turns with further order keys. What says the same as the statement before it is no turn."""
    known = sorted({*turns, *orders})
    kept = [order for before, order in zip([0, *known], known, strict=False) if is_firing(before) != is_firing(order)]
    return tuple(kept[-2 * MOST_BEGINNINGS :])


def beginnings(turns: Iterable[int], until: int, within: int) -> int:
    """Return how often a problem began in the `within` milliseconds up to the order key `until`."""
    return sum(is_firing(turn) and until - within * 10 <= turn <= until for turn in turns)


def in_order(former: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    """Return numbers of records with the order keys that they were about, the oldest first."""
    return tuple(sorted(former.items(), key=lambda each: (each[1], each[0])))
