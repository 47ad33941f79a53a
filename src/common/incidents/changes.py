"""What each operation writes into a record, and how a record's fields are read back."""

from collections.abc import Mapping

from common.incidents.alert import DEFAULT_TABLE, Alert, Fold, OnRepeat, Policy
from common.incidents.event_management import CLEAR, RECOVERED, event_time
from common.incidents.fields import LENGTHS, ended_with, shorten
from common.incidents.groups import firing_members
from common.incidents.history import past_of
from common.incidents.item import RECOVERIES, Item, Operation, Pending, RecordReference
from common.incidents.steps import Condition, Seen
from common.servicenow.event_management import EVENT_TABLE
from common.servicenow.records import Record

READ_FIELDS = ("sys_id", "number", "state", "active", "correlation_id", "correlation_display")
"""The fields of a record that the desk looks at; a file that reads more must ask for more."""

_IN_PROGRESS = "2"
_RESOLVED = "6"
_CLOSED_OR_CANCELED = frozenset({"7", "8"})
ENDING = frozenset({"state", "close_code", "close_notes"})
"""The fields by which a record is resolved."""


def record_fields(item: Item, fold: Fold, default_close_code: str) -> dict[str, str]:
    """Return the fields of the request that carries out the pending operation of `item`.

    The marker travels in the same request as the note, so that a note whose answer was lost is recognised.
    """
    pending = item.pending_write
    marker = {"correlation_display": pending.marker}
    if pending.operation is Operation.OPEN:
        marker["correlation_id"] = item.correlation_id or ""
    if item.table == EVENT_TABLE:
        return {**_event(item, fold, pending), **marker}
    return {**_change(item, fold, pending, default_close_code), **marker}


def _change(item: Item, fold: Fold, pending: Pending, default_close_code: str) -> dict[str, str]:
    operation = pending.operation
    if operation is Operation.REOPEN_STATE:
        # The note is in the record already, and whoever finishes another's write does not have its alerts.
        return _state(_reopened_state(item.table, fold.newest.policy))
    alert = fold.speaker(pending.orders, firing=operation not in RECOVERIES)
    firing = firing_members(item)
    told = past_of(item)
    title = _title(item, alert, firing)
    if operation is Operation.OPEN:
        notes = "\n".join(filter(None, (alert.quiet_note, told)))
        return {**alert.fields, **title, **({"work_notes": notes} if notes else {})}
    note = {"work_notes": ended_with(_counted_note(alert.note, firing), told)}
    match operation:
        case Operation.NOTE:
            return {**note, **title}
        case Operation.REOPEN:
            return {**_state(_reopened_state(item.table, alert.policy)), **note, **title}
        case Operation.RESOLVE:
            return _resolution(item.table, alert, note["work_notes"], default_close_code)
        case _:
            return note


def _resolution(table: str, alert: Alert, note: str, default_close_code: str) -> dict[str, str]:
    policy = alert.policy
    notes = policy.close_notes or note or "AWS reports that the problem is over."
    close_code = policy.close_code or (default_close_code if table == DEFAULT_TABLE else "")
    return {
        **_state(_resolved_state(table, policy)),
        **({"close_code": close_code} if close_code else {}),
        "close_notes": shorten(notes, LENGTHS["close_notes"]),
    }


def _counted_note(note: str, firing: int | None) -> str:
    if firing is None:
        return note
    return ended_with(note, f"Alarms of this group that fire now: {firing}.")


def _title(item: Item, alert: Alert, firing: int | None) -> dict[str, str]:
    """Return the short description where it says how many members of a group fire, or that the problem flaps."""
    title = alert.fields.get("short_description")
    count = _count(alert, firing)
    # Said once; where the count writes the text anew each time, it stays.
    says_so = item.past.flaps and (count or item.past.flaps in item.pending_write.orders.values())
    ending = count + (" (flapping)" if says_so else "")
    if title is None or not ending:
        return {}
    return {"short_description": shorten(title, LENGTHS["short_description"] - len(ending)) + ending}


def _count(alert: Alert, firing: int | None) -> str:
    """Return how many members of a group fire, in words that stay true; nothing where that says nothing."""
    is_kept_up = alert.policy.on_repeat is OnRepeat.NOTE
    if firing is None or alert.policy.on_repeat is OnRepeat.LIST or (firing == 1 and not is_kept_up):
        return ""
    return f" ({firing} {'firing' if is_kept_up else 'at first'})"


def _event(item: Item, fold: Fold, pending: Pending) -> dict[str, str]:
    """Return an Event Management event: sending it again with the same key does no harm."""
    operation = pending.operation
    recovers = operation in RECOVERIES
    redone = operation is Operation.REOPEN_STATE
    alert = fold.newest if redone else fold.speaker(pending.orders, firing=not recovers)
    changes = {"message_key": item.problem, "resolution_state": "New", "time_of_event": event_time(alert.occurred_at)}
    if recovers:
        changes |= {"severity": RECOVERED, "description": alert.note or alert.fields.get("description", "")}
    if operation is Operation.RESOLVE:
        changes |= {"severity": CLEAR, "resolution_state": "Closing"}
    return {**alert.fields, **changes}


def seen(record: Record, table: str = DEFAULT_TABLE, policy: Policy | None = None) -> Seen:
    """Return what a record's fields say, in the terms of the state machine."""
    return Seen(
        reference=RecordReference(record.sys_id, record.fields.get("number", "")),
        condition=_condition(record.fields, table, policy or Policy()),
        correlation_id=record.fields.get("correlation_id", ""),
        marker=record.fields.get("correlation_display", ""),
    )


def _condition(fields: Mapping[str, str], table: str, policy: Policy) -> Condition:
    state = fields.get("state", "")
    if table == DEFAULT_TABLE and state in _CLOSED_OR_CANCELED:
        return Condition.CLOSED
    if state and state == _resolved_state(table, policy):
        return Condition.RESOLVED
    return Condition.CLOSED if fields.get("active") == "false" else Condition.OPEN


def sets_state(item: Item, policy: Policy) -> bool:
    """Tell whether a recovery of the problem moves its record to another state."""
    return bool(_resolved_state(item.table, policy))


def _state(state: str) -> dict[str, str]:
    return {"state": state} if state else {}


def _resolved_state(table: str, policy: Policy) -> str:
    return policy.resolved_state or (_RESOLVED if table in (DEFAULT_TABLE, EVENT_TABLE) else "")


def _reopened_state(table: str, policy: Policy) -> str:
    return policy.reopened_state or (_IN_PROGRESS if table == DEFAULT_TABLE else "")
