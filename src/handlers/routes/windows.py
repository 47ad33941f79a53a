"""What is to be quiet while somebody deploys: maintenance windows of callers."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body

from common.api import parameters
from common.api import window_models as models
from common.api.resolver import reply, responses
from common.clock import utc_now
from handlers.routes.call import in_hand, new_router

router = new_router()


@router.put(
    "/windows/<name>",
    tags=["Windows"],
    operation_id="openWindow",
    summary="Open a maintenance window, or set an open one anew",
    responses=responses(200, models.OpenWindow, "The window. It counts within a quarter of a minute.", 409, 413, 415),
)
def open_window(name: parameters.WindowName, window: Annotated[models.NewWindow, Body()]) -> Response[str]:
    """Hold, note or drop what begins from now on. It ends by itself; sent again, its end moves."""
    call = in_hand()
    wanted = window.wanted()
    return reply(
        200, call.bridge.windows().put(call.request.caller, call.account, name, wanted, utc_now(call.bridge.clock))
    )


@router.get(
    "/windows",
    tags=["Windows"],
    operation_id="listWindows",
    summary="List the maintenance windows of callers that are open",
    responses=responses(200, models.OpenWindows, "The windows, the oldest first."),
)
def list_windows() -> Response[str]:
    """List what callers have opened; windows of the rules are not among them."""
    call = in_hand()
    return reply(200, {"windows": call.bridge.windows().all_open(utc_now(call.bridge.clock))})


@router.get(
    "/windows/<name>",
    tags=["Windows"],
    operation_id="readWindow",
    summary="Read a maintenance window that is open",
    responses=responses(200, models.OpenWindow, "The window."),
)
def read_window(name: parameters.WindowName) -> Response[str]:
    """Read one window."""
    call = in_hand()
    return reply(200, call.bridge.windows().read(name, utc_now(call.bridge.clock)))


@router.delete(
    "/windows/<name>",
    tags=["Windows"],
    operation_id="endWindow",
    summary="End a maintenance window now",
    responses=responses(
        200,
        models.OpenWindow,
        "The window as it was. What it held opens within 4 minutes, or 15 where more than a day was left.",
        409,
    ),
)
def end_window(name: parameters.WindowName) -> Response[str]:
    """End a window before its time."""
    call = in_hand()
    return reply(200, call.bridge.windows().end(call.request.caller, name, utc_now(call.bridge.clock)))
