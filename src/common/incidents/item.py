"""What the ledger remembers of one problem: settled, or pending while one write to ServiceNow is under way."""

import re
from collections.abc import Iterable, Mapping
from copy import replace
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from itertools import accumulate
from types import MappingProxyType
from typing import NamedTuple

from common.errors import ChangedRequestError
from common.incidents.alert import digest, is_firing
from common.incidents.episodes import Past
from common.incidents.storm import gathers

_CORRELATION_ID = re.compile(r"([0-9a-f]{32})-[0-9a-f]{16}")
_MARKER = "servicenow-bridge"

MOST_OBJECT_CHARACTERS = 40_000
"""What names them, all together: an event that tells of the record has to hold it too."""

MOST_OBJECTS = 100
"""How many objects of AWS are kept of one record: what Security Hub takes in one call, and far from filling an item."""


class Operation(StrEnum):
    """A write to ServiceNow."""

    OPEN = "open"
    NOTE = "note"
    REOPEN = "reopen"
    REOPEN_STATE = "reopen-state"
    RESOLVE = "resolve"
    RECOVERY_NOTE = "recovery-note"


RECOVERIES = frozenset({Operation.RESOLVE, Operation.RECOVERY_NOTE})
"""The writes that tell of a recovery."""


@dataclass(frozen=True, slots=True)
class RecordReference:
    """The record that stands for the problem. `number` is what people call it, such as INC0010001."""

    sys_id: str
    number: str


@dataclass(frozen=True, slots=True)
class Pending:
    """A write that may be under way until `lock_until` (milliseconds since the epoch, by the ledger's clock).

    `orders` holds, by member, the order keys that the write applies; `owner` names the worker that claimed it.
    """

    operation: Operation
    orders: Mapping[str, int]
    lock_until: int
    owner: str

    @property
    def marker(self) -> str:
        """What the write leaves in the record, so that its effect can be recognised: newest order key, and a hash."""
        return _marker_of(tuple(sorted(self.orders.items())))


