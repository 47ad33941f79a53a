"""The state machine behind "one incident per problem": pure, no clock, no I/O.

Each function takes what is known and returns the next step. The rows of the table in docs/ledger.md are named where
they are decided. The order of things that must not be changed: an intent is written before the call that it
announces, and nothing is ever called under a lock that another worker may still hold.
"""

from collections.abc import Mapping, Sequence
from copy import replace

from common.clock import DAY
from common.incidents.alert import Fold, OnRecovery, OnRepeat, OnReturn, Policy, is_firing
from common.incidents.episodes import beginnings
from common.incidents.groups import is_listed
from common.incidents.item import Item, Operation, Pending, correlation_id_of, order_in
from common.incidents.steps import (
    CLOCK_MARGIN,
    SERVICENOW_COMMITS_WITHIN,
    Condition,
    Conflict,
    Finish,
    LookUp,
    Moment,
    Next,
    Over,
    Seen,
    Step,
    Wait,
    Write,
)


def plan(item: Item, fold: Fold, moment: Moment) -> Step:
    """Return the first step for the alerts of `fold`, given the item as it was just read (rows 2 to 9)."""
    newer = item.newer(fold.orders())
    if not newer:
        return Finish()
    if item.pending is not None:
        # Strictly later: at the very tick a live owner may still be shortening its lock.
        if moment.now <= item.pending.lock_until:
            return Wait(item.pending.lock_until - moment.now)
        return LookUp()
    if any(is_firing(order) for order in newer.values()):
        if item.is_over:
            return Over()
        return _plan_firing(item, newer, fold.newest.policy, moment)
    return _plan_recovery(item, newer, fold.newest.policy, moment)


def _plan_firing(item: Item, newer: Mapping[str, int], policy: Policy, moment: Moment) -> Step:
    flaps = _flaps(item, newer, policy)
    if item.record is None:
        return _open(item, newer, moment, flaps=flaps)
    if item.fires:
        if not flaps and (_is_kept_back(item, newer, policy) or _came_back(item, policy)):
            return Write(item.settled(newer, item.record), Next.PLAN)
        return _claim(item, Operation.NOTE, newer, moment, flaps=flaps)
    if policy.on_recovery is not OnRecovery.RESOLVE:
        # The recovery left the record as it was; the answer to the note tells what a person made of it since.
        return _claim(item, Operation.NOTE, newer, moment, flaps=flaps)
    if _is_replaced_on_return(item, policy, newer):
        replaced = item.without_record()
        return _open(replaced, newer, moment, flaps=_flaps(replaced, newer, policy))
    return _claim(item, Operation.REOPEN, newer, moment, flaps=flaps)


def _is_kept_back(item: Item, newer: Mapping[str, int], policy: Policy) -> bool:
    return policy.on_repeat is OnRepeat.IGNORE or (policy.on_repeat is OnRepeat.LIST and not is_listed(item, newer))


def _came_back(item: Item, policy: Policy) -> bool:
    """Return whether a problem that fires was over for less than its recovery has to last: that is no repeat."""
    return policy.settle > 0 and bool(item.past.turns) and not is_firing(item.past.turns[-1])


def _flaps(item: Item, newer: Mapping[str, int], policy: Policy) -> int:
    """Return the order key of the statement with which a record has to say, once, that the problem flaps; else 0."""
    if not policy.flapping or item.past.flaps:
        return 0
    order = max(newer.values())
    turns = item.settled(newer, None).past.turns
    return order if beginnings(turns, order, DAY) > policy.flapping else 0


def _plan_recovery(item: Item, newer: Mapping[str, int], policy: Policy, moment: Moment) -> Step:
    after = item.settled(newer, item.record)
    if item.record is None or not item.fires or after.fires or policy.on_recovery is OnRecovery.LEAVE:
        return Write(after, Next.PLAN)
    operation = Operation.RESOLVE if policy.on_recovery is OnRecovery.RESOLVE else Operation.RECOVERY_NOTE
    return _claim(item, operation, newer, moment)


