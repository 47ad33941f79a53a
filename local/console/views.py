"""What the page shows, as JSON: incidents, calls, queues."""

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from local.simulator import Call
from local.simulator.incident import FINAL, RESOLVED
from local.simulator.operations import Operations
from local.stack import DeadLetter, QueueDepth

from .actions import Condition
from .returns import Told

_MOST_INCIDENTS = 200
_MOST_CALLS = 150
_LIST_FIELDS = (
    "sys_id",
    "number",
    "state",
    "priority",
    "short_description",
    "opened_at",
    "sys_updated_on",
    "correlation_id",
    "sys_mod_count",
)
_RECORD_FIELDS = {
    "impact": "Impact",
    "urgency": "Urgency",
    "category": "Category",
    "assignment_group": "Assignment group",
    "assigned_to": "Assigned to",
    "cmdb_ci": "Configuration item",
    "opened_at": "Opened",
    "sys_updated_on": "Updated",
    "sys_updated_by": "Updated by",
    "resolved_at": "Resolved",
    "close_code": "Resolution code",
    "close_notes": "Resolution notes",
    "correlation_id": "Correlation ID",
    "correlation_display": "Correlation display",
    "description": "Description",
}
_DONE = frozenset({RESOLVED, *FINAL})
_ELEMENTS = {"work_notes": "Work note", "comments": "Comment"}


@dataclass(frozen=True, slots=True)
class Queues:
    """The last look at the queues; `depth` is None where they could not be looked at. `told` comes oldest first."""

    depth: QueueDepth | None = None
    letters: tuple[DeadLetter, ...] = ()
    told: tuple[Told, ...] = ()


def snapshot(operations: Operations, queues: Queues, condition: Condition) -> dict[str, Any]:
    """Return everything that the page shows but the selected incident.

    Incidents come youngest first, calls oldest first; only the youngest of each, the counts are of all. Times of calls
    are epoch milliseconds.
    """
    attached = Counter(row["table_sys_id"] for row in operations.records("sys_attachment"))
    incidents = operations.displayed("incident", _LIST_FIELDS, last=_MOST_INCIDENTS)[::-1]
    states = [row["state"] for row in operations.records("incident")]
    return {
        "condition": {"name": condition.name, "text": condition.text},
        "incidents": [{**row, "attachments": attached[row["sys_id"]]} for row in incidents],
        "incident_count": len(states),
        "open_count": sum(state not in _DONE for state in states),
        "calls": [_call(number, call) for number, call in operations.last_calls(_MOST_CALLS)],
        "token_requests": operations.token_requests,
        "api_calls": operations.api_calls,
        "queue": asdict(queues.depth) if queues.depth else None,
        "dead_letters": [asdict(letter) for letter in queues.letters],
        "told": [asdict(each) for each in queues.told],
    }


def record(operations: Operations, sys_id: str) -> dict[str, Any] | None:
    """Return one incident with its journal, newest entry first, or None if there is none."""
    found = operations.displayed("incident", sys_id=sys_id)
    if not found:
        return None
    [shown] = found
    people = {row["user_name"]: row["name"] for row in operations.records("sys_user")}
    return {
        **{name: shown[name] for name in _LIST_FIELDS},
        "fields": [
            {"name": name, "label": label, "value": shown[name]}
            for name, label in _RECORD_FIELDS.items()
            if shown[name]
        ],
        "journal": [
            {
                "sys_id": row["sys_id"],
                "element": _ELEMENTS.get(row["element"], row["element"]),
                "at": row["sys_created_on"],
                "by": people.get(row["sys_created_by"], row["sys_created_by"]),
                "text": row["value"],
            }
            for row in reversed(operations.records("sys_journal_field"))
            if row["element_id"] == sys_id
        ],
        "attachments": [
            {"sys_id": row["sys_id"], "name": row["file_name"], "type": row["content_type"], "size": row["size_bytes"]}
            for row in reversed(operations.records("sys_attachment"))
            if row["table_sys_id"] == sys_id
        ],
    }


def picture(operations: Operations, sys_id: str) -> bytes | None:
    """Return the content of an attachment that is a picture, or None: nothing else is shown by a browser."""
    found = next((row for row in operations.records("sys_attachment") if row["sys_id"] == sys_id), None)
    return operations.file(sys_id) if found is not None and found["content_type"] == "image/png" else None


def _call(number: int, call: Call) -> dict[str, Any]:
    return {
        "id": number,
        "at": round(call.started * 1000),
        "method": call.method,
        "path": call.path,
        "query": call.query,
        "token": call.token_request,
        "status": call.status,
        "milliseconds": None if call.ended is None else round((call.ended - call.started) * 1000),
        "wrote": call.committed,
        "fault": call.fault,
    }
