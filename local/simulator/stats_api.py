"""The Aggregate API: `GET /api/now/stats/{table}`."""

from collections.abc import Callable, Sequence
from itertools import groupby
from statistics import fmean
from typing import Any

from .context import Context
from .display import display_value
from .listing import requested_rows
from .messages import Answer, ApiError, Request, json_answer
from .query import sort_key
from .records import Row
from .schema import is_integer


def handle_stats(context: Context, request: Request, _version: str, rest: list[str]) -> Answer:
    """Answer counts, sums, averages, least and greatest values, all as text, in groups or over all."""
    if len(rest) != 1:
        raise ApiError(400, "Requested URI does not represent any resource")
    if request.method != "GET":
        raise ApiError(405, "Method not supported", "The aggregate API takes GET")
    context.require_table(rest[0])
    rows = requested_rows(context, rest[0], request)
    group_fields = _names(request, "sysparm_group_by")
    if not group_fields:
        return json_answer(200, {"result": {"stats": _stats(request, rows)}})

    def group_of(row: Row) -> tuple[str, ...]:
        return tuple(row.get(name, "") for name in group_fields)

    result = []
    for values, members in groupby(sorted(rows, key=group_of), group_of):
        named = [
            _group_field(context, request, rest[0], name, value)
            for name, value in zip(group_fields, values, strict=True)
        ]
        result.append({"stats": _stats(request, list(members)), "groupby_fields": named})
    return json_answer(200, {"result": result})


def _group_field(context: Context, request: Request, table: str, name: str, value: str) -> dict[str, str]:
    column = context.store.schema.fields(table).get(name)
    shown = display_value(context.store, column, value) if column else value
    match request.parameter("sysparm_display_value").lower():
        case "true":
            return {"field": name, "value": shown}
        case "all":
            return {"field": name, "value": value, "display_value": shown}
        case _:
            return {"field": name, "value": value}


def _stats(request: Request, rows: Sequence[Row]) -> dict[str, Any]:
    stats: dict[str, Any] = {}
    if request.flag("sysparm_count"):
        stats["count"] = str(len(rows))
    operations: dict[str, Callable[[list[str]], str]] = {
        "sum": lambda values: str(sum(map(int, values))),
        "avg": lambda values: f"{fmean(map(int, values)):.4f}",
        "min": lambda values: min(values, key=sort_key),
        "max": lambda values: max(values, key=sort_key),
    }
    for name, operation in operations.items():
        fields = _names(request, f"sysparm_{name}_fields")
        if fields:
            stats[name] = {field: _computed(operation, name, rows, field) for field in fields}
    return stats


def _computed(operation: Callable[[list[str]], str], name: str, rows: Sequence[Row], field: str) -> str:
    values = [row[field] for row in rows if row.get(field)]
    if name in {"sum", "avg"}:
        values = [value for value in values if is_integer(value)]
    return operation(values) if values else ""


def _names(request: Request, parameter: str) -> list[str]:
    return [name.strip() for name in request.parameter(parameter).split(",") if name.strip()]
