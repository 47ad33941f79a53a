"""Change Management: `/api/sn_chg_rest/v1/change`. It answers 200 on insert, with typed values."""

from .context import Context
from .display import display_value
from .listing import find_page
from .messages import Answer, ApiError, Json, Request, decode_object, json_answer
from .records import Row
from .writes import delete_record, insert_record, update_record

_TABLE, _TASKS = "change_request", "change_task"
_TYPES = ("normal", "emergency", "standard")


def handle_change(context: Context, request: Request, _version: str, rest: list[str]) -> Answer:
    """Create, list, read, change or delete a change request or its tasks; `rest` is the path behind `change`."""
    match request.method, rest:
        case "POST", [] | [_] | ["standard", _] if not rest or rest[0] in _TYPES:
            body = {**decode_object(request.body), "type": rest[0] if rest else "normal"}
            return _one(context, insert_record(context, _TABLE, body), wrote=True)
        case "GET", [] | [_] if not rest or rest[0] in _TYPES:
            rows = find_page(context, _TABLE, request).rows
            return _many(context, [row for row in rows if not rest or row["type"] == rest[0]])
        case (("GET" | "PATCH" | "DELETE"), [sys_id] | ["normal" | "emergency" | "standard", sys_id]):
            return _record(context, request, _TABLE, sys_id)
        case "GET", [sys_id, "task"]:
            rows = find_page(context, _TASKS, request).rows
            change = _existing(context, _TABLE, sys_id)["sys_id"]
            return _many(context, [row for row in rows if row["change_request"] == change])
        case "POST", [sys_id, "task"]:
            body = {**decode_object(request.body), "change_request": _existing(context, _TABLE, sys_id)["sys_id"]}
            return _one(context, insert_record(context, _TASKS, body), wrote=True)
        case (("GET" | "PATCH" | "DELETE"), [_, "task", sys_id]):
            return _record(context, request, _TASKS, sys_id)
        case _:
            raise ApiError(400, "Requested URI does not represent any resource")


def _record(context: Context, request: Request, table: str, sys_id: str) -> Answer:
    row = _existing(context, table, sys_id)
    if request.method == "DELETE":
        delete_record(context, row)
        return Answer(204, wrote=True)
    if request.method == "PATCH":
        update_record(context, row, decode_object(request.body))
    return _one(context, row, wrote=request.method == "PATCH")


def _existing(context: Context, table: str, sys_id: str) -> Row:
    row = context.store.find(table, sys_id)
    if row is None:
        raise ApiError(404, "No Record found", "Record doesn't exist or ACL restricts the record retrieval")
    return row


def _one(context: Context, row: Row, *, wrote: bool) -> Answer:
    return json_answer(200, {"result": _typed(context, row)}, wrote=wrote)


def _many(context: Context, rows: list[Row]) -> Answer:
    return json_answer(200, {"result": [_typed(context, row) for row in rows]})


def _typed(context: Context, row: Row) -> dict[str, Json]:
    written: dict[str, Json] = {}
    for name, column in context.store.schema.fields(row["sys_class_name"]).items():
        value: Json = row[name]
        if column.kind == "boolean":
            value = row[name] == "true"
        elif column.kind in {"integer", "choice"} and row[name].removeprefix("-").isdecimal():
            value = int(row[name])
        written[name] = {"display_value": display_value(context.store, column, row[name]), "value": value}
    return written
