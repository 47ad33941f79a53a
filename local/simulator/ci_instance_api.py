"""CMDB Instance API: `/api/now/cmdb/instance/{class}[/{sys_id}[/relation[/{relation}]]]`.

Facts: ServiceNow's page on the CMDB Instance API. An item is its attributes and its relations in both directions.
"""

from collections.abc import Mapping
from typing import Any

from .context import Context
from .display import View, display_value, render
from .listing import find_page
from .messages import Answer, ApiError, Json, Request, decode_object, json_answer, objects_in
from .records import Row
from .table_api import view_of
from .writes import delete_record, insert_record, update_record

_ROOT, _RELATIONS = "cmdb_ci", "cmdb_rel_ci"
_DIRECTIONS = {"outbound_relations": ("parent", "child"), "inbound_relations": ("child", "parent")}


def handle_ci_instance(context: Context, request: Request, version: str, rest: list[str]) -> Answer:
    """List, read, insert or change items of a class, and their relations. Raises ApiError for what is refused."""
    if len(rest) < 2 or rest[0] != "instance" or rest[1] not in context.store.schema.family(_ROOT):  # noqa: PLR2004
        raise ApiError(400, "Requested URI does not represent any resource")
    table = rest[1]
    view = view_of(context, request, version, table)
    match request.method, rest[2:]:
        case "GET", []:
            rows = find_page(context, table, request).rows
            return json_answer(200, {"result": [{"sys_id": row["sys_id"], "name": row["name"]} for row in rows]})
        case "POST", []:
            body = _with_source(context, request)
            row = insert_record(context, table, _attributes(body))
            _relate(context, row, body)
            return json_answer(201, {"result": _item(context, view, row)}, wrote=True)
        case "GET", [sys_id]:
            return json_answer(200, {"result": _item(context, view, context.record(table, sys_id, reads=True))})
        case (("PUT" | "PATCH"), [sys_id]):
            row = context.record(table, sys_id)
            update_record(context, row, _attributes(_with_source(context, request)))
            return json_answer(200, {"result": _item(context, view, row)}, wrote=True)
        case "POST", [sys_id, "relation"]:
            row = context.record(table, sys_id)
            _relate(context, row, _with_source(context, request))
            return json_answer(201, {"result": _item(context, view, row)}, wrote=True)
        case "DELETE", [sys_id, "relation", relation]:
            context.record(table, sys_id)
            delete_record(context, context.record(_RELATIONS, relation))
            return Answer(204, wrote=True)
        case _:
            raise ApiError(405, "Method not supported", f"{request.method} is not supported here")


def _with_source(context: Context, request: Request) -> dict[str, Any]:
    body: dict[str, Any] = decode_object(request.body)
    source = str(body.get("source") or "")
    if source not in context.store.schema.fields(_ROOT)["discovery_source"].choices:
        raise ApiError(400, "Invalid source", f"{source or 'Nothing'} is no choice of the discovery source of {_ROOT}")
    return body


def _attributes(body: Mapping[str, Any]) -> Mapping[str, Any]:
    given = body.get("attributes")
    return given if isinstance(given, dict) else {}


def _relate(context: Context, row: Row, body: Mapping[str, Any]) -> None:
    for direction, (own, other) in _DIRECTIONS.items():
        for relation in objects_in(body.get(direction)):
            target = context.record(_ROOT, str(relation.get("target", "")))
            kind = context.record("cmdb_rel_type", str(relation.get("type", "")))
            values = {own: row["sys_id"], other: target["sys_id"], "type": kind["sys_id"]}
            insert_record(context, _RELATIONS, values)


def _item(context: Context, view: View, row: Row) -> dict[str, Json]:
    item: dict[str, Json] = {"attributes": render(context.store, row, view)}
    for direction, (own, other) in _DIRECTIONS.items():
        found = [relation for relation in context.store.rows(_RELATIONS) if relation[own] == row["sys_id"]]
        item[direction] = [_relation(context, view, relation, other) for relation in found]
    return item


def _relation(context: Context, view: View, relation: Row, other: str) -> Json:
    written: dict[str, Json] = {"sys_id": relation["sys_id"]}
    for name, element in (("type", "type"), ("target", other)):
        column, value = context.store.schema.fields(_RELATIONS)[element], relation[element]
        shown = display_value(context.store, column, value)
        written[name] = {"display_value": shown, "link": f"{view.link_base}/{column.reference}/{value}", "value": value}
    return written
