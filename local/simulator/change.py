"""The change table: the states of its models, and what each state wants.

Facts: ServiceNow's page on the change state model; the refusal's words and the rule's name are captured. Who is asked
for approval stands in approvals.py; where nobody is, a state is left as soon as somebody wants to.
"""

import itertools
from collections.abc import Mapping

from .records import Row, Store

NEW, ASSESS, AUTHORIZE, SCHEDULED, IMPLEMENT, REVIEW, CLOSED, CANCELED = "-5", "-4", "-3", "-2", "-1", "0", "3", "4"
APPROVALS = "sysapproval_approver"
RULE = "Change Model: Check State Transition"
_WORK = (SCHEDULED, IMPLEMENT, REVIEW, CLOSED)
_WAYS = {
    "standard": (NEW, *_WORK),
    "emergency": (NEW, AUTHORIZE, *_WORK),
}
_NORMAL = (NEW, ASSESS, AUTHORIZE, *_WORK)
_CANCELABLE = frozenset({NEW, ASSESS, AUTHORIZE, SCHEDULED, IMPLEMENT})
_GROUP = {"assignment_group": "Assignment group"}
_CLOSING = {"close_code": "Close code", "close_notes": "Close notes"}


def may_move(kind: str, before: str, after: str) -> bool:
    """Tell whether the model of a kind of change (`normal`, `standard`, `emergency`) goes from a state to another."""
    if after == CANCELED:
        return before in _CANCELABLE
    way = _WAYS.get(kind, _NORMAL)
    if after == NEW:
        return kind != "standard" and before == way[1]
    return (before, after) in itertools.pairwise(way)


def following(kind: str, state: str) -> str:
    """Return the next state of the model of a kind of change. Raises KeyError where there is none."""
    return dict(itertools.pairwise(_WAYS.get(kind, _NORMAL)))[state]


def pending(store: Store, sys_id: str) -> list[Row]:
    """Return the approvals of a change that nobody has answered yet."""
    asked = store.rows(APPROVALS)
    return [row for row in asked if row["sysapproval"] == sys_id and row["state"] == "requested"]


def missing(before: Mapping[str, str], values: Mapping[str, str]) -> list[str]:
    """Return the labels of the fields that the new state wants and that would be empty."""
    after = {**before, **values}
    wanted = {} if after["state"] in {NEW, CANCELED} else _GROUP
    if after["state"] == CLOSED:
        wanted = wanted | _CLOSING
    return [label for name, label in wanted.items() if not after.get(name)]


def derived(before: Mapping[str, str], values: Mapping[str, str], now: str, actor_id: str) -> Row:
    """Return what is written in the end, with everything that the instance computes itself."""
    result = dict(values) if before else {"opened_by": actor_id, **values}
    old, new = before.get("state", ""), result.get("state") or before.get("state") or NEW
    result |= {"state": new, "active": "false" if new in {CLOSED, CANCELED} else "true"}
    if new != old and new == IMPLEMENT:
        result["work_start"] = now
    if new != old and new == REVIEW:
        result["work_end"] = now
    if new != old and new in {CLOSED, CANCELED}:
        result |= {"closed_at": now, "closed_by": actor_id}
    return result
