"""Everything around the desk as one value: the ledger, ServiceNow, the queue, workers, and time."""

import json
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal, NamedTuple

from common.incidents.alert import Alert, Policy, Status
from tests.support.clock import EPOCH
from tests.support.ledger import Attributes
from tests.support.requests import Clocks, Create, Run, Update
from tests.support.servicenow import Act, Instance

COMMITS_WITHIN = 65
"""Seconds after its sending within which a write commits, if it ever does."""

KEY = "problem"

type Fault = Literal[
    "kill",
    "kill in flight",
    "answer lost",
    "dropped",
    "late",
    "not done",
    "refused",
    "refused after commit",
    "forbidden",
    "hidden",
    "held",
    "throttled",
    "ledger answer lost",
    "ledger repeated",
    "query ignored",
]

LOSSES: tuple[Fault, ...] = ("kill", "kill in flight", "answer lost", "late", "dropped", "not done")
"""What can become of a worker or of a write without anybody saying no."""


def alerts(text: str, policy: Policy | None = None) -> tuple[Alert, ...]:
    """Return alerts from a text such as `F1 R2`, or `aF1 bR2` for members of a group; the digits are seconds.

    `other:F1` is about another problem.
    """
    return tuple(_alert(word, policy or Policy()) for word in text.split())


def _alert(word: str, policy: Policy) -> Alert:
    key, _, word = word.rpartition(":")
    position = max(word.find("F"), word.find("R"))
    firing = word[position] == "F"
    return Alert(
        key=key or KEY,
        status=Status.FIRING if firing else Status.RESOLVED,
        occurred_at=int(EPOCH - 1000 + int(word[position + 1 :])) * 1000,
        fields={"short_description": f"opened by {key}{word}"} if firing else {},
        note=f"note of {key}{word}",
        policy=policy,
        member=word[:position] or "-",
    )


class Flight(NamedTuple):
    """A write that ServiceNow has received and not carried out yet."""

    write: Create | Update
    sent: int


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is there, and how much of each trouble there may be."""

    alerts: tuple[Alert, ...]
    workers: int = 2
    faults: int = 0
    kinds: tuple[Fault, ...] = LOSSES
    duplicates: int = 0
    acts: int = 0
    act_kinds: tuple[Act, ...] = ("resolve", "close")
    folds: bool = False
    clocks: tuple[Clocks, ...] = (Clocks(local_offset=3600), Clocks(local_offset=-3600, date_lag=4), Clocks())
    servicenow: Instance = field(default_factory=Instance)


class World(NamedTuple):
    """A state. `queue` counts the visible messages of each event; `now` is in seconds since the beginning."""

    queue: tuple[int, ...]
    runs: tuple[Run | None, ...]
    servicenow: Instance
    faults: int
    duplicates: int
    acts: int
    now: int = 0
    ledger: str | None = None
    flights: tuple[Flight, ...] = ()
    dead: frozenset[int] = frozenset()
    refused: bool = False
    defects: int = 0
    others: tuple[tuple[str, str], ...] = ()

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing is left to be done."""
        return not (any(self.queue) or any(self.runs) or self.flights)

    @property
    def item(self) -> Attributes | None:
        """The stored item of the problem that the scenario is about."""
        return _parsed(self.ledger)

    def stored(self, pk: str) -> str | None:
        """Return the item with a key, as JSON."""
        return dict(self.others).get(pk) if pk else self.ledger

    def item_of(self, pk: str) -> Attributes | None:
        """Return the item with a key."""
        return _parsed(self.stored(pk))

    def with_item(self, pk: str, item: str) -> "World":
        """Return the world with another item stored under a key."""
        if not pk:
            return self._replace(ledger=item)
        return self._replace(others=tuple(sorted({**dict(self.others), pk: item}.items())))

    @property
    def locks(self) -> list[int]:
        """The last seconds within the locks of whatever is pending."""
        items = (_parsed(item) for item in (self.ledger, *(item for _, item in self.others)))
        return [int(item["lock_until"]["N"]) // 1000 - int(EPOCH) for item in items if item and "lock_until" in item]


@lru_cache(maxsize=100_000)
def _parsed(item: str | None) -> Attributes | None:
    if item is None:
        return None
    parsed: Attributes = json.loads(item)
    return parsed
