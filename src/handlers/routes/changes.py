"""Change requests: ask for one and wait, read it, close it."""

from aws_lambda_powertools.event_handler import Response

from common.api import change_models, models, parameters
from common.api.change_models import NewChange
from common.api.changes import Changes
from common.api.resolver import CHANGE_PROBLEMS, creation_responses, reply, reply_created, responses
from common.servicenow.change_requests import TABLE
from handlers.routes.call import in_hand, new_router

router = new_router()


@router.post(
    "/changes",
    tags=["Changes"],
    operation_id="createChange",
    summary="Ask for a change, and wait for its approval",
    responses=creation_responses("The change, always the same."),
)
def create_change(change: NewChange, key: parameters.RequiredKey) -> Response[str]:
    """Open one change for this key. What waits goes on once it is approved, and fails once people decide otherwise."""
    call = in_hand()
    made = _changes().create(call.sender(key), change.fields(), change.waiting(), call.deadline)
    return reply_created(call.bridge.instance_host, "changes", TABLE, made)


@router.get(
    "/changes/<change>",
    tags=["Changes"],
    operation_id="readChange",
    summary="Read a change",
    responses=responses(200, change_models.Change, "The change's fields, and what waits for it."),
)
def read_change(change: parameters.Change) -> Response[str]:
    """Read a change that this bridge opened."""
    fields, waiting = _changes().read(change, in_hand().deadline)
    return reply(200, {"change": fields, "waiting": waiting})


@router.post(
    "/changes/<change>/close",
    tags=["Changes"],
    operation_id="closeChange",
    summary="Close a change",
    responses=responses(200, models.Record, "The change's fields as they are now.", *CHANGE_PROBLEMS),
)
def close_change(change: parameters.Change, closing: change_models.Closing) -> Response[str]:
    """Close a change that the caller asked for. One that is over already stays as it is."""
    call = in_hand()
    return reply(200, _changes().close(call.sender(), change, closing.result, closing.close_notes, call.deadline))


def _changes() -> Changes:
    changes = in_hand().bridge.changes
    if changes is None:
        raise ValueError("Where no changes are opened, these routes are not there.")
    return changes