def _is_replaced_on_return(item: Item, policy: Policy, newer: Mapping[str, int]) -> bool:
    recovered = max(item.orders.values()) // 10
    returned = max(order for order in newer.values() if is_firing(order)) // 10
    return policy.on_return is OnReturn.REPLACE or returned - recovered > policy.reopen_window * 1000


def _claim(item: Item, operation: Operation, orders: Mapping[str, int], moment: Moment, *, flaps: int = 0) -> Write:
    past = replace(item.past, flaps=flaps or item.past.flaps)
    return Write(replace(item, pending=_intent(operation, orders, moment), past=past), Next.CALL)


def _intent(operation: Operation, orders: Mapping[str, int], moment: Moment) -> Pending:
    return Pending(operation, dict(orders), moment.lock_until, moment.owner)


def _open(item: Item, orders: Mapping[str, int], moment: Moment, *, flaps: int = 0) -> Write:
    correlation_id = item.correlation_id or correlation_id_of(item, orders)
    intent = _intent(Operation.OPEN, orders, moment)
    past = replace(item.past, flaps=flaps)
    return Write(replace(item, correlation_id=correlation_id, pending=intent, past=past), Next.CALL)


def answered(item: Item, seen: Seen, fold: Fold, moment: Moment) -> Step:
    """Return what follows a proper answer to this worker's own write (rows 10 to 12).

    The answer is read: where a person resolved or closed the record, the person wins.
    """
    pending = item.pending_write
    if pending.operation in _BRINGS_FIRING and seen.condition is not Condition.OPEN:
        may_reopen = (
            seen.condition is Condition.RESOLVED
            and fold.newest.policy.on_return is OnReturn.REOPEN
            and pending.operation is not Operation.REOPEN_STATE
        )
        if may_reopen:
            return _claim(item, Operation.REOPEN_STATE, pending.orders, moment)
        return _replace_record(item, fold, moment)
    # Whoever finished another worker's write has its own alerts still to do.
    return Write(item.settled(pending.orders, seen.reference), Next.PLAN)


_BRINGS_FIRING = frozenset({Operation.NOTE, Operation.REOPEN, Operation.REOPEN_STATE})


def gone(item: Item, fold: Fold, moment: Moment) -> Step:
    """Return what follows when ServiceNow no longer has the record that this worker's write was for.

    Somebody deleted it. A problem that fires gets a new record; one that is over needs none.
    """
    pending = item.pending_write
    if pending.operation in _BRINGS_FIRING:
        return _replace_record(item, fold, moment)
    return Write(item.without_record().settled(pending.orders, None), Next.PLAN)


def _replace_record(item: Item, fold: Fold, moment: Moment) -> Write:
    pending = item.pending_write
    if pending.orders.items() <= fold.orders().items():
        item = item.without_record()
        flaps = _flaps(item, pending.orders, fold.newest.policy)
        return _open(item, pending.orders, moment, flaps=flaps)
    # Another worker's write: only the one with its messages knows what a new record has to say.
    return Write(item.without_record(), Next.PLAN)


def missing(item: Item, others: Sequence[Seen], fold: Fold, moment: Moment) -> Step:
    """Return what follows when a change finds no record under the known sys_id (row 12a).

    `others` are the records that ServiceNow shows under its number, or for its problem. Where the record itself is
    among them, it was not deleted. One other that is open stands for the problem from now on.
    """
    if (same := _itself(item, others)) is not None:
        return refused(item, same, fold, moment)
    return _elsewhere(item, others) or gone(item, fold, moment)


def not_found(item: Item, others: Sequence[Seen], policy: Policy, moment: Moment) -> Step:
    """Return what follows when the look-up of a pending write finds no record under the known sys_id (row 4d)."""
    if (same := _itself(item, others)) is not None:
        return found(item, [same], policy, moment)
    return _elsewhere(item, others) or _found_none(item)


def _itself(item: Item, others: Sequence[Seen]) -> Seen | None:
    return next((seen for seen in others if item.record and seen.reference.sys_id == item.record.sys_id), None)


