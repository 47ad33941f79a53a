"""The event that tells of one change: docs/schemas/record-changed.schema.json is its shape. Pure."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from common.servicenow.records import page_of
from common.watch.comments import Comment
from common.watch.decide import NAMES, WATCHED, Change, event_id, moment


@dataclass(frozen=True, slots=True)
class Told:
    """One event: what it says, when that happened, and the ARNs of what it is about."""

    detail: Mapping[str, Any]
    at: datetime
    resources: tuple[str, ...] = ()


_ACCOUNT = re.compile(r"[0-9]{12}")
_PARTS = ("account", "region", "source", "rule")


@dataclass(frozen=True, slots=True)
class Problem:
    """What the ledger knows of a record: its problem's dedup key, ARNs of the first event, and objects of AWS."""

    dedup_key: str
    resources: tuple[str, ...] = ()
    objects: tuple[Mapping[str, str], ...] = ()


def origin_of(dedup_key: str) -> dict[str, str | None]:
    """Return account, Region and source of the event behind a dedup key, and its rule; None where it is no event's."""
    try:
        parts = json.loads(dedup_key)
    except ValueError:
        parts = None
    parts = parts if isinstance(parts, list) else []
    own = parts[1:] if parts[:1] == ["group"] else parts
    is_of_a_rule = len(own) > len(_PARTS) and all(isinstance(part, str) for part in own)
    if not is_of_a_rule or not _ACCOUNT.fullmatch(own[0]):
        return dict.fromkeys(_PARTS)
    return dict(zip(_PARTS, own, strict=False))


def event_of(  # noqa: PLR0913 (what an event tells beside the change)
    change: Change,
    *,
    deployment: str,
    table: str,
    host: str,
    problem: Problem | None,
    comment: Comment | None = None,
) -> Told:
    """Return the event of a change; `problem` is None where the ledger knows nothing of the record."""
    record = change.record
    shown = {name: record.fields[name] for name in (*WATCHED, *NAMES.values()) if name in record.fields}
    detail = {
        "id": event_id(deployment, table, change),
        "deployment": deployment,
        "table": table,
        "number": record.fields.get("number", ""),
        "sys_id": record.sys_id,
        "link": page_of(host, table, record.sys_id),
        "changes": change.changes,
        "record": shown,
        "by": change.by.value,
        "updated_by": record.fields.get("sys_updated_by", ""),
        "updates": change.known.updates,
        "dedup_key": problem.dedup_key if problem else None,
        "objects": [dict(each) for each in problem.objects] if problem else [],
        **({"comment": {"text": comment.text, "by": comment.by, "at": comment.at}} if comment else {}),
        **origin_of(problem.dedup_key if problem else ""),
    }
    return Told(detail, moment(change.known.updated_on), problem.resources if problem else ())
