"""Pages of records, newest first, with a cursor that says where the next page begins.

A cursor holds the time of the last record and how many records of that very time were seen, so that records which
are created meanwhile move nothing.
"""

import base64
import binascii
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

from common.api.problems import invalid
from common.clock import Deadline
from common.errors import ConfigurationError
from common.incidents.alert import digest
from common.servicenow.query import all_of, newest_first, term
from common.servicenow.records import Record, Records

LONGEST_PAGE = 100
_TIME = "sys_created_on"
_BEGINNING = "1970-01-01 00:00:00"
_MOST_SKIPPED = 100_000
_WRITTEN_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition: its term in ServiceNow's language, and a test of each row that comes back.

    ServiceNow drops a term that it does not understand and then answers with the whole table, hence the test.
    """

    term: str
    holds: Callable[[Record], bool]


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page begins: behind the first `skip` records that are not newer than `until`."""

    until: str
    skip: int
    filters: str

    @classmethod
    def parse(cls, text: str, filters: str) -> Self:
        """Return the cursor in `text`. Raises ProblemError where it is none, or was made for other filters."""
        try:
            until, skip, bound = json.loads(base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4)))
        except (binascii.Error, ValueError, TypeError, RecursionError):
            raise invalid("The cursor is none that this API gave.", "Begin again without a cursor.") from None
        is_time = isinstance(until, str) and (not until or _WRITTEN_TIME.fullmatch(until) is not None)
        if bound != filters or not is_time or type(skip) is not int or not 0 <= skip <= _MOST_SKIPPED:
            raise invalid(
                "The cursor belongs to other filters, or was changed.", "Send the filters that it was given for."
            )
        return cls(until, skip, filters)

    def __str__(self) -> str:
        """Return the text that a caller sends back."""
        document = json.dumps([self.until, self.skip, self.filters], separators=(",", ":"))
        return base64.urlsafe_b64encode(document.encode()).decode().rstrip("=")


@dataclass(frozen=True, slots=True)
class Page:
    """Some records, and the cursor of the next page where there may be more."""

    records: list[Record]
    next_cursor: str | None


def read_page(  # noqa: PLR0913 (what, which part of it, until when)
    records: Records, table: str, filters: Sequence[Filter], *, cursor: str | None, limit: int, deadline: Deadline
) -> Page:
    """Return up to `limit` records that meet all filters. `records` must ask for sys_created_on.

    Raises ProblemError for a cursor that is none, and ConfigurationError where ServiceNow ignores a filter.
    """
    bound = digest(*(filter_.term for filter_ in filters))[:8]
    start = Cursor.parse(cursor, bound) if cursor else Cursor("", 0, bound)
    terms = [filter_.term for filter_ in filters]
    terms.append(term(_TIME, "<=", start.until) if start.until else term(_TIME, ">=", _BEGINNING))
    found = records.page(table, newest_first(all_of(terms)), deadline, limit=limit, offset=start.skip)
    if not all(filter_.holds(record) for record in found.records for filter_ in filters):
        raise ConfigurationError(
            f"ServiceNow ignores a condition of a query on {table}.",
            action="Check that the integration user may read the fields that the API filters by.",
        )
    following = _following(start, found.records, limit) if found.more else None
    return Page(found.records, None if following is None else str(following))


def _following(start: Cursor, records: Sequence[Record], limit: int) -> Cursor:
    last = records[-1].fields.get(_TIME, "") if records else ""
    # Records that access controls hide are taken out behind the limit: such a page is short, and says nothing.
    if len(records) < limit or not last or last == start.until:
        return Cursor(start.until, start.skip + limit, start.filters)
    seen = sum(record.fields.get(_TIME) == last for record in records)
    return Cursor(last, seen, start.filters)
