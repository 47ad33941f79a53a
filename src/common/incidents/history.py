"""What a record tells of the past of its problem: how long it lasted, how often it came back, what stood for it."""

from collections.abc import Iterator

from common.clock import DAY
from common.incidents.alert import is_firing
from common.incidents.episodes import MONTH, MOST_BEGINNINGS, Past, beginnings
from common.incidents.item import RECOVERIES, Item, Operation, Pending

_NO_PAST = Past()
_UNITS = ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


def past_of(item: Item) -> str:
    """Return what the pending write of `item` has to say of the past, a sentence a line; empty for nothing."""
    pending = item.pending_write
    if not item.orders and item.past == _NO_PAST:
        return ""
    if pending.operation in RECOVERIES:
        return _lasted(item, max(pending.orders.values()))
    return "\n".join(_began(item, pending))


def duration(seconds: int) -> str:
    """Return a time in its largest unit, and in the next where that says something: `2 hours 5 minutes`."""
    at = next((at for at, (length, _) in enumerate(_UNITS) if seconds >= length), len(_UNITS) - 1)
    length, name = _UNITS[at]
    count, rest = divmod(max(0, seconds), length)
    # Of a time that is counted in minutes nobody asks for the seconds.
    smaller, small_name = _UNITS[at + 1] if length > 60 else (length, "")  # noqa: PLR2004 (a minute)
    more = rest // smaller
    return f"{_counted(count, name)} {_counted(more, small_name)}" if more else _counted(count, name)


def _lasted(item: Item, until: int) -> str:
    if not item.past.since:
        return ""
    returns = sum(is_firing(turn) and item.past.since < turn < until for turn in item.past.turns)
    between = f", and came back {_times(returns)} in that time" if returns else ""
    return f"It lasted {_between(item.past.since, until)}{between}."


def _began(item: Item, pending: Pending) -> Iterator[str]:
    order = max(pending.orders.values())
    turns = item.settled(pending.orders, None).past.turns
    if not item.fires:
        if pending.operation is not Operation.OPEN and item.orders:
            yield f"It is back after {_between(max(item.orders.values()), order)}."
        if (count := beginnings(turns, order, MONTH)) > 1:
            yield f"It began {_times(count)} in the last 30 days, this one included."
        if former := [number for number, about in item.past.former if about >= order - MONTH * 10]:
            yield f"Records before this one: {', '.join(former)}."
    if item.past.flaps in pending.orders.values():
        yield f"It began {_times(beginnings(turns, order, DAY))} within 24 hours: it flaps."


def _between(since: int, until: int) -> str:
    """Return the time from one order key to another."""
    return duration((until // 10 - since // 10) // 1000)


def _times(count: int) -> str:
    more = " or more" if count >= MOST_BEGINNINGS else ""
    return "once" if count == 1 else f"{count}{more} times"


def _counted(count: int, name: str) -> str:
    return f"{count} {name}{'' if count == 1 else 's'}"
