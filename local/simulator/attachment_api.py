"""The Attachment API: `/api/now/attachment`."""

import hashlib
from collections.abc import Mapping
from email import message_from_bytes
from email.policy import HTTP

from .context import Context, base_url
from .display import render
from .listing import find_page
from .messages import Answer, ApiError, Request, json_answer
from .table_api import view_of
from .writes import delete_record

_TABLE = "sys_attachment"
_REQUIRED = ("table_name", "table_sys_id", "file_name")


def handle_attachment(context: Context, request: Request, version: str, rest: list[str]) -> Answer:
    """Answer a request for attachments; `rest` is the path behind `attachment`."""
    match request.method, rest:
        case "GET", []:
            view = view_of(context, request, version, _TABLE)
            page = find_page(context, _TABLE, request)
            content = [render(context.store, row, view) for row in page.rows]
            return json_answer(200, {"result": content}, {"X-Total-Count": str(page.total)})
        case "POST", ["file"]:
            content_type = request.headers.get("content-type") or "application/octet-stream"
            return _attach(context, request, version, dict(request.query), (content_type, request.body))
        case "POST", ["upload"]:
            return _attach(context, request, version, *_form(request))
        case "GET", [sys_id]:
            row = context.record(_TABLE, sys_id, reads=True)
            content_of = render(context.store, row, view_of(context, request, version, _TABLE))
            return json_answer(200, {"result": content_of})
        case "GET", [sys_id, "file"]:
            row = context.record(_TABLE, sys_id, reads=True)
            return Answer(200, context.store.files.get(sys_id, b""), content_type=row["content_type"])
        case "DELETE", [sys_id]:
            delete_record(context, context.record(_TABLE, sys_id))
            return Answer(204, wrote=True)
        case _:
            raise ApiError(400, "Requested URI does not represent any resource")


def _attach(
    context: Context, request: Request, version: str, parameters: Mapping[str, str], file: tuple[str, bytes]
) -> Answer:
    missing = [name for name in _REQUIRED if not parameters.get(name)]
    if missing:
        raise ApiError(400, "Bad Request", f"Missing parameters: {', '.join(missing)}")
    table, sys_id = parameters["table_name"], parameters["table_sys_id"]
    context.require_table(table)
    context.require(_TABLE, "insert")
    context.record(table, sys_id)
    content_type, body = file
    values = {name: parameters[name] for name in _REQUIRED}
    values |= {"content_type": content_type, "size_bytes": str(len(body)), "hash": hashlib.sha256(body).hexdigest()}
    row = context.store.insert(_TABLE, values, context.actor)
    row["download_link"] = f"{base_url(request)}/api/now/attachment/{row['sys_id']}/file"
    context.store.files[row["sys_id"]] = body
    content = render(context.store, row, view_of(context, request, version, _TABLE))
    location = f"{base_url(request)}/api/now/attachment/{row['sys_id']}"
    return json_answer(201, {"result": content}, {"Location": location}, wrote=True)


def _form(request: Request) -> tuple[dict[str, str], tuple[str, bytes]]:
    """Read the parts of a form (RFC 7578): the parameters, and type and content of the file, whose name counts too."""
    head = f"Content-Type: {request.headers.get('content-type', '')}\r\n\r\n".encode()
    parameters: dict[str, str] = {}
    file = ("application/octet-stream", b"")
    for part in message_from_bytes(head + request.body, policy=HTTP).walk():
        content = part.get_payload(decode=True)
        if not isinstance(content, bytes):
            continue
        if part.get_filename():
            parameters["file_name"] = str(part.get_filename())
            file = (part.get_content_type(), content)
        else:
            name = str(part.get_param("name", "", "content-disposition"))
            parameters[name] = content.decode("utf-8", "replace")
    return parameters, file
