"""Carries decisions out: read the ledger, decide, write the intent, call ServiceNow, write the outcome."""

from collections.abc import Callable
from copy import replace
from dataclasses import dataclass, field
from http import HTTPStatus
from random import SystemRandom
from secrets import token_hex

from common.clock import Deadline
from common.errors import AmbiguousError, BridgeError, HeldError, NotYetError, PermanentError, TransientError
from common.incidents import decide
from common.incidents.alert import ONLY_MEMBER, Alert, Fold, Status
from common.incidents.changes import ENDING, record_fields, seen, sets_state
from common.incidents.covers import Covers
from common.incidents.decide import Condition, Conflict, Finish, LookUp, Moment, Next, Over, Seen, Step, Wait, Write
from common.incidents.due import OLDEST_EVENT, NotDueError, check_age, due, healed
from common.incidents.episodes import turned
from common.incidents.gathering import begins
from common.incidents.groups import overflow_keys, placed, pruned
from common.incidents.ignored import IgnoredFields
from common.incidents.item import Item, Operation, RecordReference, problem_of
from common.incidents.ledger import Ledger
from common.incidents.precedents import Precedents
from common.incidents.storms import Storms
from common.servicenow.event_management import EVENT_TABLE
from common.servicenow.query import any_of, equals, newest_first, term
from common.servicenow.records import Record, Records
from common.servicenow.refusals import DoubtfulError
from common.telemetry import Telemetry

CLAIM_NEEDS_SECONDS = 15.0
"""What must be left of a function's time before it begins a write: the call, its settling, and a reserve."""

_COME_BACK = "Nothing is to be done; the message comes back by itself."
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


class Desk:
    """Applies the alerts of one problem, so that ServiceNow holds exactly one record for it."""

    def __init__(  # noqa: PLR0913 (the parts that it is put together from)
        self,
        ledger: Ledger,
        records: Records,
        *,
        deployment: str,
        close_code: str,
        telemetry: Telemetry,
        new_owner: Callable[[], str] = lambda: token_hex(8),
        precedents: Precedents | None = None,
        after: Callable[[Item, Fold, Applied], None] = lambda *_: None,
    ) -> None:
        """Use `close_code` where a rule names none; `new_owner` returns a name for each claim.

        `after` is told what was done for which alerts, with the problem's item as it was before; it never raises.

        `precedents` are what refusals that nobody understands are judged by; without them by this environment's own.
        """
        self.ledger = ledger
        self.records = records
        self.deployment = deployment
        self.close_code = close_code
        self.telemetry = telemetry
        self.new_owner = new_owner
        self.precedents = precedents or Precedents()
        self.after = after
        self.ignored_fields = IgnoredFields(telemetry)
        self.storms = Storms(self)
        self.covers = Covers(self)

    def apply(self, fold: Fold, deadline: Deadline) -> Applied:
        """Bring ServiceNow and the ledger to what the alerts say, as far as they are due.

        Raises NotDueError where any is not yet due; the others are applied then, and applying them again does nothing.
        Raises TransientError or AmbiguousError (come back later), HeldError (everybody waits for a person) or
        PermanentError (this fold can never be applied). After any of them nothing is lost and nothing done twice.
        """
        item = self.read(fold.key, fold)
        now = self.ledger.now()
        for alert in fold.alerts:
            check_age(alert, now)
        ripe, seconds = due(item, fold, now)
        if ripe is None:
            self._remember(item, fold)
            raise NotDueError(seconds)
        if healed(item, ripe):
            self.telemetry.count("ProblemsHealed")
            self.telemetry.log.info(
                "A problem was over before it had lasted as long as its rule or window asks.",
                not_opened="healed",
                because_of=fold.newest.quiet_by or None,
                dedup_key=fold.key,
            )
        if not item.joined and begins(item, ripe):
            self.covers.check(item, ripe, deadline)
        applied = self._place(item, ripe, deadline)
        self.covers.tell(fold.key, ripe)
        if seconds:
            raise NotDueError(seconds)
        return applied

    def _place(self, item: Item, fold: Fold, deadline: Deadline) -> Applied:
        """Apply what is due where it belongs: in the record of a storm, else in the problem's own and its overflow."""
        item, gathering = self.storms.place(item, fold)
        if gathering is not None:
            own = self._apply(item, fold, deadline) if item.is_child else None
            return self.storms.tell(item, gathering, fold, own, deadline)
        overflow = {key: self.read(key, fold) for key in overflow_keys(item, fold)}
        items = {fold.key: item, **overflow}
        applied = [self._apply(items[part.key], part, deadline) for part in placed(item, overflow, fold)]
        return Applied(tuple(operation for part in applied for operation in part.operations), applied[0].record)

    def apply_gathered(self, item: Item, fold: Fold, deadline: Deadline) -> Applied:
        """Do to the record of a storm, whose item was just read, what a fold of its members says."""
        return self._apply(item, fold, deadline)

    def soon(self) -> float:
        """Return the seconds after which who lost a race comes back."""
        return _soon_after(0)

    def apply_to(self, item: Item, alert: Alert, deadline: Deadline) -> Applied:
        """Do what `apply` does for one alert of now, given the item of its problem as it was just read."""
        return self._apply(item, Fold.of([alert]), deadline)

    def _remember(self, item: Item, fold: Fold) -> None:
        """Write down that a problem was over, though its recovery is to settle: so its comings and goings are counted.

        Whoever is faster wins; the message comes back and says it again.
        """
        recoveries = [alert.order for alert in fold.alerts if alert.status is Status.RESOLVED]
        turns = turned(item.past.turns, recoveries if set(item.orders) == {ONLY_MEMBER} else [])
        if item.fires and turns != item.past.turns:
            self.ledger.write(replace(item, past=replace(item.past, turns=turns)))

    def read(self, key: str, fold: Fold) -> Item:
        """Return the item of a problem or a storm, for what `fold` says."""
        table = fold.newest.table
        item = self.ledger.read(problem_of(self.deployment, key), dedup_key=key, table=table)
        if item.record is None and item.correlation_id is None and item.pending is None:
            # The rule may name another table than it did when the problem was there before.
            item = replace(item, table=table, resources=fold.newest.resources, objects=())
        item = item.standing_for(alert.object for alert in fold.alerts)
        return pruned(item, self.ledger.now() - OLDEST_EVENT).asked_with(fold.newest.fingerprint)

    def _apply(self, item: Item, fold: Fold, deadline: Deadline) -> Applied:
        try:
            applied = _Work(self, fold, deadline, self.new_owner()).run(item)
        except DoubtfulError as error:
            if self.precedents.concerns_everybody(error.method, item.table, item.problem):
                raise error.for_everybody() from None
            raise
        self.precedents.tell()
        self.after(item, fold, applied)
        return applied


