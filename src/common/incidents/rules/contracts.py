"""The two types of events that are the bridge's own: what an application must send.

The same is written down for machines in docs/schemas/; a test holds the two together.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from common.errors import PermanentError
from common.incidents.alert import Status
from common.incidents.fields import writable_names
from common.incidents.own_events import (
    ALERT,
    API_SOURCE,
    CHANGE_REQUEST,
    CHANGE_RESULT,
    RECORD_REQUEST,
    SEVERITIES,
)
from common.incidents.rules.names import is_column, is_name

_LONGEST_KEY = 255
_VISIBLE = re.compile(r"\S")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})")

type _Check = Callable[[object], str | None]


def check_contract(event: Mapping[str, Any], requestable: Mapping[str, tuple[str, ...]] | None = None) -> None:
    """Raise PermanentError that names the field where an event of the bridge's own types is malformed.

    `requestable` holds the fields by table that a record request may ask for; None lets it ask for all.
    """
    contract = _CONTRACTS.get(event["detail-type"])
    if contract is None:
        if event["detail-type"] in (CHANGE_REQUEST, CHANGE_RESULT):
            raise PermanentError(
                "This deployment opens no changes.",
                action="Set the parameter ChangeGate to true (docs/changes.md), and replay the message.",
            )
        return
    fields, required = contract
    problem = next(_problems(event, fields, required), None)
    if problem is not None:
        raise PermanentError(
            f"The event {event['detail-type']!r} is malformed: detail.{problem}.",
            action="Correct what sends it; docs/schemas/ says what is expected.",
        )
    if event["detail-type"] == RECORD_REQUEST and requestable is not None:
        _check_request(event["detail"], requestable)


def _check_request(detail: Mapping[str, Any], requestable: Mapping[str, tuple[str, ...]]) -> None:
    allowed = writable_names(frozenset(requestable.get(detail["table"], ())))
    if refused := sorted(detail["fields"].keys() - allowed):
        raise PermanentError(
            f"The event {RECORD_REQUEST!r} asks for fields of {detail['table']} that it may not write: "
            f"{', '.join(refused[:5])}.",
            action="Leave them out, or add them to the parameter ApiIncidentFields or ApiTables.",
        )


def _problems(event: Mapping[str, Any], fields: Mapping[str, _Check], required: Sequence[str]) -> Iterator[str]:
    detail = event["detail"]
    if event["detail-type"] == ALERT and detail.get("status") == Status.FIRING:
        required = (*required, "summary")
    yield from (f"{name} is missing" for name in required if name not in detail)
    for name, value in detail.items():
        if name == "origin" and event["source"] == API_SOURCE:
            continue
        if name not in fields:
            yield f"{name[:80]} is not known; the fields are {', '.join(fields)}"
        elif (problem := fields[name](value)) is not None:
            yield f"{name} {problem}"


def _text(value: object) -> str | None:
    return None if isinstance(value, str) else "is no string"


def _key(value: object) -> str | None:
    if isinstance(value, str) and len(value) <= _LONGEST_KEY and _VISIBLE.search(value):
        return None
    return f"is no string of 1 to {_LONGEST_KEY} characters"


def _summary(value: object) -> str | None:
    return None if isinstance(value, str) and _VISIBLE.search(value) else "is no string, or an empty one"


def _one_of(*choices: str) -> _Check:
    return lambda value: None if value in choices else f"is none of {', '.join(choices)}"


def _like(pattern: re.Pattern[str], what: str) -> _Check:
    return lambda value: None if isinstance(value, str) and pattern.fullmatch(value) else f"is no {what}"


def _table(value: object) -> str | None:
    return None if isinstance(value, str) and is_name(value) else "is no name of a table"


def _fields(value: object) -> str | None:
    if not isinstance(value, dict):
        return "is no object"
    for name, content in value.items():
        if not is_column(name):
            return f"has the field {name[:80]!r}, which no event may set"
        if not isinstance(content, str | int | float):
            return f"has the field {name}, which is neither a string nor a number nor a truth value"
    return None


def _some_fields(value: object) -> str | None:
    return "has no field" if value == {} else _fields(value)


_CONTRACTS: Mapping[str, tuple[Mapping[str, _Check], tuple[str, ...]]] = {
    ALERT: (
        {
            "dedup_key": _key,
            "status": _one_of(*Status),
            "summary": _summary,
            "severity": _one_of(*SEVERITIES),
            "description": _text,
            "note": _text,
            "url": _text,
            "occurred_at": _like(_TIME, "time such as 2026-01-31T12:00:00Z"),
            "group": _key,
            "fields": _fields,
        },
        ("dedup_key", "status"),
    ),
    RECORD_REQUEST: (
        {"key": _key, "table": _table, "fields": _some_fields},
        ("key", "table", "fields"),
    ),
}
