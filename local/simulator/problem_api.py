"""How Red Hat's application in the ServiceNow store moves problems: servicenow.itsm calls it.

`PATCH /api/x_rhtpp_ansible/problem/{number}/new_state/{state}` with the fields that the new state wants.
"""

from .context import Context
from .display import render
from .messages import Answer, ApiError, Request, decode_object, json_answer
from .models import moved_by_application
from .records import stored_values
from .table_api import view_of

_TABLE = "problem"


def handle_problem_move(context: Context, request: Request, version: str, rest: list[str]) -> Answer:
    """Move a problem along its model and answer the record. Raises ApiError 400 where that is not possible."""
    match request.method, rest:
        case "PATCH", [number, "new_state", state]:
            row = context.store.find_by_display(_TABLE, number)
        case _:
            raise ApiError(400, "Requested URI does not represent any resource")
    if row is None:
        raise ApiError(404, f"No problem with number {number} exists.")
    context.require(_TABLE, "update")
    values = stored_values(context.store, _TABLE, decode_object(request.body)) | {"state": state}
    context.store.update(row, moved_by_application(context, row, values), context.actor)
    content = render(context.store, row, view_of(context, request, version, _TABLE))
    return json_answer(200, {"result": content}, wrote=True)
