"""Which rows of an answer are changes that nobody was told of, and what each change is. Pure.

ServiceNow's times have a grain of one second, a row may show up to a minute after its time stamp, and the clocks of its
nodes differ. So time only says where to look, with an overlap, and `sys_mod_count`, which grows with every update, says
what is new.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from common.errors import ConfigurationError, TransientError
from common.incidents.alert import DEFAULT_TABLE, digest
from common.servicenow.change_requests import TABLE as CHANGE_TABLE
from common.servicenow.event_management import EVENT_TABLE
from common.servicenow.query import all_of, changed_within, term
from common.servicenow.records import Record

NAMES: Mapping[str, str] = {"assignment_group": "assignment_group.name", "assigned_to": "assigned_to.user_name"}
"""Fields that refer to another record, each with what that record is known by."""

WATCHED = (
    "state",
    "active",
    "priority",
    "impact",
    "urgency",
    "assignment_group",
    "assigned_to",
    "close_code",
    "hold_reason",
    "approval",
)
"""The fields of which old and new are told; a table that has no such field is without it."""

READ = (
    "sys_id",
    "number",
    *WATCHED,
    *NAMES.values(),
    "correlation_id",
    "sys_created_by",
    "sys_updated_by",
    "sys_updated_on",
    "sys_mod_count",
)
"""What is asked for: a page of a thousand such rows is less than the megabyte that an answer may have."""

OVERLAP = 120
"""Seconds that are read again: a transaction may last 60, the grain of a time is one, and clocks of nodes differ."""

LONGEST_ABSENCE = 7 * 86_400
"""Seconds after which what happened meanwhile is not told any more: as long as an event waits for ServiceNow."""

_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
_NOBODY_ASKED = "not requested"
# No zone is further than 14 hours from UTC.
_ANY_ZONE = 86_400
_MINUTE = 60
# Minutes: what rounding up, and the one more, can add to the overlap of a later look.
_FURTHER_AT_FIRST = 2


class By(StrEnum):
    """Who made a change. ServiceNow names the last one alone: of several updates nobody knows who made the others."""

    BRIDGE = "bridge"
    INTEGRATION = "integration"
    PERSON = "person"
    SEVERAL = "several"


@dataclass(frozen=True, slots=True)
class Known:
    """What was told of a record last: its count of updates, its time and its fields."""

    updates: int
    updated_on: str
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Change:
    """A record that is not any more what was told of it. `changes` holds, by field, old (None if unknown) and new."""

    record: Record
    known: Known
    changes: Mapping[str, Mapping[str, str | None]]
    by: By


def watched_tables(allowed: Sequence[str], *, changes: bool = False) -> tuple[str, ...]:
    """Return the tables whose records are watched: incidents, and what rules may write but Event Management.

    With `changes` change requests too, because somebody waits for them.
    """
    more = (CHANGE_TABLE,) if changes else ()
    return tuple(dict.fromkeys((DEFAULT_TABLE, *(table for table in allowed if table != EVENT_TABLE), *more)))


def query(prefix: str, minutes: int, *, after: str = "") -> str:
    """Return the query for records whose correlation id begins with `prefix` and that changed in the last minutes.

    They come by sys_id, behind `after`, because it does not change: by time, a record that changes while pages are read
    would move others from a page that comes to one that was read.
    """
    behind = [term("sys_id", ">", after)] if after else []
    return all_of([term("correlation_id", "STARTSWITH", prefix), changed_within(minutes), *behind], order_by="sys_id")


def minutes_back(elapsed: float, *, is_first: bool = False) -> int:
    """Return how many minutes back to look, `elapsed` seconds after the last complete look began.

    Rounded up, and one more: while pages are read the beginning of "minutes ago" moves on. The first look goes further
    back than the next ones will, or these would tell of what changed before the watch began.
    """
    return int(-(-(max(0.0, elapsed) + OVERLAP) // _MINUTE)) + 1 + _FURTHER_AT_FIRST * is_first


def checked(rows: Sequence[Record], *, prefix: str, after: str, since: float) -> Sequence[Record]:
    """Return the rows of a page where they are what was asked for.

    Asked for were records whose correlation id begins with `prefix`, in the order of their sys_ids, behind `after`, and
    changed at `since` (seconds since the epoch) or later. ServiceNow drops a condition that it does not understand and
    leaves out fields that the user may not read: both raise ConfigurationError. Another order raises TransientError.
    """
    for row in rows:
        text, count = row.fields.get("sys_updated_on", ""), row.fields.get("sys_mod_count", "")
        whose = [row.fields.get(name) for name in ("sys_created_by", "sys_updated_by")]
        if not _TIME.fullmatch(text) or not (count.isascii() and count.isdigit()) or not all(whose):
            raise ConfigurationError(
                "ServiceNow does not show when records were changed, and by whom.",
                action="Let the integration user read sys_updated_on, sys_updated_by, sys_created_by, sys_mod_count.",
                code="times_hidden",
            )
        if not row.fields.get("correlation_id", "").startswith(prefix) or _seconds(text) < since - _ANY_ZONE:
            raise ConfigurationError(
                "ServiceNow does not understand which records were asked for.",
                action="Let the integration user read correlation_id and sys_updated_on of the table.",
                code="condition_dropped",
            )
        if row.sys_id <= after:
            raise TransientError(
                "ServiceNow answered in another order than asked for.",
                action="Nothing, unless it stays; then let the integration user read sys_id of the table.",
                code="order_dropped",
            )
        after = row.sys_id
    return rows


def change_of(row: Record, known: Known | None, integrations: Collection[str] = ()) -> Change | None:
    """Return what changed in a row since it was `known`, None where nothing did.

    `integrations` are the user names of those who are no people.
    A lower count with an older time is what a copy of the database that lags behind shows; with a newer time the record
    was restored.
    """
    now = known_of(row)
    if known is not None:
        is_stale = now.updates < known.updates and now.updated_on <= known.updated_on
        if is_stale or (now.updates, now.updated_on) == (known.updates, known.updated_on):
            return None
    return Change(
        row, now, _differences(now.values, None if known is None else known.values), _by(row, known, integrations)
    )


def known_of(row: Record) -> Known:
    """Return what is to be remembered of a row."""
    values = {name: row.fields[name] for name in (*WATCHED, *NAMES.values()) if row.fields.get(name)}
    if values.get("approval") == _NOBODY_ASKED:
        # So it stands in every record that nobody has to approve, such as an incident: that is no change of it.
        del values["approval"]
    return Known(int(row.fields["sys_mod_count"]), row.fields["sys_updated_on"], values)


def event_id(deployment: str, table: str, change: Change) -> str:
    """Return what is the same each time that one change is told: 32 hexadecimal digits."""
    return digest(deployment, table, change.record.sys_id, str(change.known.updates), change.known.updated_on)


def is_over(row: Record) -> bool:
    """Tell whether a record will hardly change any more."""
    return row.fields.get("active") == "false"


def moment(text: str) -> datetime:
    """Return a time of ServiceNow, which is in UTC."""
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)


def _seconds(text: str) -> float:
    return moment(text).timestamp()


def _differences(new: Mapping[str, str], old: Mapping[str, str] | None) -> dict[str, Mapping[str, str | None]]:
    differences: dict[str, Mapping[str, str | None]] = {}
    for name in WATCHED:
        before = None if old is None else old.get(name, "")
        if before == new.get(name, "") or (before is None and name not in new):
            continue
        difference = {"old": before, "new": new.get(name, "")}
        if name in NAMES:
            shown = NAMES[name]
            difference |= {"old_name": None if old is None else old.get(shown, ""), "new_name": new.get(shown, "")}
        differences[name] = difference
    return differences


def _by(row: Record, known: Known | None, integrations: Collection[str]) -> By:
    last = row.fields.get("sys_updated_by", "")
    # The bridge's user opened every record of ours, so that its name stands in each.
    is_bridge = last == row.fields.get("sys_created_by", "")
    if not is_bridge and last not in integrations:
        return By.PERSON
    before = -1 if known is None else known.updates
    alone = By.BRIDGE if is_bridge else By.INTEGRATION
    return alone if int(row.fields["sys_mod_count"]) == before + 1 else By.SEVERAL
