"""Defects, to be planted into the running code: a harness that does not notice them proves nothing."""

from collections.abc import Callable, Mapping
from copy import replace

import pytest

from common.errors import AmbiguousError, PermanentError, TransientError
from common.incidents import decide, steps, work
from common.incidents.alert import Alert, Fold, Policy
from common.incidents.changes import record_fields
from common.incidents.item import Item, Operation, RecordReference
from common.incidents.ledger import Ledger
from common.incidents.steps import Finish, Moment, Next, Seen, Step, Write
from common.incidents.work import Work
from common.intake import Batch, Intake
from common.queue import Message
from common.servicenow.records import Record

type Plant = Callable[[pytest.MonkeyPatch], None]

MARKER = "correlation_display"
WRITE, SEND = Work.write, Work.send
PLAN, UNKNOWN = decide.plan, decide.unknown
LEDGER_WRITE = Ledger.write


def no_claim(patch: pytest.MonkeyPatch) -> None:
    """ServiceNow is called before the intent is written."""

    def write(self: Work, step: Write) -> tuple[Item, Step]:
        return (step.item, self.call(step.item)) if step.then is Next.CALL else WRITE(self, step)

    patch.setattr(Work, "write", write)


def look_up_only(patch: pytest.MonkeyPatch) -> None:
    """Instead of a claim there is a look-up before each insert."""

    def write(self: Work, step: Write) -> tuple[Item, Step]:
        if step.then is not Next.CALL:
            return WRITE(self, step)
        there = self.visible(step.item) if step.item.record is None else []
        return step.item, self.found(step.item, there) if there else self.call(step.item)

    patch.setattr(Work, "write", write)


def no_order_guard(patch: pytest.MonkeyPatch) -> None:
    """Whatever is not just what came last counts as new."""

    def newer(self: Item, orders: Mapping[str, int]) -> dict[str, int]:
        return {member: key for member, key in orders.items() if key != self.orders.get(member)}

    patch.setattr(Item, "newer", newer)


def blind_repeat(patch: pytest.MonkeyPatch) -> None:
    """An insert without an answer is sent again."""

    def send(self: Work, item: Item) -> Record:
        try:
            return SEND(self, item)
        except AmbiguousError:
            return SEND(self, item)

    patch.setattr(Work, "send", send)


def key_not_compared(patch: pytest.MonkeyPatch) -> None:
    """Whatever a look-up returns is taken for ours (T15)."""
    patch.setattr(decide, "_is_ours", lambda _item, _seen: True)


def no_tombstone(patch: pytest.MonkeyPatch) -> None:
    """A recovery without a record is not remembered (T6)."""
    plan_recovery = decide._plan_recovery

    def plan(item: Item, newer: Mapping[str, int], policy: Policy, moment: Moment) -> Step:
        return plan_recovery(item, newer, policy, moment) if item.record else Finish()

    patch.setattr(decide, "_plan_recovery", plan)


def lock_counted_from_the_claim(patch: pytest.MonkeyPatch) -> None:
    """A request can leave until the writer is killed (T3)."""
    patch.setattr(Moment, "lock_until", property(lambda self: self.now + 70_000))


def lock_of_the_function_alone(patch: pytest.MonkeyPatch) -> None:
    """ServiceNow may commit for 65 s more (T3)."""
    patch.setattr(steps, "SERVICENOW_COMMITS_WITHIN", 0)


def no_margin(patch: pytest.MonkeyPatch) -> None:
    """Two workers read the ledger's clock some seconds apart (T3)."""
    patch.setattr(steps, "CLOCK_MARGIN", 0)


def local_clock(patch: pytest.MonkeyPatch) -> None:
    """Locks are judged by the clocks of the functions (T4)."""

    def moment(self: Work) -> Moment:
        now = int(self.desk.ledger._clock.now() * 1000)
        return Moment(now, now + int(self.deadline.remaining() * 1000), self.owner)

    patch.setattr(Work, "moment", moment)


def unknown_patch_released(patch: pytest.MonkeyPatch) -> None:
    """A change without an answer is looked up at once (T5)."""
    patch.setattr(
        decide, "unknown", lambda item, moment: UNKNOWN(item, moment) if item.record is None else released(item)
    )


def released(item: Item) -> Write:
    """Return the write that ends a lock before the outcome can be known."""
    return Write(replace(item, pending=replace(item.pending_write, lock_until=0)), Next.GO_BACK)


def unknown_post_released(patch: pytest.MonkeyPatch) -> None:
    """An insert without an answer is looked up at once (T2)."""
    patch.setattr(decide, "unknown", lambda item, _moment: released(item))