def _elsewhere(item: Item, others: Sequence[Seen]) -> Step | None:
    still_open = [
        seen
        for seen in others
        if seen.condition is Condition.OPEN and seen.correlation_id.startswith(f"{item.problem}-")
    ]
    if len(still_open) > 1:
        return Conflict()
    if still_open:
        return Write(replace(item.reverted(), record=still_open[0].reference), Next.PLAN)
    return None


def not_done(item: Item, moment: Moment) -> Step:
    """Return what follows a write that was provably not carried out or was refused (rows 13 and 14)."""
    pending = item.pending_write
    if pending.operation is Operation.REOPEN_STATE:
        # Its note is already in the record, so only the state may be repeated: the intent is kept.
        return Write(replace(item, pending=replace(pending, lock_until=moment.now)), Next.GO_BACK)
    return Write(item.reverted(), Next.GO_BACK)


def refused(item: Item, seen: Seen | None, fold: Fold, moment: Moment) -> Step:
    """Return what follows when ServiceNow forbids a change of the record that it shows as `seen` (row 14a).

    What is closed, or only resolved, may be read-only. An alarm then gets a new record, and a recovery has nothing
    left to do. A record that is open, hidden or foreign is refused as it stands.
    """
    pending = item.pending_write
    if seen is None or seen.condition is Condition.OPEN or not _is_ours(item, seen):
        return not_done(item, moment)
    if pending.operation in _BRINGS_FIRING:
        return _replace_record(item, fold, moment)
    return Write(item.settled(pending.orders, seen.reference), Next.PLAN)


def unknown(item: Item, moment: Moment) -> Step:
    """Return what follows a write that may have been carried out, or still may be (row 15)."""
    pending = item.pending_write
    latest = moment.now + SERVICENOW_COMMITS_WITHIN + CLOCK_MARGIN
    return Write(replace(item, pending=replace(pending, lock_until=min(pending.lock_until, latest))), Next.GO_BACK)


def found(item: Item, records: Sequence[Seen], policy: Policy, moment: Moment) -> Step:
    """Return what follows from what ServiceNow shows once the lock has ended (rows 4a to 4e)."""
    if len(records) > 1 or any(not _is_ours(item, seen) for seen in records):
        return Conflict()
    return _found_one(item, records[0], policy, moment) if records else _found_none(item)


def _found_none(item: Item) -> Step:
    return Write(item.reverted() if _opens(item) else item.without_record(), Next.PLAN)


def _found_one(item: Item, seen: Seen, policy: Policy, moment: Moment) -> Step:
    pending = item.pending_write
    applied = Write(item.settled(pending.orders, seen.reference), Next.PLAN)
    brings_firing = pending.operation in _BRINGS_FIRING
    if seen.condition is Condition.CLOSED:
        # A recovery asks for no more than that. Everything else needs a new record.
        return Write(item.without_record(), Next.PLAN) if brings_firing or _opens(item) else applied
    if not _was_carried_out(pending, seen):
        return Write(item.reverted(), Next.PLAN)
    if brings_firing and seen.condition is Condition.RESOLVED:
        return _redo_reopening(item, policy, moment)
    return applied


def _was_carried_out(pending: Pending, seen: Seen) -> bool:
    # What opens is carried out once it is found; before only the state is reopened, its note was seen in the record.
    if pending.operation in {Operation.OPEN, Operation.REOPEN_STATE}:
        return True
    if order_in(seen.marker) is None:
        # Somebody took our marker away. Better a note too few than one too many; a state can be looked at.
        return pending.operation is not Operation.RESOLVE or seen.condition is not Condition.OPEN
    return seen.marker == pending.marker


def _opens(item: Item) -> bool:
    return item.pending_write.operation is Operation.OPEN


def _redo_reopening(item: Item, policy: Policy, moment: Moment) -> Step:
    if policy.on_return is OnReturn.REPLACE:
        return Write(item.without_record(), Next.PLAN)
    return _claim(item, Operation.REOPEN_STATE, item.pending_write.orders, moment)


def _is_ours(item: Item, seen: Seen) -> bool:
    if item.record is None:
        return seen.correlation_id == item.correlation_id
    # Other integrations may claim the correlation id for themselves; the sys_id stays.
    return seen.reference.sys_id == item.record.sys_id
