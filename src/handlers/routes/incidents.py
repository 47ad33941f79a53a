"""Incidents: open, list, read, change, comment on, resolve, attach to."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body

from common.api import models, parameters
from common.api.admission import content_type
from common.api.files import MEDIA_TYPES, file_of
from common.api.incidents import Search, shown
from common.api.resolver import (
    CHANGE_PROBLEMS,
    KEY_PROBLEMS,
    creation_responses,
    only_parameters,
    reply,
    reply_created,
    reply_done,
    reply_page,
    responses,
)
from handlers.routes.call import in_hand, new_router

router = new_router()


@router.post(
    "/incidents",
    tags=["Incidents"],
    operation_id="createIncident",
    summary="Open an incident",
    responses=creation_responses("The incident, always the same."),
)
def create_incident(incident: models.NewIncident, key: parameters.RequiredKey) -> Response[str]:
    """Open one incident for this key, however often and by how many at once the request is sent."""
    call = in_hand()
    fields = incident.model_dump(exclude_unset=True)
    made = call.bridge.incidents.create(call.sender(key), fields, call.deadline)
    return reply_created(call.bridge.instance_host, "incidents", "incident", made)


@router.get(
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
    call = in_hand()
    only_parameters(call.request, "state", "group", "opened_since", "cursor", "limit")
    search = Search(state or "", group or "", opened_since)
    page = call.bridge.incidents.search(search, cursor=cursor, limit=limit, deadline=call.deadline)
    return reply_page([shown(record) for record in page.records], page.next_cursor)


@router.get(
    "/incidents/<incident>",
    tags=["Incidents"],
    operation_id="readIncident",
    summary="Read an incident",
    responses=responses(200, models.Record, "The incident's fields."),
)
def read_incident(incident: parameters.Incident) -> Response[str]:
    """Read an incident that this bridge opened."""
    call = in_hand()
    return reply(200, call.bridge.incidents.read(incident, call.deadline))


@router.patch(
    "/incidents/<incident>",
    tags=["Incidents"],
    operation_id="changeIncident",
    summary="Change fields of an incident",
    responses=responses(200, models.Record, "The incident's fields as they are now.", *CHANGE_PROBLEMS),
)
def change_incident(incident: parameters.Incident, fields: Annotated[models.RecordFields, Body()]) -> Response[str]:
    """Set the fields that are sent and leave all others alone. Repeating it is harmless."""
    call = in_hand()
    return reply(200, call.bridge.incidents.change(call.sender(), incident, fields.root, call.deadline))


@router.post(
    "/incidents/<incident>/comments",
    tags=["Incidents"],
    operation_id="addComment",
    summary="Add a comment, which the incident's caller can read",
    responses=responses(200, models.Done, "The comment is there.", *KEY_PROBLEMS),
)
def add_comment(incident: parameters.Incident, note: models.Note, key: parameters.OptionalKey = None) -> Response[str]:
    """Append a comment; with a key at most once."""
    return _append("comments", incident, note, key)


@router.post(
    "/incidents/<incident>/work-notes",
    tags=["Incidents"],
    operation_id="addWorkNote",
    summary="Add a work note, which only those who work on the incident can read",
    responses=responses(200, models.Done, "The work note is there.", *KEY_PROBLEMS),
)
def add_work_note(
    incident: parameters.Incident, note: models.Note, key: parameters.OptionalKey = None
) -> Response[str]:
    """Append a work note; with a key at most once."""
    return _append("work_notes", incident, note, key)


@router.post(
    "/incidents/<incident>/resolve",
    tags=["Incidents"],
    operation_id="resolveIncident",
    summary="Resolve an incident",
    responses=responses(200, models.Record, "The incident's fields as they are now.", *CHANGE_PROBLEMS),
)
def resolve_incident(incident: parameters.Incident, resolution: models.Resolution) -> Response[str]:
    """Resolve an incident. One that is resolved already stays as it is, so repeating it is harmless."""
    call = in_hand()
    notes, code = resolution.close_notes, resolution.close_code
    return reply(200, call.bridge.incidents.resolve(call.sender(), incident, notes, code, call.deadline))


@router.post(
    "/incidents/<incident>/attachments",
    tags=["Incidents"],
    operation_id="attachFile",
    summary="Attach a file of up to 4 MB",
    responses=responses(200, models.Done, "The file is attached.", *KEY_PROBLEMS),
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
    call = in_hand()
    only_parameters(call.request, "file_name")
    file = file_of(file_name, content_type(call.request.event), call.request.file)
    return reply_done(call.bridge.incidents.attach(call.sender(key), incident, file, call.deadline))


def _append(field: str, incident: str, note: models.Note, key: str | None) -> Response[str]:
    call = in_hand()
    return reply_done(call.bridge.incidents.write_note(call.sender(key), incident, field, note.text, call.deadline))