def equal_times_dropped(patch: pytest.MonkeyPatch) -> None:
    """An alarm at the time of a recovery is taken for a duplicate (T8)."""

    def newer(self: Item, orders: Mapping[str, int]) -> dict[str, int]:
        return {member: key for member, key in orders.items() if key // 10 > self.orders.get(member, -1) // 10}

    patch.setattr(Item, "newer", newer)


def superseded_by_pending(patch: pytest.MonkeyPatch) -> None:
    """An event is dropped because a newer one is about to be applied (T9)."""

    def plan(item: Item, fold: Fold, moment: Moment) -> Step:
        ahead = item.pending is not None and not replace(item, orders=item.pending.orders).newer(fold.orders())
        return Finish() if ahead else PLAN(item, fold, moment)

    patch.setattr(decide, "plan", plan)


def guard_advanced_at_the_claim(patch: pytest.MonkeyPatch) -> None:
    """An event counts as applied before it is (T11)."""
    claim = decide._claim

    def early(item: Item, operation: Operation, orders: Mapping[str, int], moment: Moment) -> Write:
        return claim(replace(item, orders={**item.orders, **orders}), operation, orders, moment)

    patch.setattr(decide, "_claim", early)


def no_marker(patch: pytest.MonkeyPatch) -> None:
    """No write leaves a trace by which it could be recognised (T12)."""

    def fields(item: Item, fold: Fold, close_code: str) -> dict[str, str]:
        return {name: value for name, value in record_fields(item, fold, close_code).items() if name != MARKER}

    patch.setattr(work, "record_fields", fields)


def note_without_marker(patch: pytest.MonkeyPatch) -> None:
    """Only what opens or sets a state leaves a trace (T12)."""

    def fields(item: Item, fold: Fold, close_code: str) -> dict[str, str]:
        written = record_fields(item, fold, close_code)
        return {name: value for name, value in written.items() if name != MARKER or "work_notes" not in written}

    patch.setattr(work, "record_fields", fields)


def marker_in_a_second_request(patch: pytest.MonkeyPatch) -> None:
    """The note is written first, its marker afterwards."""

    def send(self: Work, item: Item) -> Record:
        if item.record is None:
            return SEND(self, item)
        written = record_fields(item, self.fold, self.desk.close_code)
        marker = {MARKER: written.pop(MARKER)}
        update = self.desk.records.update
        update(item.table, item.record.sys_id, written, self.deadline)
        return update(item.table, item.record.sys_id, marker, self.deadline)

    patch.setattr(Work, "send", send)


def answer_not_read(patch: pytest.MonkeyPatch) -> None:
    """A proper answer settles, whatever a person did to the record (T13)."""

    def answered(item: Item, seen: Seen, _fold: Fold, _moment: Moment) -> Step:
        assert item.pending is not None
        return Write(item.settled(item.pending.orders, seen.reference), Next.PLAN)

    patch.setattr(decide, "answered", answered)


def closed_record_kept(patch: pytest.MonkeyPatch) -> None:
    """A closed record is forgotten only once its successor is there (T14)."""
    open_record = decide._open
    kept: dict[str, RecordReference | None] = {}

    def replace_record(item: Item, _fold: Fold, moment: Moment) -> Write:
        assert item.pending is not None
        kept[moment.owner] = item.record
        return open_record(item.without_record(), item.pending.orders, moment)

    def not_done(item: Item, moment: Moment) -> Step:
        return Write(replace(item.reverted(), record=kept.get(moment.owner, item.record)), Next.GO_BACK)

    patch.setattr(decide, "_replace_record", replace_record)
    patch.setattr(decide, "not_done", not_done)


def no_version_condition(patch: pytest.MonkeyPatch) -> None:
    """A write to the ledger overwrites whatever is there (T16)."""

    def write(self: Ledger, item: Item) -> Item | None:
        there = self.read(item.problem, dedup_key=item.dedup_key, table=item.table)
        return LEDGER_WRITE(self, replace(item, version=there.version))

    patch.setattr(Ledger, "write", write)


def early_look_up(patch: pytest.MonkeyPatch) -> None:
    """What is not there yet is taken for never coming (T2)."""

    def plan(item: Item, fold: Fold, moment: Moment) -> Step:
        unlocked = item if item.pending is None else replace(item, pending=replace(item.pending, lock_until=0))
        return PLAN(unlocked, fold, moment)

    patch.setattr(decide, "plan", plan)


def loser_of_a_refused_fold_deleted(patch: pytest.MonkeyPatch) -> None:
    """Only the newest message of a refused batch is given up, the others are deleted with it."""

    def apply(self: Intake, group: list[tuple[Message, Alert]], batch: Batch) -> None:
        newest = max(group, key=lambda pair: pair[1].order)
        error = self._attempt(group, batch.deadline)
        refused = isinstance(error, PermanentError)
        for pair in group:
            self._settle(pair, None if refused and pair is not newest else error, batch)

    patch.setattr(Intake, "_apply", apply)


def refused_insert_believed(patch: pytest.MonkeyPatch) -> None:
    """A 403 is taken for "not done" without a look (KB2697679)."""
    patch.setattr(Work, "visible", lambda _self, _item: [])


def reopening_with_a_note(patch: pytest.MonkeyPatch) -> None:
    """The note is written again when only the state is left to be set."""

    def fields(item: Item, fold: Fold, close_code: str) -> dict[str, str]:
        written = record_fields(item, fold, close_code)
        reopens = item.pending is not None and item.pending.operation is Operation.REOPEN_STATE
        return {**written, "work_notes": fold.newest.note} if reopens else written

    patch.setattr(work, "record_fields", fields)


def call_after_a_throttled_claim(patch: pytest.MonkeyPatch) -> None:
    """A claim that could not be written is taken for written."""

    def write(self: Ledger, item: Item) -> Item | None:
        try:
            return LEDGER_WRITE(self, item)
        except TransientError:
            return replace(item, version=item.version + 1)

    patch.setattr(Ledger, "write", write)
