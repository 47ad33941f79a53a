"""What monitoring tools and callers of their own report: alerts and webhooks."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body

from common.api import alert_models as models
from common.api import parameters
from common.api.alerts import Origin
from common.api.problems import Kind, ProblemError
from common.api.resolver import reply, responses
from common.api.unproven import PROVE, UNPROVEN, delivery_of
from common.doors.door import Taken
from common.telemetry import Telemetry
from handlers.routes.call import in_hand, new_router

router = new_router()


@router.post(
    "/alerts",
    tags=["Alerts"],
    operation_id="postAlerts",
    summary="Report that problems are there, or over",
    responses=responses(202, models.Accepted, "The alerts are in the queue.", 413, 415),
)
def post_alerts(alerts: Annotated[models.OwnAlert | models.Webhook, Body()]) -> Response[str]:
    """Take an alert, or the webhook of Alertmanager or Grafana, to the desk that opens and resolves incidents."""
    call = in_hand()
    origin = Origin(call.request.caller, call.account, call.bridge.region)
    if isinstance(alerts, models.OwnAlert):
        return _accepted(call.bridge.telemetry, Taken(call.bridge.alerts.accept([alerts.alert()], origin)))
    call.bridge.limit.take_more(origin.caller, origin.account, len(alerts.alerts) - 1)
    accepted = call.bridge.alerts.accept(alerts.understood(), origin)
    refused = call.bridge.alerts.keep(alerts.refused(), origin)
    return _accepted(call.bridge.telemetry, Taken(accepted, refused, alerts.truncated_alerts))


@router.post(
    "/webhooks/<source>",
    tags=["Webhooks"],
    operation_id="receiveWebhook",
    summary="Take what a monitoring tool sends",
    responses=responses(202, models.Accepted, "The problems are in the queue.", 413),
    openapi_extensions={
        "requestBody": {"required": True, "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}}},
        "security": [],
    },
)
def receive_webhook(source: parameters.Source) -> Response[str]:
    """Take a body in the tool's own form. Not signed: it shows the secret of its source, as docs/sources.md says."""
    call = in_hand()
    delivery = delivery_of(call.request)
    if not call.bridge.webhooks.proves(source, delivery):
        raise ProblemError(Kind.FORBIDDEN, UNPROVEN, action=PROVE)
    call.bridge.limit.take(call.request.caller, call.account)
    return _accepted(call.bridge.telemetry, call.bridge.webhooks.take(source, delivery, account=call.account))


def _accepted(telemetry: Telemetry, taken: Taken) -> Response[str]:
    telemetry.count("AlertsRefused", taken.refused)
    telemetry.count("AlertsTruncated", taken.truncated)
    return reply(202, {"accepted": taken.accepted, "refused": taken.refused, "truncated": taken.truncated})
