"""An alert: what one event says about one problem."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from common.incidents.storm import Cover, Storm
from common.incidents.waiting import Waiting

DEFAULT_TABLE = "incident"
"""The table of records where a rule names none."""

ONLY_MEMBER = "-"
"""The member of a problem that is not a group."""

_as_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Status(StrEnum):
    """Whether the problem is there or over, in Alertmanager's terms."""

    FIRING = "firing"
    RESOLVED = "resolved"


class OnRepeat(StrEnum):
    """What happens to the record when a problem that fires already fires again."""

    IGNORE = "ignore"
    NOTE = "note"
    LIST = "list"


class OnRecovery(StrEnum):
    """What happens to the record when the problem is over."""

    RESOLVE = "resolve"
    NOTE = "note"
    LEAVE = "leave"


class OnReturn(StrEnum):
    """What happens when a problem fires again although its record is resolved."""

    REOPEN = "reopen"
    REPLACE = "replace"


class FollowUp(StrEnum):
    """What a rule adds to an open record: the metric as a picture, lines of its log, what else changed there."""

    GRAPH = "graph"
    LOG = "log"
    EVENTS = "events"


@dataclass(frozen=True, slots=True)
class Policy:
    """The life of a record, chosen by rule. `reopen_window` is in seconds after the recovery.

    `hold` is for how many seconds a problem has to last before it opens a record, `settle` the same for a recovery
    before it resolves one. A problem that begins more than `flapping` times in a day is said to flap; 0 for never.
    `resolved_state` and `reopened_state` are values of the table's state; for incidents they are known when empty.
    """

    on_repeat: OnRepeat = OnRepeat.IGNORE
    on_recovery: OnRecovery = OnRecovery.RESOLVE
    on_return: OnReturn = OnReturn.REOPEN
    reopen_window: int = 7 * 86_400
    close_code: str = ""
    close_notes: str = ""
    resolved_state: str = ""
    reopened_state: str = ""
    hold: int = 0
    settle: int = 0
    flapping: int = 0


@dataclass(frozen=True, slots=True)
class Alert:
    """One event's statement about one member of one problem.

    `key` is the dedup key; it carries its origin, so that nobody resolves another's problem. `occurred_at` is the
    event's own time in milliseconds since the epoch, UTC. `fields` are the fields of a new record, `note` is what
    a person reads in the work notes when the record changes. `fingerprint` is for requests of callers, who may repeat
    a request but not change it under the same key: a hash of its content; events have none. `event_id` is the event's
    own, for the logs; requests have none. `resources` are ARNs of what the event is about, as it names them itself, and
    `object` is what names the object of AWS to the API that changes it, by the entries of a rule's `object`.
    `tags` are those with which its fields were made, None where its rule asks for none; `tags_missing` tells that some
    could not be looked up.
    `quiet_until` is when the maintenance window ends that holds it, in milliseconds since the epoch, 0 for none, and
    `quiet_by` the name of that window, or of the one in which it is told all the same; `quiet_note` says so in the
    record that it opens.
    `storm` is what an alarm may join instead of opening a record, `covers` tells which others it covers, and `about` is
    the event as such a one judges it, None where none could.
    `follow_ups` are what the rule adds once the record is open, and `event` is what they need to know, empty without.
    `waiting` is what waits in AWS for the record, if anything does.
    """

    key: str
    status: Status
    occurred_at: int
    fields: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    table: str = DEFAULT_TABLE
    policy: Policy = Policy()
    member: str = ONLY_MEMBER
    fingerprint: str = ""
    event_id: str = ""
    resources: tuple[str, ...] = ()
    tags: Mapping[str, str] | None = None
    tags_missing: bool = False
    quiet_until: int = 0
    quiet_by: str = ""
    quiet_note: str = ""
    storm: Storm | None = None
    follow_ups: tuple[FollowUp, ...] = ()
    event: Mapping[str, Any] = field(default_factory=dict, repr=False)
    object: Mapping[str, str] = field(default_factory=dict)
    covers: Cover | None = None
    about: Mapping[str, Any] | None = field(default=None, compare=False, repr=False)
    waiting: Waiting | None = field(default=None, repr=False)

    @property
    def order(self) -> int:
        """The order key: milliseconds, then one digit of rank, so that firing wins at equal times."""
        return order_key(self.occurred_at, firing=self.status is Status.FIRING)


def order_key(occurred_at: int, *, firing: bool) -> int:
    """Return the sortable key of a statement made at `occurred_at`, in milliseconds since the epoch."""
    return occurred_at * 10 + (1 if firing else 0)


def is_firing(order: int) -> bool:
    """Return whether the statement behind an order key was "firing"."""
    return order % 10 == 1


def dedup_key(*parts: str) -> str:
    """Return one key for a problem from the parts that name it, whatever characters they hold."""
    return storable(_as_json(parts))


def storable(text: str) -> str:
    """Return `text` with half a surrogate pair escaped, because DynamoDB takes nothing but UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode()


def digest(*parts: str) -> str:
    """Return 32 hexadecimal digits that stand for the parts; lone surrogates are allowed."""
    return hashlib.sha256(ascii(parts).encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Fold:
    """The alerts of one problem that are handled together: for each member, only its newest counts."""

    alerts: tuple[Alert, ...]

    @classmethod
    def of(cls, alerts: Iterable[Alert]) -> "Fold":
        """Return the fold of at least one alert, all of the same key, oldest first."""
        return cls(tuple(sorted(alerts, key=lambda alert: alert.order)))

    @property
    def key(self) -> str:
        """The dedup key that all of them share."""
        return self.alerts[0].key

    @property
    def newest(self) -> Alert:
        """The alert whose table and policy count."""
        return self.alerts[-1]

    def orders(self) -> dict[str, int]:
        """Return each member's newest order key."""
        return {alert.member: alert.order for alert in self.alerts}

    def speaker(self, orders: Mapping[str, int], *, firing: bool) -> Alert:
        """Return the newest alert of that status whose statement is among `orders`: its fields and note count.

        An alert that was folded in although it is applied already, or superseded, has no say.
        """
        speakers = (alert for alert in reversed(self.alerts) if orders.get(alert.member) == alert.order)
        return next(alert for alert in speakers if is_firing(alert.order) is firing)
