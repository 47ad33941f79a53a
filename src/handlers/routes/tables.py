"""Records of the tables that the deployment allows."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body

from common.api import models, parameters
from common.api.resolver import (
    CHANGE_PROBLEMS,
    creation_responses,
    only_parameters,
    reply,
    reply_created,
    reply_page,
    responses,
)
from handlers.routes.call import in_hand, new_router

router = new_router()


@router.get(
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
    call = in_hand()
    only_parameters(call.request, "cursor", "limit")
    return reply_page(*call.bridge.tables.page(table, cursor=cursor, limit=limit, deadline=call.deadline))


@router.post(
    "/tables/<table>/records",
    tags=["Tables"],
    operation_id="createRecord",
    summary="Create a record of an allowed table",
    responses=creation_responses("The record, always the same."),
)
def create_record(
    table: parameters.Table, fields: Annotated[models.RecordFields, Body()], key: parameters.RequiredKey
) -> Response[str]:
    """Create one record for this key, however often and by how many at once the request is sent."""
    call = in_hand()
    made = call.bridge.tables.create(call.sender(key), table, fields.root, call.deadline)
    return reply_created(call.bridge.instance_host, "records", table, made)


@router.get(
    "/tables/<table>/records/<sys_id>",
    tags=["Tables"],
    operation_id="readRecord",
    summary="Read a record of an allowed table",
    responses=responses(200, models.Record, "The record's allowed fields."),
)
def read_record(table: parameters.Table, sys_id: parameters.SysId) -> Response[str]:
    """Read a record."""
    call = in_hand()
    return reply(200, call.bridge.tables.read(table, sys_id, call.deadline))


@router.patch(
    "/tables/<table>/records/<sys_id>",
    tags=["Tables"],
    operation_id="changeRecord",
    summary="Change a record of an allowed table",
    responses=responses(200, models.Record, "The record's allowed fields as they are now.", *CHANGE_PROBLEMS),
)
def change_record(
    table: parameters.Table, sys_id: parameters.SysId, fields: Annotated[models.RecordFields, Body()]
) -> Response[str]:
    """Set the fields that are sent and leave all others alone. Repeating it is harmless."""
    call = in_hand()
    return reply(200, call.bridge.tables.change(call.sender(), table, sys_id, fields.root, call.deadline))
