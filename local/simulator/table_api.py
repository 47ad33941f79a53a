"""The Table API: `/api/now[/v1|/v2]/table/{table}[/{sys_id}]`."""

from typing import cast

from .context import NO_RECORD, Context, base_url
from .display import DisplayMode, View, render
from .listing import find_page, link_header
from .messages import Answer, ApiError, Json, Request, decode_first, decode_object, json_answer
from .records import Row
from .writes import delete_record, insert_record, update_record


def handle_table(context: Context, request: Request, version: str, rest: list[str]) -> Answer:
    """Answer a request for a table or a record.

    `version` is `""`, `v1` or `v2`, `rest` the path behind `table`.
    """
    if not rest or len(rest) > 2:  # noqa: PLR2004 -- table and sys_id
        raise ApiError(400, "Requested URI does not represent any resource")
    table, sys_id = rest[0], rest[1] if len(rest) > 1 else ""
    context.require_table(table)
    match request.method, bool(sys_id):
        case "GET", False:
            return _list(context, request, version, table)
        case "POST", False:
            return _insert(context, request, version, table)
        case "GET", True:
            row = context.record(table, sys_id, reads=True)
            return json_answer(200, {"result": render(context.store, row, view_of(context, request, version, table))})
        case (("PUT" | "PATCH"), True):
            return _update(context, request, version, context.record(table, sys_id))
        case "DELETE", True:
            delete_record(context, context.record(table, sys_id))
            return Answer(204, wrote=True)
        case _:
            raise ApiError(405, "Method not supported", f"{request.method} is not supported here")


def view_of(context: Context, request: Request, version: str, table: str) -> View:
    """Read the parameters that say how records are written."""
    mode = request.parameter("sysparm_display_value", "false").lower()
    names = [name.strip() for name in request.parameter("sysparm_fields").split(",")]
    fields = tuple(dict.fromkeys(name for name in names if name))
    if not fields:
        fields = context.store.schema.table(table).views.get(request.parameter("sysparm_view"), ())
    return View(
        link_base=f"{base_url(request)}/api/now/{version + '/' if version else ''}table",
        mode=cast("DisplayMode", mode if mode in {"true", "all"} else "false"),
        fields=fields,
        exclude_links=request.flag("sysparm_exclude_reference_link"),
        utc_offset=context.switches.display_utc_offset,
        blank=context.blank_fields(table),
    )


def _list(context: Context, request: Request, version: str, table: str) -> Answer:
    page = find_page(context, table, request)
    if not page.rows and version == "v1":
        raise ApiError(404, *NO_RECORD)
    view = view_of(context, request, version, table)
    content: list[Json] = [render(context.store, row, view) for row in page.rows]
    headers: dict[str, str] = {}
    if not request.flag("sysparm_suppress_pagination_header"):
        headers["Link"] = link_header(request, page)
    if not request.flag("sysparm_no_count"):
        headers["X-Total-Count"] = str(page.total)
    return json_answer(200, {"result": content}, headers)


def _insert(context: Context, request: Request, version: str, table: str) -> Answer:
    by_display = request.flag("sysparm_input_display_value")
    row = insert_record(context, table, decode_first(request.body), by_display=by_display)
    path = request.path.rstrip("/")
    location = {"Location": f"{base_url(request)}{path}/{row['sys_id']}"}
    if request.headers.get("x-no-response-body", "").lower() == "true":
        return Answer(201, headers=location, wrote=True)
    content = render(context.store, row, view_of(context, request, version, table))
    return json_answer(201, {"result": content}, location, wrote=True)


def _update(context: Context, request: Request, version: str, row: Row) -> Answer:
    by_display = request.flag("sysparm_input_display_value")
    update_record(context, row, decode_object(request.body), by_display=by_display)
    if request.headers.get("x-no-response-body", "").lower() == "true":
        return Answer(204, wrote=True)
    content = render(context.store, row, view_of(context, request, version, row["sys_class_name"]))
    return json_answer(200, {"result": content}, wrote=True)
