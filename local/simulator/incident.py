"""The rules of the incident table: defaults, priority, resolving, reopening.

Facts: ServiceNow's documents on incident states and roles, the priority look-up and the data policy for resolving. What
a caller without the role gets is told nowhere.
"""

from collections.abc import Mapping

from .records import Row

NEW, IN_PROGRESS, ON_HOLD, RESOLVED, CLOSED, CANCELED = "1", "2", "3", "6", "7", "8"
_OPEN = frozenset({NEW, IN_PROGRESS, ON_HOLD})
FINAL = frozenset({CLOSED, CANCELED})
_PRIORITY = {
    ("1", "1"): "1",
    ("1", "2"): "2",
    ("2", "1"): "2",
    ("1", "3"): "3",
    ("2", "2"): "3",
    ("3", "1"): "3",
    ("2", "3"): "4",
    ("3", "2"): "4",
    ("3", "3"): "5",
}
_MANDATORY = {"close_code": "Resolution code", "close_notes": "Close notes"}
ROLES = {
    RESOLVED: frozenset({"itil", "list_updater", "sn_incident_write", "admin"}),
    CLOSED: frozenset({"itil_admin", "admin"}),
}
"""Who may give an incident a state; from anybody else the field is ignored, as an access rule ignores it."""

_DEFAULTS = {"state": NEW, "impact": "3", "urgency": "3", "category": "inquiry"}


def priority_of(impact: str, urgency: str) -> str:
    """Return the priority that the look-up table has for an impact and an urgency."""
    return _PRIORITY.get((impact, urgency), "5")


def missing_on_resolve(before: Mapping[str, str], values: Mapping[str, str]) -> list[str]:
    """Return the labels of mandatory fields that would be left empty in a resolved or closed incident."""
    after = {**before, **values}
    if after.get("state") not in {RESOLVED, CLOSED}:
        return []
    return [label for name, label in _MANDATORY.items() if not after.get(name)]


def derived(before: Mapping[str, str], values: Mapping[str, str], now: str, actor_id: str) -> Row:
    """Return what is written in the end: `values` with everything that the instance computes itself.

    `before` is empty for a new incident, `now` a stored time, `actor_id` the sys_id of the user who writes.
    A closed or cancelled incident keeps its state.
    """
    result = dict(values)
    if before.get("state") in FINAL:
        result.pop("state", None)
    if not before:
        result = {
            **_DEFAULTS,
            "opened_by": actor_id,
            **{name: value for name, value in result.items() if value},
        }
    after = {**before, **result}
    result["priority"] = priority_of(after.get("impact", ""), after.get("urgency", ""))
    state = after.get("state") or NEW
    result["incident_state"] = state
    result["active"] = "false" if state in FINAL else "true"
    return result | _moved(before, before.get("state", ""), state, now, actor_id)


def _moved(before: Mapping[str, str], old: str, new: str, now: str, actor_id: str) -> Row:
    if old == new:
        return {}
    if new == RESOLVED:
        return {"resolved_at": now, "resolved_by": actor_id}
    if new in FINAL:
        return {"closed_at": now, "closed_by": actor_id}
    if old == RESOLVED and new in _OPEN:
        reopened = str(int(before.get("reopen_count") or "0") + 1)
        return {"resolved_at": "", "resolved_by": "", "reopen_count": reopened, "reopened_time": now}
    return {}
