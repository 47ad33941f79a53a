"""What the ledger remembers of one problem: settled, or pending while one write to ServiceNow is under way."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from common.incidents.alert import digest, is_firing


class Operation(StrEnum):
    """A write to ServiceNow."""

    OPEN = "open"
    NOTE = "note"
    REOPEN = "reopen"
    REOPEN_STATE = "reopen-state"
    RESOLVE = "resolve"
    RECOVERY_NOTE = "recovery-note"


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
        parts = (f"{member}={order}" for member, order in sorted(self.orders.items()))
        return f"servicenow-bridge:{max(self.orders.values())}:{digest(*parts)[:16]}"


@dataclass(frozen=True, slots=True)
class Item:
    """One problem. `orders` holds, by member, the newest order key that was applied.

    `version` is the condition of every write. `correlation_id` is set while an open is pending or was tried in vain,
    and reused by the next try. `pending` is None while the item is settled.
    """

    problem: str
    dedup_key: str
    table: str
    version: int = 0
    orders: Mapping[str, int] = field(default_factory=dict)
    record: RecordReference | None = None
    correlation_id: str | None = None
    pending: Pending | None = None

    @property
    def fires(self) -> bool:
        """Whether any member fires."""
        return any(is_firing(order) for order in self.orders.values())

    def newer(self, orders: Mapping[str, int]) -> dict[str, int]:
        """Return those of `orders` that this item has not applied yet."""
        return {member: order for member, order in orders.items() if order > self.orders.get(member, -1)}

    def settled(self, orders: Mapping[str, int], record: RecordReference | None) -> "Item":
        """Return this item with `orders` applied and nothing pending."""
        kept = self.correlation_id if record is None else None
        merged = {**self.orders, **self.newer(orders)}
        return replace(self, orders=merged, record=record, correlation_id=kept, pending=None)

    def reverted(self) -> "Item":
        """Return this item with its pending write forgotten; the correlation id of an open is kept for the next."""
        return replace(self, pending=None)

    def without_record(self) -> "Item":
        """Return this item with its record, and the correlation id that led to it, forgotten."""
        return replace(self, record=None, correlation_id=None, pending=None)


def problem_of(deployment: str, dedup_key: str) -> str:
    """Return the hash that names a problem in the ledger and in ServiceNow: 32 hexadecimal digits."""
    return digest(deployment, dedup_key)


def correlation_id_of(problem: str, orders: Mapping[str, int]) -> str:
    """Return the id of one attempt to open a record: `<hash of the problem>-<hash of the attempt>`."""
    parts = (f"{member}={order}" for member, order in sorted(orders.items()))
    return f"{problem}-{digest(*parts)[:16]}"
