"""The event that tells of one change: docs/schemas/record-changed.schema.json is its shape. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from common.watch.decide import NAMES, WATCHED, Change, event_id, moment

DETAIL_TYPE = "ServiceNow Record Changed"
"""The type of these events. The stack's own rule takes none of them, whatever it is told to take."""


@dataclass(frozen=True, slots=True)
class Told:
    """One event: what it says, when that happened, and the ARNs of what it is about."""

    detail: Mapping[str, Any]
    at: datetime
    resources: tuple[str, ...] = ()


def event_of(change: Change, *, deployment: str, table: str, host: str, dedup_key: str | None) -> Told:
    """Return the event of a change; `dedup_key` is None where the ledger knows nothing of the record."""
    record = change.record
    shown = {name: record.fields[name] for name in (*WATCHED, *NAMES.values()) if name in record.fields}
    detail = {
        "id": event_id(deployment, table, change),
        "deployment": deployment,
        "table": table,
        "number": record.fields.get("number", ""),
        "sys_id": record.sys_id,
        "link": f"https://{host}/nav_to.do?uri={table}.do%3Fsys_id%3D{record.sys_id}",
        "changes": change.changes,
        "record": shown,
        "by": change.by.value,
        "updated_by": record.fields.get("sys_updated_by", ""),
        "updates": change.known.updates,
        "dedup_key": dedup_key,
    }
    return Told(detail, moment(change.known.updated_on))
