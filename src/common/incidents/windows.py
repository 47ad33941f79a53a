"""Maintenance windows: which of them an alert begins in, and what becomes of it there. Pure.

A problem belongs to a window by the time of its own event, not by when the queue delivers it. What a window holds
waits in the queue (`due.py`); nothing is remembered for it.
"""

import fnmatch
from collections.abc import Collection, Mapping, Sequence
from copy import replace
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from common.clock import DAY
from common.incidents.alert import Alert, Status
from common.incidents.expressions import Expression
from common.incidents.fields import ended_with, inert_note
from common.incidents.schedule import Dates, Schedule
from common.servicenow.event_management import EVENT_TABLE

LONGEST_WINDOW = 4 * DAY
"""Milliseconds for which a problem is held at most: the queue keeps a message for seven days, an outage needs some."""

FRESH_SECONDS = 15.0
"""How long an environment believes what it read last of windows that are opened elsewhere."""

NAMING = ("cmdb_ci", "business_service")
"""The fields by which a record names its configuration item and its service."""

_LOW = {"impact": 2, "urgency": 3}
_LOW_OF_EVENTS = 4
_MOST_STEPS = 100


class Quiet(StrEnum):
    """What becomes of a problem that begins inside a window."""

    DROP = "drop"
    HOLD = "hold"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A time in which problems are expected.

    `patterns` are names of rules, `account` is that of the events that it concerns, any where it is empty, and `items`
    are names or sys_ids of configuration items and services one of which the record would name, any where it is None.
    `place` is where it stands, for a person who looks for it.
    """

    name: str
    place: str
    schedule: Schedule
    quiet: Quiet = Quiet.HOLD
    patterns: tuple[str, ...] = ("*",)
    condition: Expression | None = None
    account: str = ""
    items: frozenset[str] | None = None

    def concerns(self, rule: str, about: Mapping[str, Any], alert: Alert) -> bool:
        """Return whether an alert is what the window is for. `about` is the event with `rule` and `severity`."""
        if self.account not in ("", about["account"]):
            return False
        if self.items is not None and self.items.isdisjoint(named_items(alert.fields)):
            return False
        return self.matches(rule) and (self.condition is None or self.condition.holds(about))

    def matches(self, rule: str) -> bool:
        """Return whether the window is about a rule of this name at all."""
        return any(fnmatch.fnmatchcase(rule, pattern) for pattern in self.patterns)


@dataclass(frozen=True, slots=True)
class Quieting:
    """Which window an alert begins in, what that means for it, and when it ends (milliseconds since the epoch)."""

    window: str
    quiet: Quiet
    until: int


def named_items(fields: Mapping[str, str]) -> Collection[str]:
    """Return what a record names as its configuration item and its service, in lower case."""
    return {text.lower() for name in NAMING if (text := fields.get(name, ""))}


def quieting_of(
    alert: Alert, rule: str, about: Mapping[str, Any], windows: Sequence[Window], longest: int = LONGEST_WINDOW
) -> Quieting | None:
    """Return what the windows say to an alert, None where it begins outside of all.

    Of several that are open the last one counts. Where it holds, it does so until no window that holds is open any
    more, and for `longest` milliseconds at most. A recovery is never quieted, so that what is open gets resolved, nor
    is a request for a record.
    """
    if alert.status is not Status.FIRING or alert.fingerprint:
        return None
    own = Quieting(alert.quiet_by, Quiet.HOLD, alert.quiet_until) if alert.quiet_until > alert.occurred_at else None
    possible = (window for window in windows if not _was_over(window.schedule, alert.occurred_at))
    concerned = [window for window in possible if window.concerns(rule, about, alert)]
    found = _last_open(concerned, alert.occurred_at) or own
    if found is None or found.quiet is not Quiet.HOLD:
        return found
    latest = alert.occurred_at + longest
    until = max(found.until, own.until if own else 0)
    holding = [window for window in concerned if window.quiet is Quiet.HOLD]
    for _ in range(_MOST_STEPS):
        further = _last_open(holding, until)
        if further is None or until >= latest:
            break
        until = further.until
    return replace(found, until=min(until, latest))


def _was_over(schedule: Schedule, at: int) -> bool:
    """Return whether a schedule is never open again from `at` on: hundreds of such windows of callers are kept."""
    return isinstance(schedule, Dates) and schedule.end <= at


def _last_open(windows: Sequence[Window], at: int) -> Quieting | None:
    for window in reversed(windows):
        if span := window.schedule.span(at):
            return Quieting(window.name, window.quiet, span[1])
    return None


def quieted(alert: Alert, quieting: Quieting) -> Alert:
    """Return an alert that is not to be dropped, as the window wants it: it waits, or is told with a low severity.

    Its record says where it began either way.
    """
    sentence = inert_note(f"Began inside the maintenance window {quieting.window} (until {utc(quieting.until)}).")
    fields = dict(alert.fields)
    notes = quieting.quiet is Quiet.NOTE
    if alert.table == EVENT_TABLE:
        fields["description"] = ended_with(fields.get("description", ""), sentence)
        if notes and fields.get("severity", "").isdecimal():
            fields["severity"] = str(max(int(fields["severity"]), _LOW_OF_EVENTS))
    else:
        for name, least in _LOW.items():
            if notes and fields.get(name, "").isdecimal():
                fields[name] = str(max(int(fields[name]), least))
    return replace(
        alert,
        fields=fields,
        note=ended_with(alert.note, sentence),
        quiet_note=sentence,
        quiet_until=0 if notes else quieting.until,
        quiet_by=quieting.window,
    )


def utc(milliseconds: int) -> str:
    """Return a moment as people read it: to the minute, in UTC."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
