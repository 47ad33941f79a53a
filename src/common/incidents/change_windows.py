"""Change requests of ServiceNow that are being implemented now, as maintenance windows.

A problem is inside of one where its record would name the change's configuration item or service. ServiceNow is asked
once a minute at most by all environments together: one item of the ledger's table holds its answer. Where nobody can
tell what is being changed, nothing is quiet.
"""

import json
from collections.abc import Iterable, Sequence
from copy import replace
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from common.clock import DAY, Clock, Deadline
from common.errors import BridgeError
from common.incidents.ledger import Ledger, LostRaceError
from common.incidents.schedule import Dates
from common.incidents.windows import FRESH_SECONDS, NAMING, Window
from common.servicenow.query import all_of, equals
from common.servicenow.records import Record, Records
from common.telemetry import Telemetry

TABLE = "change_request"
IMPLEMENT = "-1"
"""The state in which a change is carried out, as ServiceNow's default change models number it."""

CHANGE_FIELDS = (
    *("sys_id", "number", "state", "start_date", "end_date"),
    *(f"{name}{part}" for name in NAMING for part in ("", ".name", ".correlation_id", ".object_id")),
)
"""What a look-up has to show: planned begin and end, and by which names records may speak of what is changed."""

ASKED_EVERY = 60_000
"""Milliseconds between two questions to ServiceNow."""

_BELIEVED = 180_000  # milliseconds: whoever asked last may have been killed, the next one asks a minute later
_LOOK_UP_SECONDS = 8.0
_MOST_CHANGES = 500
_MOST_KEPT = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeWindow:
    """One change. `begin` and `end` are in milliseconds since the epoch, `items` names of what is changed."""

    number: str
    begin: int
    end: int
    items: Sequence[str]

    def window(self) -> Window:
        """Return it in the terms of `windows.py`."""
        return Window(
            name=f"change {self.number}",
            place="change request of ServiceNow",
            schedule=Dates(self.begin, self.end),
            items=frozenset(self.items),
        )


def change_of(record: Record) -> ChangeWindow | None:
    """Return the change that a row tells of; None where it is not being implemented, or does not say from when to when.

    A row is judged by its own fields: ServiceNow drops terms of a query that it does not understand.
    """
    begin, end = (_milliseconds(record.fields.get(name, "")) for name in ("start_date", "end_date"))
    names = (value for name, value in record.fields.items() if name.startswith(NAMING) and value)
    items = tuple(dict.fromkeys(value.lower() for value in names))
    if record.fields.get("state") != IMPLEMENT or begin is None or end is None or end <= begin or not items:
        return None
    return ChangeWindow(number=record.fields.get("number", record.sys_id), begin=begin, end=end, items=items)


def merged(before: Iterable[ChangeWindow], found: Sequence[ChangeWindow], now: int) -> tuple[ChangeWindow, ...]:
    """Return what was found, and for a day what is over, or was ended before its time: it ended by `now` then.

    By these a record can still say that its problem began inside.
    """
    numbers = {change.number for change in found}
    over = [
        replace(change, end=min(change.end, now))
        for change in before
        if change.number not in numbers and now - change.end < DAY and change.begin < now
    ]
    return (*over[-_MOST_KEPT:], *found)


class ChangeWindows:
    """Knows what is being changed."""

    def __init__(
        self, ledger: Ledger, records: Records, *, deployment: str, clock: Clock, telemetry: Telemetry
    ) -> None:
        """Ask with `records`, which must show `CHANGE_FIELDS`, and share the answer in the ledger's table."""
        self._ledger = ledger
        self._records = records
        self._key = f"windows/changes/{deployment}"
        self._clock = clock
        self._telemetry = telemetry
        self._read_at: float | None = None
        self._seen: tuple[Window, ...] = ()

    def seen(self) -> tuple[Window, ...]:
        """Return the changes as they were a good minute ago at most. Raises nothing; none where they can't be told."""
        now = self._clock.monotonic()
        if self._read_at is None or now - self._read_at >= FRESH_SECONDS:
            self._read_at = now
            try:
                self._seen = tuple(change.window() for change in self._shared())
            except (BridgeError, LostRaceError, KeyError, TypeError, ValueError) as error:
                self._seen = ()
                self._failed(error)
        return self._seen

    def _shared(self) -> Sequence[ChangeWindow]:
        item = self._ledger.stored(self._key)
        now = self._ledger.now()
        changes = [ChangeWindow(**each) for each in json.loads(item["changes"]["S"])] if item else []
        asked, answered, version = (int(item[name]["N"]) if item else 0 for name in ("asked", "answered", "version"))
        if now - asked < ASKED_EVERY:
            return changes if now - answered < _BELIEVED else merged(changes, (), now)
        try:
            self._keep(changes, now, answered, version)
        except LostRaceError:
            return changes  # another environment is asking just now
        try:
            changes = list(merged(changes, self._asked(), now))
        except BridgeError as error:
            self._failed(error)
            changes = list(merged(changes, (), now))
        self._keep(changes, now, self._ledger.now(), version + 1)
        return changes

    def _asked(self) -> list[ChangeWindow]:
        query = all_of([equals("state", IMPLEMENT), equals("active", "true")], order_by="end_date")
        deadline = Deadline.after(self._clock, _LOOK_UP_SECONDS)
        page = self._records.page(TABLE, query, deadline, limit=_MOST_CHANGES)
        if page.more:
            self._telemetry.log.warning("More changes are being implemented than are looked at.", most=_MOST_CHANGES)
        return [change for record in page.records if (change := change_of(record)) is not None]

    def _keep(self, changes: Sequence[ChangeWindow], asked: int, answered: int, version: int) -> None:
        attributes: dict[str, Any] = {
            "asked": {"N": str(asked)},
            "answered": {"N": str(answered)},
            "changes": {"S": json.dumps([asdict(change) for change in changes])},
            "expires_at": {"N": str((asked + 7 * DAY) // 1000)},
        }
        self._ledger.put(self._key, attributes, seen=version)

    def _failed(self, error: Exception) -> None:
        self._telemetry.count("ChangesUnread")
        self._telemetry.log.warning(
            "What is being changed in ServiceNow can't be told, so no change makes anything quiet. Let the "
            "integration user read change_request, or set ChangeWindows to false.",
            reason=str(error),
        )


def _milliseconds(text: str) -> int | None:
    try:
        return round(datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC).timestamp() * 1000)
    except ValueError:
        return None
