"""Problems that fold many members into one record: where a member is kept, and what may be forgotten of it.

A ledger item costs a write unit a kilobyte, so one item holds at most `MOST_MEMBERS`. Members beyond go to overflow
items, chosen by the member's hash: a member is either in the group's own item or in that one, never anywhere else.
"""

from collections.abc import Mapping
from copy import replace

from common.errors import PermanentError
from common.incidents.alert import ONLY_MEMBER, Fold, is_firing
from common.incidents.item import Item

MOST_MEMBERS = 1000
"""Members in one item of the ledger, about 32 KB."""

LISTED = 20
"""Members that are told one by one in a record that lists them."""

TOLD_AT = (50, 100, 200, 500, 1000)
"""Numbers of members at which such a record tells the next one, and how many fire."""


def firing_members(item: Item) -> int | None:
    """Return how many members fire once the pending write is applied; None where the problem is no group."""
    orders = _all_orders(item)
    if not any(member != ONLY_MEMBER for member in orders):
        return None
    return sum(map(is_firing, orders.values()))


def pruned(item: Item, oldest: int) -> Item:
    """Return the item without members that recovered before `oldest`, in milliseconds since the epoch.

    Events as old as that are refused, so nothing can come that such a tombstone would have to stop. A full item
    keeps all of its members: what once went to an overflow item would else find room here and be counted twice.
    """
    if item.pending is not None or len(item.orders) < 2 or is_full(item):  # noqa: PLR2004 (of one nothing can go)
        return item
    newest = max(item.orders.values())
    kept = {
        member: order
        for member, order in item.orders.items()
        if is_firing(order) or order == newest or order // 10 >= oldest
    }
    return replace(item, orders=kept)


def is_full(item: Item) -> bool:
    """Return whether no further member may be added."""
    return len(item.orders) >= MOST_MEMBERS


def is_listed(item: Item, newer: Mapping[str, int]) -> bool:
    """Return whether members that a group did not have yet are told in its record: the first ones, then now and then.

    So the list stays readable, whatever the number: at most a note for each of `LISTED` members and of `TOLD_AT`.
    """
    before, after = len(item.orders), len({*item.orders, *newer})
    return before < after and (after <= LISTED or any(before < number <= after for number in TOLD_AT))


def overflow_keys(item: Item, fold: Fold) -> set[str]:
    """Return the dedup keys of the items that may hold those members of the fold that a group's `item` does not."""
    return {_overflow_key(fold.key, member) for member in _strangers(item, fold)}


def placed(item: Item, overflow: Mapping[str, Item], fold: Fold) -> list[Fold]:
    """Return the fold, cut up by the items that its members belong to.

    `overflow` holds, by key, the overflow items of the members that are not in the group's own `item`. Raises
    PermanentError where neither has room.
    """
    if not overflow:
        return [fold]
    homes: dict[str, str] = {}
    room = MOST_MEMBERS - len(_all_orders(item))
    for member in _strangers(item, fold):
        key = _overflow_key(fold.key, member)
        if member in _all_orders(overflow[key]):
            homes[member] = key
        elif room > 0:
            room -= 1
        elif is_full(overflow[key]):
            raise PermanentError(
                f"A group of alarms has more than {MOST_MEMBERS} members, and its overflow has too.",
                action="Make the rule's group narrower, so that fewer alarms fold into one record.",
            )
        else:
            homes[member] = key
    parts: dict[str, list[int]] = {}
    for index, alert in enumerate(fold.alerts):
        parts.setdefault(homes.get(alert.member, fold.key), []).append(index)
    return [Fold.of(replace(fold.alerts[index], key=key) for index in indexes) for key, indexes in parts.items()]


def _strangers(item: Item, fold: Fold) -> list[str]:
    return sorted({alert.member for alert in fold.alerts} - set(_all_orders(item)) - {ONLY_MEMBER})


def _overflow_key(key: str, member: str) -> str:
    return f"{key}#{member[0]}"


def _all_orders(item: Item) -> Mapping[str, int]:
    return item.orders if item.pending is None else {**item.orders, **item.newer(item.pending.orders)}
