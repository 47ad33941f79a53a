"""The Import Set API: `POST /api/now/import/{staging table}`. A row that fails arrives inside a 201."""

from collections.abc import Mapping
from typing import Any

from .context import Context, base_url
from .messages import Answer, ApiError, Request, decode_object, json_answer
from .records import Row
from .writes import insert_record, update_record


def handle_import(context: Context, request: Request, _version: str, rest: list[str]) -> Answer:
    """Store a row in the staging table and transform it, if the table has a transform map."""
    if request.method == "POST" and rest[1:] == ["insertMultiple"]:
        return _insert_multiple(context, rest[0], decode_object(request.body))
    if request.method != "POST" or len(rest) != 1:
        raise ApiError(400, "Requested URI does not represent any resource")
    staging = rest[0]
    context.require_table(staging)
    body = decode_object(request.body)
    context.require(staging, "insert")
    import_set = context.store.insert("sys_import_set", {"table_name": staging}, context.actor)["number"]
    result = _transformed(context, request, staging, body)
    content = {"import_set": import_set, "staging_table": staging, "result": [result]}
    return json_answer(201, content, wrote=result["status"] in {"inserted", "updated"})


def _insert_multiple(context: Context, staging: str, body: Mapping[str, Any]) -> Answer:
    """Store several rows; a real instance transforms them later, in the background, and the simulator never does."""
    context.require_table(staging)
    records = body.get("records")
    if not isinstance(records, list):
        raise ApiError(400, "Exception while reading request", "records is not a list")
    import_set = context.store.insert("sys_import_set", {"table_name": staging}, context.actor)
    for record in records:
        insert_record(context, staging, record if isinstance(record, dict) else {})
    content = {"import_set_id": import_set["sys_id"], "multi_import_set_id": import_set["sys_id"]}
    return json_answer(201, content, wrote=bool(records))


def _transformed(context: Context, request: Request, staging: str, body: Mapping[str, Any]) -> dict[str, str]:
    transform = context.store.schema.table(staging).transform
    wrong = [name for name, value in body.items() if not isinstance(value, str)]
    if wrong:
        return _failed(staging, f"Values must be strings: {', '.join(wrong)}")
    staged = insert_record(context, staging, body)
    if transform is None:
        return _done(context, request, staged, "inserted", "")
    mapped = {target: body[source] for source, target in transform.fields.items() if source in body}
    existing = _coalesced(context, transform.target, transform.coalesce, mapped)
    try:
        if existing is None:
            row = insert_record(context, transform.target, mapped, by_display=True)
            return _done(context, request, row, "inserted", transform.name)
        before = existing["sys_mod_count"]
        update_record(context, existing, mapped, by_display=True)
    except ApiError as error:
        return _failed(transform.target, error.detail or error.message, transform.name)
    status = "ignored" if existing["sys_mod_count"] == before else "updated"
    return _done(context, request, existing, status, transform.name)


def _coalesced(context: Context, table: str, field: str, mapped: Mapping[str, str]) -> Row | None:
    if not mapped.get(field):
        return None
    return next((row for row in context.store.rows(table) if row.get(field) == mapped[field]), None)


def _done(context: Context, request: Request, row: Row, status: str, transform_map: str) -> dict[str, str]:
    table = row["sys_class_name"]
    name = context.store.schema.display_field(table)
    return {
        "transform_map": transform_map,
        "table": table,
        "display_name": name,
        "display_value": row[name],
        "record_link": f"{base_url(request)}/api/now/table/{table}/{row['sys_id']}",
        "status": status,
        "sys_id": row["sys_id"],
    }


def _failed(table: str, message: str, transform_map: str = "") -> dict[str, str]:
    return {"transform_map": transform_map, "table": table, "status": "error", "error_message": message}
