"""Which part of the instance answers which path."""

import re
from collections.abc import Callable
from dataclasses import replace

from .attachment_api import handle_attachment
from .batch_api import handle_batch
from .change_api import handle_change
from .ci_instance_api import handle_ci_instance
from .cmdb_api import handle_identify
from .context import Context
from .event_api import handle_events
from .import_api import handle_import
from .messages import Answer, ApiError, Request, not_simulated
from .problem_api import handle_problem_move
from .stats_api import handle_stats
from .table_api import handle_table

type Handler = Callable[[Context, Request, str, list[str]], Answer]

_PATH = re.compile(r"/api/(now|global/em|sn_chg_rest|x_rhtpp_ansible)(?:/(v[12]))?/([a-z0-9_]+)((?:/[^/]*)*)")
_HANDLERS: dict[tuple[str, str], Handler] = {
    ("now", "table"): handle_table,
    ("now", "attachment"): handle_attachment,
    ("now", "stats"): handle_stats,
    ("now", "import"): handle_import,
    ("now", "identifyreconcile"): handle_identify,
    ("now", "cmdb"): handle_ci_instance,
    ("global/em", "jsonv2"): handle_events,
    ("sn_chg_rest", "change"): handle_change,
    ("x_rhtpp_ansible", "problem"): handle_problem_move,
}
_BODY_METHODS = frozenset({"POST", "PUT", "PATCH"})
_RAW_BODY = re.compile(r"/api/now/(?:v1/)?attachment/(?:file|upload)")
_ACCEPTED = frozenset({"application/json", "application/*", "*/*"})
_XML = frozenset({"application/xml", "text/xml"})
_NOT_SIMULATED = frozenset({"tinyurl", "oauth", "ui", "sp", "pa", "doc", "contact", "consumer", "account"})


def route(context: Context, request: Request) -> Answer:
    """Answer an authenticated API request. Raises ApiError for everything that is refused."""
    if request.method == "HEAD":
        return replace(route(context, replace(request, method="GET")), body=b"")
    _check_media_types(request)
    found = _PATH.fullmatch(request.path)
    if not found:
        raise ApiError(400, "Requested URI does not represent any resource")
    scope, version, resource = found[1], found[2] or "", found[3]
    if (scope, resource) == ("now", "batch"):
        return handle_batch(context, request, route)
    handler = _HANDLERS.get((scope, resource))
    if handler is None and scope == "now" and resource in _NOT_SIMULATED:
        raise not_simulated(f"The API {resource}")
    if handler is None:
        raise ApiError(400, "Requested URI does not represent any resource")
    return handler(context, request, version, [segment for segment in found[4].split("/") if segment])


def _check_media_types(request: Request) -> None:
    accept = request.headers.get("accept", "*/*").lower()
    types = {part.partition(";")[0].strip() for part in accept.split(",")}
    reads_file = request.method == "GET" and request.path.endswith("/file")
    if not reads_file and not types & _ACCEPTED and types & _XML:
        raise not_simulated("XML in an answer")
    if not reads_file and not types & _ACCEPTED:
        raise ApiError(406, "Not Acceptable", f"Accept header {accept} is not supported")
    if request.method in _BODY_METHODS and request.body and not _RAW_BODY.match(request.path):
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type in _XML:
            raise not_simulated("XML in a request")
        if not media_type:
            raise ApiError(400, "Bad Request", "The request has a body and no Content-Type")
        if media_type != "application/json":
            raise ApiError(415, "Unsupported Media Type", f"Content-Type {media_type} is not supported")
