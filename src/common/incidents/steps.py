"""The words of the state machine: what it is told of a record and of time, and what it answers with. Pure."""

from dataclasses import dataclass
from enum import Enum, StrEnum

from common.incidents.item import Item, RecordReference

SERVICENOW_COMMITS_WITHIN = 65_000
"""Milliseconds after its sending within which ServiceNow commits a write: its 60 s quota and some."""

CLOCK_MARGIN = 5_000
"""Milliseconds by which two readings of the ledger's clock may differ."""


class Condition(Enum):
    """What a person, or a write of ours, made of a record."""

    OPEN = "open"
    RESOLVED = "resolved"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Seen:
    """A record as ServiceNow shows it. `marker` is what the last write of ours left in it."""

    reference: RecordReference
    condition: Condition
    correlation_id: str
    marker: str


@dataclass(frozen=True, slots=True)
class Moment:
    """Now and the end of this worker's time, in milliseconds since the epoch by the ledger's clock, and its name."""

    now: int
    hard_deadline: int
    owner: str

    @property
    def lock_until(self) -> int:
        """When a write that is sent at the very end of this worker's time can no longer be under way."""
        return self.hard_deadline + SERVICENOW_COMMITS_WITHIN + CLOCK_MARGIN


class Next(StrEnum):
    """What follows a write to the ledger."""

    PLAN = "plan"
    CALL = "call"
    GO_BACK = "go back"


@dataclass(frozen=True, slots=True)
class Write:
    """Write `item` under the condition that its version is still `item.version`, then do what `then` says."""

    item: Item
    then: Next


@dataclass(frozen=True, slots=True)
class Finish:
    """Nothing is to be done: the ledger already holds this or something newer."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Another write may be under way; come back after `milliseconds`."""

    milliseconds: int


@dataclass(frozen=True, slots=True)
class LookUp:
    """Ask ServiceNow whether the pending write was committed."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """ServiceNow shows several records, or a foreign one, where one of ours should be: write nothing, tell a person."""


@dataclass(frozen=True, slots=True)
class Over:
    """The storm whose record this is has ended: its problem comes back, leaves it and is judged anew (row 22)."""


Step = Write | Finish | Wait | LookUp | Conflict | Over
