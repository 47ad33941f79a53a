"""Change Management: `/api/sn_chg_rest[/v1]/change`. It answers 200 on insert, with typed values, and wants roles.

Facts: ServiceNow's page on the Change Management API (roles, paths, ignored fields, approvals, next states).
"""

from collections.abc import Mapping
from dataclasses import replace

from . import change
from .approvals import answer, own_request
from .context import Context
from .display import display_value
from .listing import find_page
from .messages import Answer, ApiError, Json, Request, decode_object, json_answer
from .records import Row
from .schema import is_integer
from .writes import delete_record, insert_record, update_record

_TABLE, _TASKS = "change_request", "change_task"
_TYPES = ("normal", "emergency", "standard")
_TEMPLATES = "std_change_record_producer"
_ANYBODY = frozenset({"change_manager", "itil", "admin"})
_ROLES = {"GET": _ANYBODY | {"sn_change_read"}, "DELETE": frozenset({"change_manager", "admin"})}
_OF_THE_TEMPLATE = frozenset({"description", "backout_plan", "test_plan", "implementation_plan"})


def handle_change(context: Context, request: Request, _version: str, rest: list[str]) -> Answer:
    """Create, list, read, change or delete a change request or its tasks; `rest` is the path behind `change`.

    Raises ApiError 403 where the user holds none of the roles that the method wants.
    """
    if not context.roles() & _ROLES.get(request.method, _ANYBODY):
        raise ApiError(403, "User Not Authorized", "Failed API level ACL Validation")
    match rest:
        case ["model", *ids] | ["standard", "template", *ids]:
            return _listed(context, request, "chg_model" if rest[0] == "model" else _TEMPLATES, ids)
        case [sys_id, "task", *ids]:
            return _tasks(context, request, context.record(_TABLE, sys_id), ids)
        case [sys_id, ("nextstates" | "approvals") as what]:
            row = context.record(_TABLE, sys_id)
            if (request.method, what) == ("GET", "nextstates"):
                return json_answer(200, {"result": _next_states(context, row)})
            if (request.method, what) == ("PATCH", "approvals"):
                return _decide(context, request, row)
            raise _nothing_there()
        case _:
            return _changes(context, request, rest)


def _changes(context: Context, request: Request, rest: list[str]) -> Answer:
    match request.method, rest:
        case "POST", [] | [_] | ["standard", _] if not rest or rest[0] in _TYPES:
            return _create(context, request, rest)
        case "GET", [] | [_] if not rest or rest[0] in _TYPES:
            return _many(context, request, _TABLE, {"type": rest[0]} if rest else {})
        case (("GET" | "PATCH" | "DELETE"), [sys_id] | ["normal" | "emergency" | "standard", sys_id]):
            return _record(context, request, _TABLE, sys_id)
        case _:
            raise _nothing_there()


def _listed(context: Context, request: Request, table: str, ids: list[str]) -> Answer:
    if request.method != "GET" or ids[1:]:
        raise _nothing_there()
    if ids:
        return _one(context, context.record(table, ids[0], reads=True))
    return _many(context, request, table, {})


def _tasks(context: Context, request: Request, parent: Row, ids: list[str]) -> Answer:
    match request.method, ids:
        case "GET", []:
            return _many(context, request, _TASKS, {"change_request": parent["sys_id"]})
        case "POST", []:
            body = _given(request)
            row = insert_record(context, _TASKS, {**body, "change_request": parent["sys_id"]})
            return _one(context, row, ignored=_ignored(context, body, _TASKS))
        case (("GET" | "PATCH" | "DELETE"), [sys_id]):
            return _record(context, request, _TASKS, sys_id)
        case _:
            raise _nothing_there()


def _nothing_there() -> ApiError:
    return ApiError(400, "Requested URI does not represent any resource")


def _create(context: Context, request: Request, rest: list[str]) -> Answer:
    body = _given(request)
    ignored = _ignored(context, body)
    kind: dict[str, Json] = {"type": rest[0]} if rest else {}
    if rest[1:]:
        kind |= _template(context, rest[1])
        ignored += sorted(_OF_THE_TEMPLATE & body.keys())
        body = {name: value for name, value in body.items() if name not in _OF_THE_TEMPLATE}
    elif kind == {"type": "standard"}:
        raise ApiError(400, "Bad Request", "A standard change is made from a template")
    return _one(context, insert_record(context, _TABLE, {"type": "normal", **body, **kind}), ignored=ignored)


