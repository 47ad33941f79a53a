"""Who is asked about a change, and what an answer does to it: the rows of `sysapproval_approver`.

Facts: ServiceNow's pages on the change state model (Assess and Authorize trigger approvals; approved changes go on by
themselves, rejected ones go back to New; reverting cancels what is pending) and on the approval status (one rejection
rejects, all have to approve, nobody asked leaves it not requested). Simplified: in Assess the members of the assignment
group are asked, in Authorize those of the group "CAB Approval"; a new instance has neither.
"""

from collections.abc import Mapping

from . import change
from .context import Context
from .models import as_person
from .records import Row

TABLE, CHANGES = change.APPROVALS, "change_request"
_BOARD = "CAB Approval"
_WAITING = frozenset({change.ASSESS, change.AUTHORIZE})
_NO_LONGER = {"state": "cancelled"}


def follow_up(context: Context, before: Mapping[str, str], row: Row) -> None:
    """Do what the instance does by itself after a write to a change, or to an approval."""
    if before.get("state") == row.get("state"):
        return
    if row["sys_class_name"] == CHANGES:
        _moved(context, row, "not requested")
    elif row["sys_class_name"] == TABLE:
        _answered(context, row)


def own_request(context: Context, row: Row) -> Row | None:
    """Return the approval of a change that waits for the user, or None."""
    waiting = change.pending(context.store, row["sys_id"])
    return next((approval for approval in waiting if approval["approver"] == context.actor_id), None)


def answer(context: Context, approval: Row, state: str, comments: str) -> None:
    """Let the user approve or reject."""
    before = dict(approval)
    context.store.update(approval, {"state": state, "comments": comments}, context.actor)
    follow_up(context, before, approval)


def _answered(context: Context, approval: Row) -> None:
    row = context.store.find(CHANGES, approval["sysapproval"])
    if row is None or row["state"] not in _WAITING or approval["state"] not in {"approved", "rejected"}:
        return
    if approval["state"] == "rejected":
        _move(context, row, change.NEW, "rejected")
    elif not change.pending(context.store, row["sys_id"]):
        _move(context, row, change.following(row["type"], row["state"]), "approved")


def _move(context: Context, row: Row, state: str, approval: str) -> None:
    context.store.update(row, as_person(context, CHANGES, row, {"state": state, "approval": approval}), context.actor)
    _moved(context, row, approval)


def _moved(context: Context, row: Row, approval: str) -> None:
    """Take back what is pending, ask whom the new state wants to be asked, and write the approval into the change."""
    store = context.store
    for waiting in change.pending(store, row["sys_id"]):
        store.update(waiting, _NO_LONGER, context.actor)
    asked = _approvers(context, row)
    for person in asked:
        request = {"sysapproval": row["sys_id"], "document_id": row["sys_id"], "source_table": CHANGES}
        store.insert(TABLE, {**request, "approver": person, "state": "requested"}, context.actor)
    if asked:
        store.update(row, {"approval": "requested"}, context.actor)
    elif row["state"] in {change.NEW, change.CANCELED}:
        store.update(row, {"approval": approval}, context.actor)


def _approvers(context: Context, row: Row) -> list[str]:
    if row["state"] == change.ASSESS:
        group = row["assignment_group"]
    elif row["state"] == change.AUTHORIZE:
        board = context.store.find_by_display("sys_user_group", _BOARD)
        group = board["sys_id"] if board else ""
    else:
        return []
    members = context.store.rows("sys_user_grmember")
    return [member["user"] for member in members if group and member["group"] == group]
