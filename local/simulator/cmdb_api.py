"""Identification and reconciliation of configuration items: `POST /api/now/identifyreconcile`."""

from collections.abc import Mapping
from typing import Any

from .context import Context
from .messages import Answer, ApiError, Request, decode_object, json_answer, objects_in
from .writes import insert_record, update_record

_ROOT = "cmdb_ci"


def handle_identify(context: Context, request: Request, _version: str, _rest: list[str]) -> Answer:
    """Insert or update configuration items, identified by class and name."""
    if request.method != "POST":
        raise ApiError(405, "Method not supported", "The endpoint takes POST")
    items = decode_object(request.body).get("items")
    if not isinstance(items, list):
        raise ApiError(400, "Exception while reading request", "items is not a list")
    source = request.parameter("sysparm_data_source")
    known = context.store.schema.fields(_ROOT)["discovery_source"].choices
    if source and source not in known:
        raise ApiError(400, "Invalid data source", f"{source} is no choice of the discovery source of {_ROOT}")
    answered = [_reconciled(context, item) for item in objects_in(items)]
    wrote = any(item.get("operation") in {"INSERT", "UPDATE"} for item in answered)
    return json_answer(200, {"result": {"items": answered, "relations": []}}, wrote=wrote)


def _reconciled(context: Context, item: Mapping[str, Any]) -> dict[str, Any]:
    table, values = str(item.get("className", "")), item.get("values")
    if table not in context.store.schema.family(_ROOT) or not isinstance(values, dict) or not values.get("name"):
        problem = {"error": "INVALID_INPUT_DATA", "message": "An item needs a known className and a name"}
        return {"className": table, "operation": "NO_CHANGE", "errors": [problem], "errorCount": 1}
    row = next((row for row in context.store.rows(table) if row["name"] == values["name"]), None)
    if row is None:
        row = insert_record(context, table, values, by_display=True)
        operation = "INSERT"
    else:
        before = row["sys_mod_count"]
        update_record(context, row, values, by_display=True)
        operation = "NO_CHANGE" if row["sys_mod_count"] == before else "UPDATE"
    return {"className": table, "operation": operation, "sysId": row["sys_id"], "errorCount": 0}
