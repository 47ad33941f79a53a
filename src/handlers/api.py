"""The API function: named operations on ServiceNow for callers that never see its credentials. See docs/api.md."""

import os
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body
from aws_lambda_powertools.utilities.typing import LambdaContext

from common.api import models, parameters
from common.api.admission import WEBHOOK, account_of, admit, caller_of, content_type
from common.api.alerts import Origin
from common.api.audit import note_write
from common.api.files import MEDIA_TYPES, file_of
from common.api.incidents import Search, shown
from common.api.problems import Kind, ProblemError
from common.api.requests import Sender
from common.api.resolver import (
    CREATION_HEADERS,
    CREATION_PROBLEMS,
    new_resolver,
    only_parameters,
    reply,
    reply_created,
    reply_done,
    reply_page,
    responses,
)
from common.api.swagger import swagger_page
from common.api.unproven import PROVE, UNPROVEN, delivery_of
from common.bridge.api import build_api
from common.clock import Deadline

bridge = build_api(os.environ)
app = new_resolver(bridge.telemetry)

# What is left for the answer itself, in seconds.
_RESERVE_SECONDS = 1.0


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one request of API Gateway (REST API, Lambda proxy integration)."""
    seconds = context.get_remaining_time_in_millis() / 1000 - _RESERVE_SECONDS
    try:
        # First of all, so that requests that are refused count too; but whoever sends a webhook has yet to prove it.
        if not (caller := caller_of(event)).startswith(WEBHOOK):
            bridge.limit.take(caller, account_of(event))
        admitted = admit(event)
        app.context.update(request=admitted, deadline=Deadline.after(bridge.clock, seconds))
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


@app.post(
    "/incidents",
    tags=["Incidents"],
    operation_id="createIncident",
    summary="Open an incident",
    responses=responses(
        201, models.Created, "The incident, always the same.", *CREATION_PROBLEMS, headers=CREATION_HEADERS
    ),
)
def create_incident(incident: models.NewIncident, key: parameters.RequiredKey) -> Response[str]:
    """Open one incident for this key, however often and by how many at once the request is sent."""
    fields = incident.model_dump(exclude_unset=True)
    made = bridge.incidents.create(_sender(key), fields, _deadline())
    return reply_created(bridge.instance_host, "incidents", "incident", made)


@app.get(
    "/incidents",
    tags=["Incidents"],
    operation_id="listIncidents",
    summary="List incidents, newest first",
    responses=responses(200, models.Records, "A page of incidents, without their long texts."),
)
def list_incidents(
    *,
    state: parameters.State = None,
    group: parameters.Group = None,
    opened_since: parameters.Since = None,
    cursor: parameters.Cursor = None,
    limit: parameters.Limit = 50,
) -> Response[str]:
    """List the incidents that this bridge opened and that meet all filters."""
    only_parameters(app, "state", "group", "opened_since", "cursor", "limit")
    search = Search(state or "", group or "", opened_since)
    page = bridge.incidents.search(search, cursor=cursor, limit=limit, deadline=_deadline())
    return reply_page([shown(record) for record in page.records], page.next_cursor)


@app.get(
    "/incidents/<incident>",
    tags=["Incidents"],
    operation_id="readIncident",
    summary="Read an incident",
    responses=responses(200, models.Record, "The incident's fields."),
)
def read_incident(incident: parameters.Incident) -> Response[str]:
    """Read an incident that this bridge opened."""
    return reply(200, bridge.incidents.read(incident, _deadline()))


@app.patch(
    "/incidents/<incident>",
    tags=["Incidents"],
    operation_id="changeIncident",
    summary="Change fields of an incident",
    responses=responses(200, models.Record, "The incident's fields as they are now.", 409, 413, 415, 504),
)
def change_incident(incident: parameters.Incident, fields: Annotated[models.RecordFields, Body()]) -> Response[str]:
    """Set the fields that are sent and leave all others alone. Repeating it is harmless."""
    return reply(200, bridge.incidents.change(_sender(None), incident, fields.root, _deadline()))


@app.post(
    "/incidents/<incident>/comments",
    tags=["Incidents"],
    operation_id="addComment",
    summary="Add a comment, which the incident's caller can read",
    responses=responses(200, models.Done, "The comment is there.", 409, 413, 415, 422, 504),
)
def add_comment(incident: parameters.Incident, note: models.Note, key: parameters.OptionalKey = None) -> Response[str]:
    """Append a comment; with a key at most once."""
    return reply_done(bridge.incidents.write_note(_sender(key), incident, "comments", note.text, _deadline()))


@app.post(
    "/incidents/<incident>/work-notes",
    tags=["Incidents"],
    operation_id="addWorkNote",
    summary="Add a work note, which only those who work on the incident can read",
    responses=responses(200, models.Done, "The work note is there.", 409, 413, 415, 422, 504),
)
def add_work_note(
    incident: parameters.Incident, note: models.Note, key: parameters.OptionalKey = None
) -> Response[str]:
    """Append a work note; with a key at most once."""
    return reply_done(bridge.incidents.write_note(_sender(key), incident, "work_notes", note.text, _deadline()))


@app.post(
    "/incidents/<incident>/resolve",
    tags=["Incidents"],
    operation_id="resolveIncident",
    summary="Resolve an incident",
    responses=responses(200, models.Record, "The incident's fields as they are now.", 409, 413, 415, 504),
)
def resolve_incident(incident: parameters.Incident, resolution: models.Resolution) -> Response[str]:
    """Resolve an incident. One that is resolved already stays as it is, so repeating it is harmless."""
    notes, code = resolution.close_notes, resolution.close_code
    return reply(200, bridge.incidents.resolve(_sender(None), incident, notes, code, _deadline()))


@app.post(
    "/incidents/<incident>/attachments",
    tags=["Incidents"],
    operation_id="attachFile",
    summary="Attach a file of up to 4 MB",
    responses=responses(200, models.Done, "The file is attached.", 409, 413, 415, 422, 504),
    openapi_extensions={
        "requestBody": {
            "required": True,
            "content": {media_type: {"schema": {"type": "string", "format": "binary"}} for media_type in MEDIA_TYPES},
        }
    },
)
def attach_file(
    incident: parameters.Incident, file_name: parameters.FileName, key: parameters.OptionalKey = None
) -> Response[str]:
    """Attach the body of the request; with a key at most once."""
    only_parameters(app, "file_name")
    request = app.context["request"]
    file = file_of(file_name, content_type(request.event), request.file)
    return reply_done(bridge.incidents.attach(_sender(key), incident, file, _deadline()))


@app.get(
    "/tables/<table>/records",
    tags=["Tables"],
    operation_id="listRecords",
    summary="List records of an allowed table, newest first",
    responses=responses(200, models.Records, "A page of records with their allowed fields."),
)
def list_records(
    table: parameters.Table, cursor: parameters.Cursor = None, limit: parameters.Limit = 50
) -> Response[str]:
    """List the records of a table."""
    only_parameters(app, "cursor", "limit")
    return reply_page(*bridge.tables.page(table, cursor=cursor, limit=limit, deadline=_deadline()))


@app.post(
    "/tables/<table>/records",
    tags=["Tables"],
    operation_id="createRecord",
    summary="Create a record of an allowed table",
    responses=responses(
        201,
        models.Created,
        "The record, always the same.",
        *CREATION_PROBLEMS,
        headers=CREATION_HEADERS,
    ),
)
def create_record(
    table: parameters.Table, fields: Annotated[models.RecordFields, Body()], key: parameters.RequiredKey
) -> Response[str]:
    """Create one record for this key, however often and by how many at once the request is sent."""
    made = bridge.tables.create(_sender(key), table, fields.root, _deadline())
    return reply_created(bridge.instance_host, "records", table, made)


@app.get(
    "/tables/<table>/records/<sys_id>",
    tags=["Tables"],
    operation_id="readRecord",
    summary="Read a record of an allowed table",
    responses=responses(200, models.Record, "The record's allowed fields."),
)
def read_record(table: parameters.Table, sys_id: parameters.SysId) -> Response[str]:
    """Read a record."""
    return reply(200, bridge.tables.read(table, sys_id, _deadline()))


@app.patch(
    "/tables/<table>/records/<sys_id>",
    tags=["Tables"],
    operation_id="changeRecord",
    summary="Change a record of an allowed table",
    responses=responses(200, models.Record, "The record's allowed fields as they are now.", 409, 413, 415, 504),
)
def change_record(
    table: parameters.Table, sys_id: parameters.SysId, fields: Annotated[models.RecordFields, Body()]
) -> Response[str]:
    """Set the fields that are sent and leave all others alone. Repeating it is harmless."""
    return reply(200, bridge.tables.change(_sender(None), table, sys_id, fields.root, _deadline()))


@app.post(
    "/alerts",
    tags=["Alerts"],
    operation_id="postAlerts",
    summary="Report that problems are there, or over",
    responses=responses(202, models.Accepted, "The alerts are in the queue.", 413, 415),
)
def post_alerts(alerts: Annotated[models.OwnAlert | models.Webhook, Body()]) -> Response[str]:
    """Take an alert, or the webhook of Alertmanager or Grafana, to the desk that opens and resolves incidents."""
    origin = Origin(_sender(None).caller, account_of(app.context["request"].event), bridge.region)
    if isinstance(alerts, models.OwnAlert):
        return _accepted(bridge.alerts.accept([alerts.alert()], origin), 0, 0)
    bridge.limit.take_more(origin.caller, origin.account, len(alerts.alerts) - 1)
    accepted = bridge.alerts.accept(alerts.understood(), origin)
    return _accepted(accepted, bridge.alerts.keep(alerts.refused(), origin), alerts.truncated_alerts)


@app.post(
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
    delivery = delivery_of(app.context["request"])
    if not bridge.webhooks.proves(source, delivery):
        raise ProblemError(Kind.FORBIDDEN, UNPROVEN, action=PROVE)
    account = account_of(app.context["request"].event)
    bridge.limit.take(_sender(None).caller, account)
    taken = bridge.webhooks.take(source, delivery, account=account)
    return _accepted(taken.accepted, taken.refused, taken.truncated)


@app.get(
    "/health",
    tags=["Health"],
    operation_id="health",
    summary="Whether the API works",
    responses=responses(200, models.HealthReport, "It works."),
)
def health(*, deep: parameters.Deep = False) -> Response[str]:
    """Answer at once, or after the doctor's checks of everything that the API depends on. They only read."""
    only_parameters(app, "deep")
    if not deep:
        return reply(200, {"status": "ok", "checks": []})
    return reply(200, bridge.health.answer_to(_sender(None).caller, bridge.check_up(_deadline())))


@app.get("/swagger", include_in_schema=False)
def swagger() -> Response[str]:
    """Show a page about this API, where the deployment wants that."""
    if not bridge.swagger_ui:
        raise ProblemError(Kind.NOT_FOUND, "This deployment shows no page about the API.")
    return swagger_page(app)


def _sender(key: str | None) -> Sender:
    if key is not None:
        app.context["idempotency_key"] = key
    return Sender(app.context["request"].caller, key)


def _deadline() -> Deadline:
    deadline: Deadline = app.context["deadline"]
    return deadline


def _accepted(accepted: int, refused: int, truncated: int) -> Response[str]:
    bridge.telemetry.count("AlertsRefused", refused)
    bridge.telemetry.count("AlertsTruncated", truncated)
    return reply(202, {"accepted": accepted, "refused": refused, "truncated": truncated})
