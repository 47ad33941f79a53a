"""Finding rows: encoded queries, plain field=value pairs, order, access rules, pages."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from urllib.parse import quote, urlencode

from .context import Context, acl_refusal, base_url
from .display import display_value, knows, walk
from .messages import ApiError, Request, not_simulated
from .query import Query, UnsupportedQueryError, matching, parse, sort_key
from .records import Row
from .schema import is_integer
from .scripts import evaluated

DEFAULT_LIMIT = 10_000


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows out of `total`."""

    rows: list[Row]
    total: int
    limit: int
    offset: int


def find_page(context: Context, table: str, request: Request, only: Mapping[str, str] | None = None) -> Page:
    """Return the page of rows that the parameters of a request ask for, among those that hold the values of `only`.

    Raises ApiError 403 where a condition reads a field that the user may not read.
    """
    limit, offset = _number(request, "sysparm_limit", DEFAULT_LIMIT), _number(request, "sysparm_offset", 0)
    rows = requested_rows(context, table, request)
    rows = [row for row in rows if all(row[name] == value for name, value in (only or {}).items())]
    page = [row for row in rows[offset : offset + limit] if row["sys_id"] not in context.switches.hidden_records]
    return Page(page, len(rows), limit, offset)


def find_rows(context: Context, table: str, encoded: str) -> list[Row]:
    """Return all rows of a table that match an encoded query, in its order.

    Raises ApiError 501 for a term or a script that the simulator does not know.
    """
    store = context.store
    try:
        query = parse(encoded, lambda name: knows(store, table, name))
    except UnsupportedQueryError as error:
        raise not_simulated(f"The term {error} of a query") from error
    if query.names() & context.blank_fields(table):
        detail = "Field(s) present in the query do not have permission to be read"
        raise ApiError(403, "Insufficient rights to query records", detail)
    if query.invalid and context.switches.returns_no_rows:
        return []
    # A script or a relative time comes to the same for each row.
    operand = cache(partial(evaluated, context))
    is_wanted = matching(query, partial(_reader, context), operand)
    rows = [row for row in store.rows(table) if is_wanted(row)]
    return _ordered(context, rows, query)


def requested_rows(context: Context, table: str, request: Request) -> list[Row]:
    """Return all rows that a request's `sysparm_query` selects or, without one, its plain field=value parameters.

    ServiceNow's page on the Table API: the two exclude each other, and plain parameters take display values too. A
    user who may not read the table gets no row, or ApiError 403.
    """
    if not context.allowed(table, "read"):
        if context.switches.read_denied_status == 403:  # noqa: PLR2004 -- an HTTP status
            raise acl_refusal("read")
        return []
    given = request.parameter("sysparm_query")
    plain = [] if given else [pair for pair in request.query if not pair[0].startswith("sysparm_")]
    rows = find_rows(context, table, given or "^".join(f"{name}ANYTHING" for name, _ in plain))
    return [row for row in rows if all(_is(context, row, name, value) for name, value in plain)]


def _is(context: Context, row: Row, path: str, wanted: str) -> bool:
    found = walk(context.store, row, path)
    if found is None:
        return True
    column, value, _ = found
    return wanted.lower() in {value.lower(), display_value(context.store, column, value).lower()}


def link_header(request: Request, page: Page) -> str:
    """Return the `Link` header of a page: first, prev, next, last; no spaces, no `next` on the last page."""
    last = max((page.total - 1) // page.limit * page.limit, 0) if page.limit else 0
    offsets = {"first": 0}
    if page.offset > 0:
        offsets["prev"] = max(page.offset - page.limit, 0)
    if page.offset + page.limit < page.total:
        offsets["next"] = page.offset + page.limit
    offsets["last"] = last
    return ",".join(f'<{_page_url(request, page.limit, offset)}>;rel="{name}"' for name, offset in offsets.items())


def _page_url(request: Request, limit: int, offset: int) -> str:
    kept = [pair for pair in request.query if pair[0] not in {"sysparm_limit", "sysparm_offset"}]
    pairs = [*kept, ("sysparm_limit", str(limit)), ("sysparm_offset", str(offset))]
    return f"{base_url(request)}{quote(request.path)}?{urlencode(pairs)}"


def _number(request: Request, name: str, default: int) -> int:
    text = request.parameter(name)
    return int(text) if is_integer(text) and not text.startswith("-") else default


def _reader(context: Context, path: str) -> Callable[[Row], str]:
    """Return what reads the value of a name from a row, empty where its table has no such column."""
    store = context.store
    if "." not in path:
        fields = store.schema.fields
        return lambda row: row.get(path, "") if path in fields(row["sys_class_name"]) else ""

    def walked(row: Row) -> str:
        found = walk(store, row, path)
        return found[1] if found else ""

    return walked


def _ordered(context: Context, rows: list[Row], query: Query) -> list[Row]:
    for name, descending in reversed(query.order):
        read = _reader(context, name)
        rows.sort(key=lambda row: sort_key(read(row)), reverse=descending)
    return rows