def _template(context: Context, sys_id: str) -> dict[str, Json]:
    """Return what a change gets from its template, which is named itself or by its newest version."""
    store = context.store
    if store.find(_TEMPLATES, sys_id) is not None:
        return {"type": "standard"}
    return {"std_change_producer_version": context.record("std_change_producer_version", sys_id)["sys_id"]}


def _record(context: Context, request: Request, table: str, sys_id: str) -> Answer:
    row = context.record(table, sys_id, reads=request.method == "GET")
    if request.method == "GET":
        return _one(context, row)
    if request.method == "DELETE":
        deleted = _one(context, row)
        delete_record(context, row)
        return replace(deleted, wrote=True)
    body = _given(request)
    update_record(context, row, body)
    return _one(context, row, ignored=_ignored(context, body, row["sys_class_name"]))


def _decide(context: Context, request: Request, row: Row) -> Answer:
    body = decode_object(request.body)
    state, comments = str(body.get("state")), str(body.get("comments") or "")
    if state not in {"approved", "rejected"}:
        raise ApiError(400, "Bad Request", "state is approved or rejected")
    if state == "rejected" and not comments:
        raise ApiError(400, "Bad Request", "comments say why a change is rejected")
    approval = own_request(context, row)
    if approval is None:
        raise ApiError(400, "Bad Request", "No approval of this change waits for the user")
    answer(context, approval, state, comments)
    return replace(_one(context, row), wrote=True)


def _next_states(context: Context, row: Row) -> dict[str, Json]:
    labels = context.store.schema.fields(_TABLE)["state"].choices
    reachable = [state for state in labels if change.may_move(row["type"], row["state"], state)]
    waits = bool(change.pending(context.store, row["sys_id"]))
    transitions: list[Json] = []
    for state in reachable:
        free = not waits or state in {change.NEW, change.CANCELED}
        condition: Json = {"passed": free, "condition": {"name": "Approval is no longer awaited", "description": None}}
        transition: Json = {
            "display_value": f"{labels[row['state']]} to {labels[state]}",
            "from_state": row["state"],
            "to_state": state,
            "transition_available": free,
            "automatic_transition": False,
            "conditions": [] if free else [condition],
        }
        transitions.append([transition])
    states = [*reachable, row["state"]]
    shown: dict[str, Json] = {state: labels[state] for state in states}
    return {"available_states": [*states], "state_label": shown, "state_transitions": transitions}


def _given(request: Request) -> dict[str, Json]:
    """Return the fields of the query and of the body, which counts where both name one."""
    asked: dict[str, Json] = {name: value for name, value in request.query if not name.startswith("sysparm_")}
    return asked | decode_object(request.body)


def _ignored(context: Context, body: Mapping[str, Json], table: str = _TABLE) -> list[str]:
    known = context.store.schema.fields(table).keys() - context.denied_fields(table)
    return sorted(body.keys() - known)


def _one(context: Context, row: Row, *, ignored: list[str] | None = None) -> Answer:
    """Answer a record; `ignored` are the names that a write did not take, None where nothing was written."""
    content = _typed(context, row)
    if ignored is not None:
        content["__meta"] = {"ignoredFields": [*ignored]}
    return json_answer(200, {"result": content}, wrote=ignored is not None)


def _many(context: Context, request: Request, table: str, only: Mapping[str, str]) -> Answer:
    rows = find_page(context, table, request, only).rows
    return json_answer(200, {"result": [_typed(context, row) for row in rows]})


def _typed(context: Context, row: Row) -> dict[str, Json]:
    written: dict[str, Json] = {}
    for name, column in context.store.schema.fields(row["sys_class_name"]).items():
        value: Json = row[name]
        if column.kind == "boolean":
            value = row[name] == "true"
        elif column.kind in {"integer", "choice"} and is_integer(row[name]):
            value = int(row[name])
        written[name] = {"display_value": display_value(context.store, column, row[name]), "value": value}
    return written
