"""Change Management: `/api/sn_chg_rest/v1/change`. It answers 200 on insert, with typed values."""

from .context import Context
from .display import display_value
from .messages import Answer, ApiError, Json, Request, decode_object, json_answer
from .records import Row
from .writes import insert_record, update_record

_TABLE = "change_request"
_TYPES = ("normal", "emergency", "standard")


def handle_change(context: Context, request: Request, _version: str, rest: list[str]) -> Answer:
    """Create, read or change a change request; `rest` is the path behind `change`."""
    match request.method, rest:
        case "POST", [] | [_] | ["standard", _] if not rest or rest[0] in _TYPES:
            body = {**decode_object(request.body), "type": rest[0] if rest else "normal"}
            return json_answer(200, {"result": _typed(context, insert_record(context, _TABLE, body))}, wrote=True)
        case (("GET" | "PATCH"), [sys_id]):
            row = context.store.find(_TABLE, sys_id)
            if row is None:
                detail = "Record doesn't exist or ACL restricts the record retrieval"
                raise ApiError(404, "No Record found", detail)
            if request.method == "PATCH":
                update_record(context, row, decode_object(request.body))
            return json_answer(200, {"result": _typed(context, row)}, wrote=request.method == "PATCH")
        case _:
            raise ApiError(400, "Requested URI does not represent any resource")


def _typed(context: Context, row: Row) -> dict[str, Json]:
    written: dict[str, Json] = {}
    for name, column in context.store.schema.fields(_TABLE).items():
        value: Json = row[name]
        if column.kind == "boolean":
            value = row[name] == "true"
        elif column.kind in {"integer", "choice"} and row[name].removeprefix("-").isdecimal():
            value = int(row[name])
        written[name] = {"display_value": display_value(context.store, column, row[name]), "value": value}
    return written
