"""Who did what: one line of the log for each write of a caller, with names of fields and never a value."""

import re
from collections.abc import Mapping
from typing import Any

from common.api.admission import Admitted
from common.api.callers import WEBHOOK
from common.api.problems import TYPE_PREFIX, Kind
from common.strict_json import json_object
from common.telemetry import Telemetry
from common.text import one_line

_WRITES = frozenset({"POST", "PATCH", "PUT", "DELETE"})
_UNPROVEN = (Kind.FORBIDDEN.status, Kind.NOT_FOUND.status)
_PATH = re.compile(
    r"/(?:incidents|(?P<changes>changes)|tables/(?P<table>[a-z0-9_]+)/records)(?:/(?P<record>[A-Za-z0-9]{1,40})(?P<rest>/.*)?)?/*"
)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,79}")
_MOST_NAMES = 100


def note_write(telemetry: Telemetry, request: Admitted, answer: Mapping[str, Any]) -> None:
    """Log who asked for which write with which outcome; nothing for a request that only reads, or proves nothing.

    The line does not depend on the log level: who lowers it must not lose who did it.
    """
    method, path = str(request.event.get("httpMethod")), str(request.event.get("path") or "")
    if method not in _WRITES:
        return
    if request.caller.startswith(WEBHOOK) and answer.get("statusCode") in _UNPROVEN:
        return  # anybody can send one, as often as he likes; they are counted
    told = _members(answer.get("body"))
    found = _PATH.fullmatch(path)
    record = (found and found["record"]) or told.get("number") or told.get("sys_id") or ""
    telemetry.audit(
        "A caller of the API asked for a write.",
        caller=request.caller,
        route=f"{method} {_route(path, found)}",
        table=_table(found),
        record=one_line(str(record))[:40],
        fields=_names(_members(request.event.get("body"))),
        outcome=str(told.get("type", "")).removeprefix(TYPE_PREFIX) or "done",
        status=answer.get("statusCode"),
        request_id=str((request.event.get("requestContext") or {}).get("requestId") or ""),
    )


def _route(path: str, found: re.Match[str] | None) -> str:
    if found is None:
        return one_line(path)[:100]
    start = "/tables/{table}/records" if found["table"] else "/changes" if found["changes"] else "/incidents"
    rest = (found["rest"] or "").rstrip("/")
    return start + ("/{record}" if found["record"] else "") + one_line(rest)[:40]


def _table(found: re.Match[str] | None) -> str:
    if found is None:
        return ""
    return found["table"] or ("change_request" if found["changes"] else "incident")


def _names(members: Mapping[str, Any]) -> list[str]:
    return sorted(filter(_NAME.fullmatch, members))[:_MOST_NAMES]


def _members(body: object) -> Mapping[str, Any]:
    return (json_object(body) if isinstance(body, str) else None) or {}
