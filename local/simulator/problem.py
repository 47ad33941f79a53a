"""The problem table: its states, and what may move them.

Facts: ServiceNow's pages on the problem process; since release Rome the business rule of the problem model refuses
every transition that comes over the Table API (KB0759295, KB2804110, measured by several). Red Hat's application in the
ServiceNow store, which servicenow.itsm calls, moves them all the same (see problem_api.py); its public script has the
transitions and the fields that each state wants.
"""

from collections.abc import Mapping

from .incident import priority_of
from .records import Row

NEW, ASSESS, ANALYSIS, FIX, RESOLVED, CLOSED = "101", "102", "103", "104", "106", "107"
RULE = "Problem Model: Check State Transition"
_NEXT = {
    NEW: {ASSESS},
    ASSESS: {ANALYSIS, CLOSED},
    ANALYSIS: {FIX, RESOLVED, CLOSED},
    FIX: {ANALYSIS, RESOLVED, CLOSED},
    RESOLVED: {ANALYSIS, CLOSED},
    CLOSED: {ANALYSIS},
}
_ASSIGNED = ("assigned_to",)
_FIXING = (*_ASSIGNED, "cause_notes", "fix_notes")
_RESOLVED = (*_ASSIGNED, "resolution_code")
_MANDATORY = {ASSESS: _ASSIGNED, ANALYSIS: _ASSIGNED, FIX: _FIXING, RESOLVED: _RESOLVED, CLOSED: _RESOLVED}
_NOTES = {
    "fix_applied": ("cause_notes", "fix_notes"),
    "risk_accepted": ("cause_notes", "close_notes"),
    "duplicate": ("duplicate_of",),
    "canceled": ("close_notes",),
}


def may_move(before: str, after: str) -> bool:
    """Tell whether the model has a transition between two states."""
    return after in _NEXT.get(before, set())


def missing(before: Mapping[str, str], values: Mapping[str, str]) -> list[str]:
    """Return the fields that the new state wants and that would be empty."""
    after = {**before, **values}
    wanted = _MANDATORY.get(after["state"], ())
    if after["state"] in {RESOLVED, CLOSED}:
        wanted = (*wanted, *_NOTES.get(after.get("resolution_code", ""), ()))
    return [name for name in wanted if not after.get(name)]


def derived(before: Mapping[str, str], values: Mapping[str, str], now: str, actor_id: str) -> Row:
    """Return what is written in the end, with everything that the instance computes itself."""
    result = dict(values) if before else {"opened_by": actor_id, **values}
    after = {**before, **result}
    old, new = before.get("state", ""), after.get("state") or NEW
    result |= {"state": new, "problem_state": new, "active": "false" if new == CLOSED else "true"}
    result["priority"] = priority_of(after.get("impact") or "3", after.get("urgency") or "3")
    if new != old and new == RESOLVED:
        result |= {"resolved_at": now, "resolved_by": actor_id}
    if new != old and new == CLOSED:
        result |= {"closed_at": now, "closed_by": actor_id}
    if old == RESOLVED and new == ANALYSIS:
        result["reopen_count"] = str(int(before.get("reopen_count") or "0") + 1)
    return result
