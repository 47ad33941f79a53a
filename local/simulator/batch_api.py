"""The Batch API: several requests in one, `POST /api/now/v1/batch`."""

import base64
from collections.abc import Callable, Mapping
from typing import Any

from .context import Context
from .messages import Answer, ApiError, Request, decode_object, error_answer, json_answer, objects_in
from .wire import reason

_LARGEST_ITEM = 5 * 1024 * 1024
_EXECUTION_TIME = 8

type Dispatch = Callable[[Context, Request], Answer]


def handle_batch(context: Context, request: Request, dispatch: Dispatch) -> Answer:
    """Run each item through `dispatch`; an item may fail alone, items over the quota come back unserviced."""
    if request.method != "POST":
        raise ApiError(405, "Method not supported", "The batch API takes POST")
    body = decode_object(request.body)
    items = body.get("rest_requests")
    requests = objects_in(items)
    if not isinstance(items, list) or len(requests) < len(items):
        raise ApiError(400, "Exception while reading request", "rest_requests is not a list of objects")
    limit = context.switches.batch_limit
    serviced, wrote = [], False
    for item in requests[:limit]:
        answer = _run(context, request, item, dispatch)
        wrote = wrote or answer.wrote
        serviced.append(_serviced(item, answer))
    unserviced = [] if limit is None else [str(item.get("id", "")) for item in requests[limit:]]
    content = {
        "batch_request_id": str(body.get("batch_request_id", "")),
        "serviced_requests": serviced,
        "unserviced_requests": unserviced,
    }
    return json_answer(200, content, wrote=wrote)


def _run(context: Context, request: Request, item: Mapping[str, Any], dispatch: Dispatch) -> Answer:
    try:
        return dispatch(context, _item_request(request, item))
    except ApiError as error:
        return error_answer(error)


def _item_request(request: Request, item: Mapping[str, Any]) -> Request:
    url = str(item.get("url", ""))
    if not url.startswith("/api/") or "/batch" in url:
        raise ApiError(400, "Requested URI does not represent any resource")
    try:
        body = base64.b64decode(str(item.get("body") or ""), validate=True)
    except ValueError as error:
        raise ApiError(400, "Exception while reading request", "The body of an item is not base64") from error
    if len(body) > _LARGEST_ITEM:
        raise ApiError(413, "Request Entity Too Large", f"An item is larger than {_LARGEST_ITEM} bytes")
    headers = {str(header.get("name")): str(header.get("value")) for header in objects_in(item.get("headers"))}
    return Request.of(str(item.get("method", "GET")), url, headers, body, request.host)


def _serviced(item: Mapping[str, Any], answer: Answer) -> dict[str, Any]:
    serviced: dict[str, Any] = {
        "id": str(item.get("id", "")),
        "body": base64.b64encode(answer.body).decode(),
        "status_code": answer.status,
        "status_text": reason(answer.status),
        "execution_time": _EXECUTION_TIME,
    }
    if item.get("exclude_response_headers") is not True:
        headers = {"Content-Type": answer.content_type, **answer.headers}
        serviced["headers"] = [{"name": name, "value": value} for name, value in headers.items()]
    return serviced
