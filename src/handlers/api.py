"""The API function: named operations on ServiceNow for callers that never see its credentials. See docs/api.md."""

import os
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from common.api import models, parameters
from common.api.admission import admit
from common.api.audit import note_write
from common.api.callers import WEBHOOK, account_of, caller_of
from common.api.problems import Kind, ProblemError
from common.api.resolver import new_resolver, only_parameters, reply, responses
from common.api.swagger import swagger_page
from common.bridge.api import build_api
from common.clock import Deadline
from handlers.routes import alerts, incidents, tables, windows
from handlers.routes.call import Call, begin, in_hand

bridge = build_api(os.environ)
app = new_resolver(bridge.telemetry)
for routes in (incidents, tables, alerts, windows):
    app.include_router(routes.router)
if bridge.changes is not None:
    from handlers.routes import changes  # no start has to wait for what is off

    app.include_router(changes.router)

# What is left for the answer itself, in seconds.
_RESERVE_SECONDS = 1.0


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one request of API Gateway (REST API, Lambda proxy integration)."""
    seconds = context.get_remaining_time_in_millis() / 1000 - _RESERVE_SECONDS
    try:
        # First of all, so that requests that are refused count too; but whoever sends a webhook has yet to prove it.
        caller = caller_of(event)
        if not caller.startswith(WEBHOOK):
            bridge.limit.take(caller, account_of(event))
        admitted = admit(event, caller)
        begin(Call(bridge, admitted, Deadline.after(bridge.clock, seconds), app.context))
        answer = app.resolve(admitted.event, context)
    except ProblemError as problem:
        if problem.kind is Kind.FORBIDDEN:
            bridge.telemetry.count("CallersRefused")
        return problem.answer(event.get("requestContext", {}).get("requestId", "")).for_gateway()
    else:
        note_write(bridge.telemetry, admitted, answer)
        if answer["statusCode"] == Kind.FORBIDDEN.status:
            bridge.telemetry.count("CallersRefused")
        return answer
    finally:
        bridge.tokens.report()
        bridge.telemetry.flush()


@app.get(
    "/health",
    tags=["Health"],
    operation_id="health",
    summary="Whether the API works",
    responses=responses(200, models.HealthReport, "It works."),
)
def health(*, deep: parameters.Deep = False) -> Response[str]:
    """Answer at once, or after the doctor's checks of everything that the API depends on. They only read."""
    call = in_hand()
    only_parameters(call.request, "deep")
    if not deep:
        return reply(200, {"status": "ok", "checks": []})
    return reply(200, bridge.health.answer_to(call.request.caller, bridge.check_up(call.deadline)))


@app.get("/swagger", include_in_schema=False)
def swagger() -> Response[str]:
    """Show a page about this API, where the deployment wants that."""
    if not bridge.swagger_ui:
        raise ProblemError(Kind.NOT_FOUND, "This deployment shows no page about the API.")
    return swagger_page(app)
