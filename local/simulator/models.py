"""Which rules hold for the records of which table: defaults, states, mandatory fields."""

from collections.abc import Mapping

from . import change, incident, problem
from .business_rules import aborted
from .context import Context
from .messages import ApiError
from .records import Row
from .times import written

_PLANS = ("implementation_plan", "backout_plan", "test_plan")
_ENDS = {
    "change_task": {"3", "4"},
    "problem_task": {"157"},
    "sc_request": {"3", "4", "7"},
    "sc_req_item": {"3", "4", "7"},
    "sc_task": {"3", "4", "7"},
}


def asked(context: Context, table: str, before: Mapping[str, str], values: Row) -> Row:
    """Return what an integration's write comes to. `before` is empty for a new record.

    Raises ApiError 403 where the data policy or the state model refuses.
    """
    root = _root(context, table)
    if root == "incident":
        return _incident(context, table, before, values)
    if root == "change_request" and not before:
        values = _of_template(context, values)
    if root in {"problem", "change_request"} and context.switches.state_models != "open":
        values = _modelled(context, root, before, values)
    return as_person(context, table, before, values)


def as_person(context: Context, table: str, before: Mapping[str, str], values: Row) -> Row:
    """Return what a write comes to that no policy and no model refuses."""
    now, actor = written(context.now), context.actor_id
    match _root(context, table):
        case "incident":
            return incident.derived(before, values, now, actor)
        case "problem":
            return problem.derived(before, _one_state(values), now, actor)
        case "change_request":
            return change.derived(before, values, now, actor)
        case root if root in _ENDS:
            state = values.get("state") or before.get("state", "")
            return values | {"active": "false" if state in _ENDS[root] else "true"}
        case _:
            return values


def moved_by_application(context: Context, row: Row, values: Row) -> Row:
    """Return what becomes of a problem that an application inside the instance moves along its model.

    Raises ApiError 400 where there is no such transition, or the new state wants more; its words are the application's.
    """
    state = values["state"]
    if not problem.may_move(row["state"], state):
        raise ApiError(400, f"Problem state transition from state {row['state']} to {state} is not possible.")
    for name in problem.missing(row, values):
        raise ApiError(400, f"Missing field {name}.")
    return as_person(context, "problem", row, values)


def _modelled(context: Context, root: str, before: Mapping[str, str], values: Row) -> Row:
    values = _one_state(values) if root == "problem" else values
    old = before.get("state") or (problem.NEW if root == "problem" else change.NEW)
    new = values.get("state") or old
    if new == old:
        return values
    kind = values.get("type") or before.get("type", "")
    if root == "change_request" and before and _may_move(context, kind, before, new):
        _enforce_policy(change.missing(before, values))
        return values
    if context.switches.state_models == "ignored":
        return {name: value for name, value in values.items() if name not in {"state", "problem_state"}}
    raise aborted(context, root, problem.RULE if root == "problem" else change.RULE)


def _of_template(context: Context, values: Row) -> Row:
    """Return a new change with what the template of a standard one says about it, where nothing else was given."""
    template = context.store.find("std_change_producer_version", values.get("std_change_producer_version", ""))
    if template is None:
        return values
    return {name: template[name] for name in ("description", *_PLANS)} | values


def _may_move(context: Context, kind: str, before: Mapping[str, str], state: str) -> bool:
    """Tell whether a change may be moved to a state: what waits for approval can only be taken back."""
    waits = state not in {change.NEW, change.CANCELED} and bool(change.pending(context.store, before["sys_id"]))
    return change.may_move(kind, before["state"], state) and not waits


def _incident(context: Context, table: str, before: Mapping[str, str], values: Row) -> Row:
    wanted = incident.ROLES.get(values.get("state", ""))
    if wanted is not None and not context.roles() & wanted:
        values = {name: value for name, value in values.items() if name != "state"}
    if not before:
        _enforce_policy(incident.missing_on_resolve({}, values))
    result = as_person(context, table, before, values)
    if before and result.get("state", before["state"]) != before["state"]:
        _enforce_policy(incident.missing_on_resolve(before, result))
    return result


def _one_state(values: Row) -> Row:
    state = values.get("state") or values.get("problem_state", "")
    return values | {"state": state} if state else values


def _enforce_policy(missing: list[str]) -> None:
    if missing:
        detail = f"Data Policy Exception: \n\tThe following fields are mandatory: {', '.join(missing)}"
        raise ApiError(403, "Operation Failed", detail)


def _root(context: Context, table: str) -> str:
    """Return the table below `task` that a table is or extends, else its own root."""
    name = table
    while (parent := context.store.schema.table(name).extends) and parent != "task":
        name = parent
    return name
