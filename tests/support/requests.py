"""What workers ask of the ledger and of ServiceNow, what they are told, and what became of their messages."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from tests.support.servicenow import Row

FUNCTION_TIMEOUT = 60
"""Seconds after which a worker is killed."""


class GetItem(NamedTuple):
    """Read the ledger: the item of the problem that a scenario is about, or the one with another key."""

    pk: str = ""


class PutItem(NamedTuple):
    """Write the ledger: the item as JSON, under the condition that the stored version is `expected`."""

    item: str
    expected: int | None
    pk: str = ""


class Count(NamedTuple):
    """Count the opening of a problem where no more than so many are counted, and name what gathers the others."""

    pk: str
    problem: str
    more_than: int
    gathering: str


class Change(NamedTuple):
    """Change the list of what covers others: add an attribute (as JSON), take some off, or add one to a number."""

    pk: str
    added: tuple[tuple[str, str], ...] = ()
    removed: tuple[str, ...] = ()
    counted: str = ""


class Succeed(NamedTuple):
    """Name another one that gathers, where `old` is the one that does."""

    pk: str
    old: str
    new: str


class Create(NamedTuple):
    """Insert a record."""

    fields: tuple[tuple[str, str], ...]


class Update(NamedTuple):
    """Change a record."""

    sys_id: str
    fields: tuple[tuple[str, str], ...]


class Read(NamedTuple):
    """Read a record."""

    sys_id: str


class Find(NamedTuple):
    """Look records up."""

    query: str


type Request = GetItem | PutItem | Count | Succeed | Change | Create | Update | Read | Find
type Kind = Literal[
    "done", "unknown", "not done", "refused", "forbidden", "hidden", "held", "throttled", "lost race", "lost"
]


class Answer(NamedTuple):
    """What a worker was told: at which second, how it went, and the item (JSON) or the records."""

    at: int
    kind: Kind
    item: str | None = None
    rows: tuple[Row, ...] = ()


type Fate = Literal["done", "back", "dead"]


class Fates(NamedTuple):
    """What became of the messages of a run, in their order, and the defects that the intake caught."""

    of: tuple[Fate, ...]
    defects: int = 0


class Run(NamedTuple):
    """One invocation: who, with which events, since which second, and what it was told so far."""

    slot: int
    events: tuple[int, ...]
    started: int
    answers: tuple[Answer, ...] = ()

    @property
    def killed_at(self) -> int:
        """The second at which the function's time is over."""
        return self.started + FUNCTION_TIMEOUT


@dataclass(frozen=True, slots=True)
class Clocks:
    """What is wrong with the clocks of one worker, in seconds: its own wall clock, and the age of a `Date` header.

    The wall clock does not just go wrong, it jumps with every call: ahead by its offset, then back by as much.
    """

    local_offset: int = 0
    date_lag: int = 0
