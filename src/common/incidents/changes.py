"""What each operation writes into a record, and how a record's fields are read back."""

from collections.abc import Mapping

from common.incidents.alert import Alert, Fold
from common.incidents.decide import Condition, Seen
from common.incidents.item import Item, Operation, RecordReference
from common.servicenow.records import Record

READ_FIELDS = ("sys_id", "number", "state", "active", "correlation_id", "correlation_display")
"""The fields of a record that the desk looks at; a file that reads more must ask for more."""

_IN_PROGRESS = "2"
_RESOLVED = "6"
_CLOSED_OR_CANCELED = frozenset({"7", "8"})
_LONGEST_CLOSE_NOTES = 4000


def record_fields(item: Item, fold: Fold, default_close_code: str) -> dict[str, str]:
    """Return the fields of the request that carries out the pending operation of `item`.

    The marker travels in the same request as the note, so that a note whose answer was lost is recognised.
    """
    if item.pending is None:
        raise ValueError("A settled item has no operation to carry out.")
    marker = {"correlation_display": item.pending.marker}
    match item.pending.operation:
        case Operation.OPEN:
            alert = fold.speaker(firing=True)
            return {**alert.fields, **marker, "correlation_id": item.correlation_id or ""}
        case Operation.NOTE:
            return {"work_notes": fold.speaker(firing=True).note, **marker}
        case Operation.REOPEN:
            return {"state": _IN_PROGRESS, "work_notes": fold.speaker(firing=True).note, **marker}
        case Operation.REOPEN_STATE:
            return {"state": _IN_PROGRESS, **marker}
        case Operation.RESOLVE:
            return {**_resolution(fold.speaker(firing=False), default_close_code), **marker}
        case Operation.RECOVERY_NOTE:
            return {"work_notes": fold.speaker(firing=False).note, **marker}


def _resolution(alert: Alert, default_close_code: str) -> dict[str, str]:
    notes = alert.policy.close_notes or alert.note or "AWS reports that the problem is over."
    return {
        "state": _RESOLVED,
        "close_code": alert.policy.close_code or default_close_code,
        "close_notes": notes[:_LONGEST_CLOSE_NOTES],
    }


def seen(record: Record) -> Seen:
    """Return what a record's fields say, in the terms of the state machine."""
    return Seen(
        reference=RecordReference(record.sys_id, record.fields.get("number", "")),
        condition=_condition(record.fields),
        correlation_id=record.fields.get("correlation_id", ""),
        marker=record.fields.get("correlation_display", ""),
    )


def _condition(fields: Mapping[str, str]) -> Condition:
    state = fields.get("state", "")
    if state in _CLOSED_OR_CANCELED:
        return Condition.CLOSED
    if state == _RESOLVED:
        return Condition.RESOLVED
    return Condition.CLOSED if fields.get("active") == "false" else Condition.OPEN
