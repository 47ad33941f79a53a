"""One fold's way through the state machine: decide, write the intent, call ServiceNow, write the outcome."""

from dataclasses import dataclass, field
from http import HTTPStatus
from random import SystemRandom
from typing import TYPE_CHECKING

from common.clock import Deadline
from common.errors import AmbiguousError, BridgeError, HeldError, NotYetError, PermanentError, TransientError
from common.incidents import decide
from common.incidents.alert import Fold
from common.incidents.changes import ENDING, record_fields, seen, sets_state
from common.incidents.item import Item, Operation, RecordReference
from common.incidents.steps import Condition, Conflict, Finish, LookUp, Moment, Next, Over, Seen, Step, Wait, Write
from common.servicenow.event_management import EVENT_TABLE
from common.servicenow.query import any_of, equals, newest_first, term
from common.servicenow.records import Record
from common.servicenow.refusals import DoubtfulError

if TYPE_CHECKING:
    from common.incidents.desk import Desk

CLAIM_NEEDS_SECONDS = 15.0
"""What must be left of a function's time before it begins a write: the call, its settling, and a reserve."""

COME_BACK = "Nothing is to be done; the message comes back by itself."
"""What a person is to do about what another try mends."""

_MOST_STEPS = 12
_MOST_OTHERS = 10
_STATE = "PATCH of state"
_METRICS = {
    Operation.OPEN: "RecordsOpened",
    Operation.NOTE: "RecordsNoted",
    Operation.REOPEN: "RecordsReopened",
    Operation.REOPEN_STATE: "RecordsReopened",
    Operation.RESOLVE: "RecordsResolved",
    Operation.RECOVERY_NOTE: "RecordsNoted",
}
_jitter = SystemRandom()


@dataclass(frozen=True, slots=True)
class Applied:
    """What was done for a fold: the operations carried out, none where the ledger already knew, and the record."""

    operations: tuple[Operation, ...]
    record: RecordReference | None


