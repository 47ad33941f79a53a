"""A record that was opened before its tags could be looked up is put right: once, and never what a person changed.

An item of the ledger's table, beside that of the problem, says that it waits for it. The message that opened the record
stays in the queue meanwhile, so that nothing else has to remember the event. The item is marked as done before
ServiceNow is asked for the change: after a lost answer there is rather none than two.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from common.clock import Deadline
from common.context.shared import CONTEXT_KEY
from common.errors import BridgeError, HeldError, TransientError
from common.incidents.alert import ONLY_MEMBER, Alert, Status
from common.incidents.changes import READ_FIELDS, seen
from common.incidents.item import problem_of
from common.incidents.ledger import Ledger, LostRaceError
from common.incidents.steps import Condition
from common.servicenow.event_management import EVENT_TABLE
from common.servicenow.kept import ignored
from common.servicenow.records import Record, Records
from common.telemetry import Telemetry

GIVEN_UP_AFTER = 3600.0
"""Seconds after which nobody waits for tags any more."""

_FIRST_PAUSE = 60.0
_LONGEST_PAUSE = 900.0
_WRITE_NEEDS_SECONDS = 20.0
_KEPT_SECONDS = 2 * 86_400
_UNCHANGED = "0"

type Remake = Callable[[Mapping[str, str]], Alert | None]


@dataclass(frozen=True, slots=True)
class _Late:
    """A record that waits for its tags: which statement opened it, and the tags that were known then."""

    order: int
    tags: Mapping[str, str]
    done: bool
    version: int


class Corrections:
    """Remembers what was opened without tags, and puts it right."""

    def __init__(
        self,
        ledger: Ledger,
        records: Records,
        reader: Callable[[Sequence[str]], Records],
        *,
        deployment: str,
        telemetry: Telemetry,
    ) -> None:
        """Write to `records`; `reader` returns records of which the fields that it is given come back."""
        self._ledger = ledger
        self._records = records
        self._reader = reader
        self._deployment = deployment
        self._telemetry = telemetry

    def expect(self, alert: Alert) -> None:
        """Remember it before the record is opened, so that no end of the process loses it. Raises nothing."""
        if alert.status is not Status.FIRING or alert.table == EVENT_TABLE:
            return
        problem = self._problem(alert)
        try:
            item = self._ledger.read(problem, dedup_key=alert.key, table=alert.table)
            if item.record is None or not item.fires:
                self._write(problem, _Late(alert.order, alert.tags or {}, done=False, version=0))
        except (BridgeError, LostRaceError) as error:
            self._telemetry.log.warning("A record that opens without tags will not be put right.", reason=str(error))

    def put_right(self, alert: Alert, remake: Remake, receives: int, age: float, deadline: Deadline) -> float | None:
        """Do what `Context.put_right` does; `remake` returns the alert as it was with other tags."""
        if alert.status is not Status.FIRING or alert.table == EVENT_TABLE:
            return None
        pause = min(_FIRST_PAUSE * 2.0 ** min(receives - 1, 8), _LONGEST_PAUSE)
        try:
            late = self._read(self._problem(alert))
            if late is None or late.done or late.order != alert.order or self._gives_up(alert, late, age):
                return None
            has_time = deadline.remaining() > _WRITE_NEEDS_SECONDS
            is_known = not alert.tags_missing
            done = has_time and is_known and self._corrected(alert, remake(late.tags), late, deadline)
        except LostRaceError:
            return None
        except BridgeError as error:
            self._telemetry.log.info("A record can't be put right yet.", reason=str(error))
            return pause
        return None if done else pause

    def _corrected(self, alert: Alert, before: Alert | None, late: _Late, deadline: Deadline) -> bool:
        """Return whether nothing is left to be done."""
        item = self._ledger.read(self._problem(alert), dedup_key=alert.key, table=alert.table)
        if item.pending is not None:
            return False
        right: Mapping[str, str] = {}
        if item.record is not None and item.table == alert.table and before is not None:
            sys_id = item.record.sys_id
            right = self._what_is_wrong(alert, before, sys_id, deadline)
        self._write(self._problem(alert), _Late(late.order, late.tags, done=True, version=late.version))
        if item.record is None or not right:
            return True
        try:
            self._records.update(item.table, item.record.sys_id, right, deadline)
        except (TransientError, HeldError):
            # It was not carried out, so that the next try is still the first one.
            self._write(self._problem(alert), _Late(late.order, late.tags, done=False, version=late.version + 1))
            raise
        except BridgeError as error:
            self._telemetry.log.warning("A record may not have been put right.", reason=str(error))
            return True
        self._telemetry.count("RecordsPutRight")
        self._telemetry.log.info(
            "A record that was opened without tags was put right.",
            record=item.record.number,
            fields=sorted(right),
            dedup_key=alert.key,
        )
        return True

    def _what_is_wrong(self, alert: Alert, before: Alert, sys_id: str, deadline: Deadline) -> dict[str, str]:
        """Return what the record lacks, without what a person made of it since; nothing where it is not open."""
        names = [name for name, value in alert.fields.items() if value != before.fields.get(name, "")]
        if alert.member != ONLY_MEMBER:
            # What a group is called counts its alarms.
            names = [name for name in names if name != "short_description"]
        if not names:
            return {}
        wanted = self._records.resolved({name: alert.fields[name] for name in names}, deadline)
        sent = self._records.resolved({name: before.fields[name] for name in names if name in before.fields}, deadline)
        row = self._reader((*READ_FIELDS, "sys_mod_count", *names)).read(alert.table, sys_id, deadline)
        if row is None or seen(row, alert.table, alert.policy).condition is not Condition.OPEN:
            return {}
        lacking = {name: value for name, value in wanted.items() if not self._shows(name, value, row)}
        return {name: value for name, value in lacking.items() if self._is_ours(name, sent.get(name, ""), row)}

    def _is_ours(self, name: str, sent: str, row: Record) -> bool:
        """Tell whether a field still is as it was when the record was opened."""
        if row.fields.get("sys_mod_count") == _UNCHANGED:
            return True
        return self._shows(name, sent, row) if sent else not row.fields.get(name)

    def _shows(self, name: str, value: str, row: Record) -> bool:
        return not ignored(self._records.as_written({name: value}), row.fields)

    def _gives_up(self, alert: Alert, late: _Late, age: float) -> bool:
        if age <= GIVEN_UP_AFTER:
            return False
        self._write(self._problem(alert), _Late(late.order, late.tags, done=True, version=late.version))
        self._telemetry.count("RecordsLeftWithoutTags")
        self._telemetry.log.warning(
            "Tags could not be looked up for an hour, so a record stays as it was opened. An earlier line names the "
            "missing permission.",
            dedup_key=alert.key,
        )
        return True

    def _problem(self, alert: Alert) -> str:
        return problem_of(self._deployment, alert.key)

    def _key(self, problem: str) -> str:
        return f"{CONTEXT_KEY}{self._deployment}/late/{problem}"

    def _read(self, problem: str) -> _Late | None:
        stored = self._ledger.stored(self._key(problem))
        if not stored:
            return None
        tags = {name: text["S"] for name, text in stored["tags"]["M"].items()}
        return _Late(int(stored["order"]["N"]), tags, stored["done"]["BOOL"], int(stored["version"]["N"]))

    def _write(self, problem: str, late: _Late) -> None:
        """Write it with the next version; of a first one nobody asks what was there before."""
        item = {
            "pk": {"S": self._key(problem)},
            "version": {"N": str(late.version + 1)},
            "order": {"N": str(late.order)},
            "tags": {"M": {name: {"S": text} for name, text in late.tags.items()}},
            "done": {"BOOL": late.done},
            "expires_at": {"N": str(self._ledger.now() // 1000 + _KEPT_SECONDS)},
        }
        if late.version:
            self._ledger.put(self._key(problem), item, seen=late.version)
        else:
            self._ledger.call("put_item", Item=item)