class Item(NamedTuple):
    """One problem. `orders` holds, by member, the newest order key that was applied.

    `version` is the condition of every write. `correlation_id` is set while an open is pending or was tried in vain,
    and reused by the next try. `pending` is None while the item is settled. `fingerprint` is set where a caller's
    request made the item: what the first request with this key asked for. `resources` are ARNs of what the event that
    opened the record is about, `objects` the objects of AWS that its record stands for, each as its alert named it.
    `past` is what people are told of how the problem came and went. `joined` is the dedup key of the storm in whose
    record the problem is told; with `is_child` it has a record of its own beside. `children` are, of a storm, the
    problems that are to become that. `covered_in` is the sys_id of the record that was told of the problem instead of
    one of its own.
    """

    problem: str
    dedup_key: str
    table: str
    version: int = 0
    orders: Mapping[str, int] = MappingProxyType({})
    record: RecordReference | None = None
    correlation_id: str | None = None
    pending: Pending | None = None
    fingerprint: str = ""
    resources: tuple[str, ...] = ()
    past: Past = Past()
    joined: str = ""
    is_child: bool = False
    children: tuple[str, ...] = ()
    objects: tuple[Mapping[str, str], ...] = ()
    covered_in: str = ""

    @property
    def fires(self) -> bool:
        """Whether any member fires."""
        return any(is_firing(order) for order in self.orders.values())

    @property
    def is_over(self) -> bool:
        """Whether this is a storm in which all have recovered: it never takes an alarm again."""
        return gathers(self.dedup_key) and self.pending is None and bool(self.orders) and not self.fires

    @property
    def pending_write(self) -> Pending:
        """The pending write. Raises ValueError where the item is settled: there is nothing to be done or judged."""
        if self.pending is None:
            raise ValueError("A settled item has no operation to carry out or to judge.")
        return self.pending

    def newer(self, orders: Mapping[str, int]) -> dict[str, int]:
        """Return those of `orders` that this item has not applied yet."""
        return {member: order for member, order in orders.items() if order > self.orders.get(member, -1)}

    def settled(self, orders: Mapping[str, int], record: RecordReference | None) -> "Item":
        """Return this item with `orders` applied and nothing pending."""
        kept = self.correlation_id if record is None else None
        newer = self.newer(orders)
        after = replace(self, orders={**self.orders, **newer}, record=record, correlation_id=kept, pending=None)
        if self.fingerprint or not newer:
            return after
        return replace(after, past=self.past.applied(newer.values(), fired=self.fires, fires=after.fires))

    def asked_with(self, fingerprint: str) -> "Item":
        """Return this item for a request with that fingerprint. Raises ChangedRequestError where it had another."""
        if not fingerprint or fingerprint == self.fingerprint:
            return self
        if self.fingerprint:
            raise ChangedRequestError(
                "This key was used before, for something else.",
                action="Send the first request's content again, or use a new key.",
            )
        return replace(self, fingerprint=fingerprint)

    def standing_for(self, objects: Iterable[Mapping[str, str]]) -> "Item":
        """Return this item with these objects beside those that it has, as far as one item has room for them.

        Where nothing fires any more, what fires now is all that its record stands for.
        """
        known = self.objects if self.fires or self.pending is not None else ()
        new = [each for each in objects if each and each not in known]
        if not new or len(known) >= MOST_OBJECTS:
            return self
        unique = [each for number, each in enumerate(new) if each not in new[:number]]
        sizes = accumulate(sum(map(len, each.values())) for each in (*known, *unique))
        room = sum(size <= MOST_OBJECT_CHARACTERS for size in sizes)
        return replace(self, objects=(*known, *unique)[: min(room, MOST_OBJECTS)])

    def reverted(self) -> "Item":
        """Return this item with its pending write forgotten; the correlation id of an open is kept for the next."""
        is_untold = self.pending is not None and self.past.flaps in self.pending.orders.values()
        return replace(self, pending=None, past=replace(self.past, flaps=0) if is_untold else self.past)

    def without_record(self) -> "Item":
        """Return this item with its record, and the correlation id that led to it, forgotten, but for its number."""
        number = self.record.number if self.record is not None else ""
        past = self.past.replaced(number, max(self.orders.values(), default=0))
        return replace(self, record=None, correlation_id=None, pending=None, past=past)


@lru_cache(maxsize=8)
def _marker_of(orders: tuple[tuple[str, int], ...]) -> str:
    parts = (f"{member}={order}" for member, order in orders)
    return f"{_MARKER}:{max(order for _, order in orders)}:{digest(*parts)[:16]}"


@lru_cache(maxsize=16)
def deployment_prefix(deployment: str) -> str:
    """Return the 8 hexadecimal digits with which the names of all problems of one deployment begin."""
    return digest(deployment)[:8]


@lru_cache(maxsize=256)  # of the problem at hand it is asked several times
def problem_of(deployment: str, dedup_key: str) -> str:
    """Return the hash that names a problem in the ledger and in ServiceNow: 32 hexadecimal digits."""
    return deployment_prefix(deployment) + digest(deployment, dedup_key)[:24]


def order_in(marker: str) -> int | None:
    """Return the newest order key that a marker tells of, or None where it is no marker of ours."""
    parts = marker.split(":")
    is_ours = len(parts) == 3 and parts[0] == _MARKER and parts[1].isascii() and parts[1].isdigit()  # noqa: PLR2004
    return int(parts[1]) if is_ours else None


def problem_in(correlation_id: str) -> str:
    """Return the hash of the problem that a correlation id names, empty where it is none that a bridge wrote."""
    found = _CORRELATION_ID.fullmatch(correlation_id)
    return found[1] if found else ""


def correlation_id_of(item: Item, orders: Mapping[str, int]) -> str:
    """Return the id of a new attempt to open a record: `<hash of the problem>-<hash of the attempt>`.

    The version tells attempts for the same event apart: a person may close the record of the first, and then the
    second must not be mistaken for it.
    """
    parts = (f"{member}={order}" for member, order in sorted(orders.items()))
    return f"{item.problem}-{digest(str(item.version), *parts)[:16]}"