@dataclass(slots=True)
class Work:
    """One fold, from the item as it was read to the end."""

    desk: "Desk"
    fold: Fold
    deadline: Deadline
    owner: str
    operations: list[Operation] = field(default_factory=list)
    trouble: BridgeError | None = None

    def run(self, item: Item) -> Applied:
        """Go from the item as it was read to the end, and return what was done. Raises as `Desk.apply`."""
        step = decide.plan(item, self.fold, self.moment())
        for _ in range(_MOST_STEPS):
            match step:
                case Write():
                    item, step = self.write(step)
                case Finish():
                    return Applied(tuple(self.operations), item.record)
                case Wait(milliseconds):
                    raise NotYetError(
                        "Another write for this problem may be under way.",
                        action=COME_BACK,
                        retry_after=soon_after(milliseconds),
                    )
                case Conflict():
                    self.desk.telemetry.count("RecordConflicts")
                    raise PermanentError(
                        "ServiceNow shows several records, or a foreign one, for this problem.",
                        action=f"Look for records whose correlation_id begins with {item.problem}, keep one, and "
                        "replay the message from the dead-letter queue.",
                    )
                case Over():
                    raise NotYetError("The storm has just ended.", action=COME_BACK, retry_after=soon_after(0))
                case LookUp():
                    step = self.looked_up(item)
        raise TransientError("The problem did not come to rest.", action=COME_BACK)

    def moment(self) -> Moment:
        """Return now, and how long this worker has."""
        now = self.desk.ledger.now()
        return Moment(now, now + max(0, int(self.deadline.remaining() * 1000)), self.owner)

    def write(self, step: Write) -> tuple[Item, Step]:
        """Write to the ledger, and return the item with its new version and the step that follows."""
        if step.then is Next.CALL and self.deadline.remaining() < CLAIM_NEEDS_SECONDS:
            raise NotYetError(
                "Too little of the function's time is left to begin a write.",
                action=COME_BACK,
                retry_after=0.0,
            )
        item = self.desk.ledger.write(step.item)
        if item is None:
            raise RaceLostError
        if step.then is Next.GO_BACK:
            raise self.why(item)
        if step.then is Next.CALL:
            return item, self.call(item)
        return item, decide.plan(item, self.fold, self.moment())

    def call(self, item: Item) -> Step:
        """Carry out the pending operation and return the step that its outcome leads to."""
        opens = item.record is None
        try:
            record = self.send(item)
        except AmbiguousError as error:
            self.trouble = error
            return decide.unknown(item, self.moment())
        except (TransientError, HeldError, PermanentError) as error:
            self.trouble = error
            if isinstance(error, PermanentError) and not opens:
                return self.refused(item, error.status)
            # An insert may answer 403 and yet have succeeded (KB2697679); the answer ended its transaction.
            if error.status == HTTPStatus.FORBIDDEN and opens and (records := self.visible(item)):
                return self.found(item, records)
            return decide.not_done(item, self.moment())
        seen = self.seen(item, record)
        if self.left_open(item, seen) and record.fields.get("state"):
            return self.state_refused(item)
        self.note_success(item, record, seen)
        return decide.answered(item, seen, self.fold, self.moment())

    def send(self, item: Item) -> Record:
        """Make the call that the pending operation asks for."""
        fields = record_fields(item, self.fold, self.desk.close_code)
        if item.record is None:
            return self.desk.records.create(item.table, fields, self.deadline)
        if self.somebody_ended(item):
            fields = {name: text for name, text in fields.items() if name not in ENDING}
        return self.desk.records.update(item.table, item.record.sys_id, fields, self.deadline)

    def somebody_ended(self, item: Item) -> bool:
        """Tell whether a record that is to be resolved is over already.

        That is asked of records whose object of AWS may follow them: its recovery is then most often the echo of a
        person, whose code and notes are not to be written over.
        """
        if not item.objects or item.table == EVENT_TABLE or item.pending_write.operation is not Operation.RESOLVE:
            return False
        return any(record.condition is not Condition.OPEN for record in self.visible(item))

    def note_success(self, item: Item, record: Record, seen: Seen) -> None:
        """Count and log a write that ServiceNow has carried out."""
        operation = item.pending_write.operation
        self.operations.append(operation)
        method = "POST" if item.record is None else "PATCH"
        self.desk.precedents.accept(method, item.table, item.problem)
        if operation is Operation.RESOLVE:
            self.desk.precedents.accept(_STATE, item.table, item.problem)
        self.desk.telemetry.count(_METRICS[operation])
        self.desk.telemetry.log.info(
            "ServiceNow has carried out a write.",
            operation=operation.value,
            record=record.fields.get("number", record.sys_id),
            dedup_key=item.dedup_key,
            event_id=self.fold.newest.event_id or None,
            transaction_id=record.transaction_id,
        )
        if seen.marker != item.pending_write.marker:
            self.desk.telemetry.count("MarkersDiscarded")
            self.desk.telemetry.log.warning(
                "ServiceNow discarded the correlation fields. Give the integration user write access to "
                "correlation_id and correlation_display; without them a lost answer may lead to a second record.",
                table=item.table,
            )
        self.desk.ignored_fields.report(item.table, record.ignored)

    def left_open(self, item: Item, seen: Seen) -> bool:
        """Tell whether a record is still open although the pending write was to resolve it, and got there."""
        resolves = item.pending_write.operation is Operation.RESOLVE and sets_state(item, self.fold.newest.policy)
        return resolves and seen.condition is Condition.OPEN

    def state_refused(self, item: Item) -> Step:
        """Take a change that left the state alone for refused: the problem stays open in the ledger too."""
        trouble = DoubtfulError(
            "ServiceNow took the change but left the record's state as it was.",
            action=f"Let the integration user write the field state of {item.table}, and look at the table's data "
            "policies, business rules and state model.",
            code="state_ignored",
        )
        trouble.method = _STATE
        self.trouble = trouble
        return decide.not_done(item, self.moment())

    def found(self, item: Item, records: list[Seen]) -> Step:
        """Return what follows from what a look-up shows."""
        return decide.found(item, records, self.fold.newest.policy, self.moment())

    def refused(self, item: Item, status: int | None) -> Step:
        """Look once at the record whose change ServiceNow refuses: it may be gone, or read-only since it is closed."""
        if status == HTTPStatus.NOT_FOUND and item.table != EVENT_TABLE:
            return decide.missing(item, self.others(item), self.fold, self.moment())
        if status == HTTPStatus.FORBIDDEN:
            record = next(iter(self.visible(item)), None)
            return decide.refused(item, record, self.fold, self.moment())
        return decide.not_done(item, self.moment())

    def looked_up(self, item: Item) -> Step:
        """Look the pending write up."""
        records = self.visible(item)
        if len(records) == 1 and self.left_open(item, records[0]) and records[0].marker == item.pending_write.marker:
            return self.state_refused(item)
        if records or item.record is None:
            return self.found(item, records)
        return decide.not_found(item, self.others(item), self.fold.newest.policy, self.moment())

    def others(self, item: Item) -> list[Seen]:
        """Return what ServiceNow shows under the number of the known record, and for its problem."""
        terms = [term("correlation_id", "STARTSWITH", f"{item.problem}-")]
        if item.record is not None and item.record.number:
            terms.append(equals("number", item.record.number))
        query = newest_first(any_of(terms))
        found = self.desk.records.find(item.table, query, self.deadline, limit=_MOST_OTHERS)
        return [self.seen(item, record) for record in found]

    def visible(self, item: Item) -> list[Seen]:
        """Return what ServiceNow shows under the known sys_id, else under the correlation id of the attempt."""
        if item.record is not None:
            record = self.desk.records.read(item.table, item.record.sys_id, self.deadline)
            return [] if record is None else [self.seen(item, record)]
        query = equals("correlation_id", item.correlation_id or "")
        return [self.seen(item, record) for record in self.desk.records.find(item.table, query, self.deadline)]

    def seen(self, item: Item, record: Record) -> Seen:
        """Return a record in the terms of the state machine."""
        return seen(record, item.table, self.fold.newest.policy)

    def why(self, item: Item) -> BridgeError:
        """Return the error that sent the work back, with the time at which another try can get further."""
        trouble = self.trouble or TransientError("It was not carried out.", action=COME_BACK)
        if isinstance(trouble, AmbiguousError):
            known = soon_after(item.pending_write.lock_until - self.desk.ledger.now())
            trouble.retry_after = max(known, trouble.retry_after or 0.0)
        return trouble


class RaceLostError(NotYetError):
    """Another worker was faster at an item of the ledger: what was read of it no longer counts."""

    def __init__(self) -> None:
        """Come back soon."""
        super().__init__("Another worker was faster.", action=COME_BACK, retry_after=soon_after(0))


def soon_after(milliseconds: int) -> float:
    """Return the seconds after which a lock of that length has surely ended, with jitter so that few collide."""
    return max(0, milliseconds) / 1000 + _jitter.uniform(1, 10)
