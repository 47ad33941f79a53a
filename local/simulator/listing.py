"""Finding rows: encoded queries, plain field=value pairs, order, access rules, pages."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from .context import Context, base_url
from .display import knows, walk
from .messages import ApiError, Request
from .query import Query, matches, parse, sort_key
from .records import Row
from .times import written

DEFAULT_LIMIT = 10_000
_AGO = re.compile(r"gs\.(minutes|hours|days)Ago(?:Start|End)?\((\d+)\)")
_SECONDS = {"minutes": 60, "hours": 3600, "days": 86400}
_GENERATED = re.compile(r"gs\.dateGenerate\('([^']+)',\s*'([^']+)'\)")


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows out of `total`."""

    rows: list[Row]
    total: int
    limit: int
    offset: int


def find_page(context: Context, table: str, request: Request) -> Page:
    """Return the page of rows that the parameters of a request ask for.

    Raises ApiError 403 where a condition reads a field that the user may not read.
    """
    limit, offset = _number(request, "sysparm_limit", DEFAULT_LIMIT), _number(request, "sysparm_offset", 0)
    rows = find_rows(context, table, combined_query(request))
    page = [row for row in rows[offset : offset + limit] if row["sys_id"] not in context.switches.hidden_records]
    return Page(page, len(rows), limit, offset)


def find_rows(context: Context, table: str, encoded: str) -> list[Row]:
    """Return all rows of a table that match an encoded query, in its order."""
    store = context.store
    query = parse(encoded, lambda name: knows(store, table, name))
    if query.names() & context.blank_fields(table):
        detail = "Field(s) present in the query do not have permission to be read"
        raise ApiError(403, "Insufficient rights to query records", detail)
    if query.invalid and context.switches.returns_no_rows:
        return []
    evaluate = _evaluator(context)
    rows = [row for row in store.rows(table) if matches(query, _values(context, row), evaluate)]
    return _ordered(context, rows, query)


def combined_query(request: Request) -> str:
    """Join `sysparm_query` and the plain field=value parameters into one encoded query."""
    plain = [f"{name}={value}" for name, value in request.query if not name.startswith("sysparm_")]
    given = request.parameter("sysparm_query")
    return "^".join([*plain, given] if given else plain)


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
    return int(text) if text.isdecimal() else default


def _values(context: Context, row: Row) -> Callable[[str], str]:
    def value_of(path: str) -> str:
        found = walk(context.store, row, path)
        return found[1] if found else ""

    return value_of


def _ordered(context: Context, rows: list[Row], query: Query) -> list[Row]:
    for name, descending in reversed(query.order):
        rows.sort(key=lambda row: sort_key(_values(context, row)(name)), reverse=descending)
    return rows


def _evaluator(context: Context) -> Callable[[str], str]:
    def evaluate(script: str) -> str:
        text = script.removeprefix("javascript:").strip().rstrip(";")
        if text in {"gs.getUserID()", "gs.user_id()"}:
            return context.actor_id
        if text in {"gs.beginningOfToday()", "gs.endOfToday()"}:
            clock = "00:00:00" if "beginning" in text else "23:59:59"
            return f"{written(context.now)[:10]} {clock}"
        ago = _AGO.fullmatch(text)
        if ago:
            return written(context.now - int(ago[2]) * _SECONDS[ago[1]])
        generated = _GENERATED.fullmatch(text)
        return f"{generated[1]} {generated[2]}" if generated else ""

    return evaluate