@dataclass(slots=True)
class _Work:
    """One fold, from the item as it was read to the end."""

    desk: Desk
    fold: Fold
    deadline: Deadline
    owner: str
    operations: list[Operation] = field(default_factory=list)
    trouble: BridgeError | None = None

    def run(self, item: Item) -> Applied:
        step = decide.plan(item, self.fold, self.moment())
        for _ in range(_MOST_STEPS):
            match step:
                case Finish():
                    return Applied(tuple(self.operations), item.record)
                case Wait(milliseconds):
                    raise NotYetError(
                        "Another write for this problem may be under way.",
                        action=_COME_BACK,
                        retry_after=_soon_after(milliseconds),
                    )
                case Conflict():
                    self.desk.telemetry.count("RecordConflicts")
                    raise PermanentError(
                        "ServiceNow shows several records, or a foreign one, for this problem.",
                        action=f"Look for records whose correlation_id begins with {item.problem}, keep one, and "
                        "replay the message from the dead-letter queue.",
                    )
                case Over():
                    raise NotYetError("The storm has just ended.", action=_COME_BACK, retry_after=_soon_after(0))
                case LookUp():
                    step = self.looked_up(item)
                case write:
                    item, step = self.write(write)
        raise TransientError("The problem did not come to rest.", action=_COME_BACK)

    def moment(self) -> Moment:
        now = self.desk.ledger.now()
        return Moment(now, now + max(0, int(self.deadline.remaining() * 1000)), self.owner)

    def write(self, step: Write) -> tuple[Item, Step]:
        if step.then is Next.CALL and self.deadline.remaining() < CLAIM_NEEDS_SECONDS:
            raise NotYetError(
                "Too little of the function's time is left to begin a write.",
                action=_COME_BACK,
                retry_after=0.0,
            )
        item = self.desk.ledger.write(step.item)
        if item is None:
            raise NotYetError("Another worker was faster.", action=_COME_BACK, retry_after=_soon_after(0))
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
        return seen(record, item.table, self.fold.newest.policy)

    def why(self, item: Item) -> BridgeError:
        """Return the error that sent the work back, with the time at which another try can get further."""
        trouble = self.trouble or TransientError("It was not carried out.", action=_COME_BACK)
        if isinstance(trouble, AmbiguousError):
            known = _soon_after(item.pending_write.lock_until - self.desk.ledger.now())
            trouble.retry_after = max(known, trouble.retry_after or 0.0)
        return trouble


def _soon_after(milliseconds: int) -> float:
    """Return the seconds after which a lock of that length has surely ended, with jitter so that few collide."""
    return max(0, milliseconds) / 1000 + _jitter.uniform(1, 10)
