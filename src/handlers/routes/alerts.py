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
from handlers.routes.turn import in_hand, new_router

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
    turn = in_hand()
    origin = Origin(turn.request.caller, turn.account, turn.bridge.region)
    if isinstance(alerts, models.OwnAlert):
        return _accepted(turn.bridge.telemetry, Taken(turn.bridge.alerts.accept([alerts.alert()], origin)))
    turn.bridge.limit.take_more(origin.caller, origin.account, len(alerts.alerts) - 1)
    accepted = turn.bridge.alerts.accept(alerts.understood(), origin)
    refused = turn.bridge.alerts.keep(alerts.refused(), origin)
    return _accepted(turn.bridge.telemetry, Taken(accepted, refused, alerts.truncated_alerts))


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
    turn = in_hand()
    delivery = delivery_of(turn.request)
    if not turn.bridge.webhooks.proves(source, delivery):
        raise ProblemError(Kind.FORBIDDEN, UNPROVEN, action=PROVE)
    turn.bridge.limit.take(turn.request.caller, turn.account)
    return _accepted(turn.bridge.telemetry, turn.bridge.webhooks.take(source, delivery, account=turn.account))


def _accepted(telemetry: Telemetry, taken: Taken) -> Response[str]:
    telemetry.count("AlertsRefused", taken.refused)
    telemetry.count("AlertsTruncated", taken.truncated)
    return reply(202, {"accepted": taken.accepted, "refused": taken.refused, "truncated": taken.truncated})
