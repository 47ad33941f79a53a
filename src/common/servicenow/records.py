"""Create, read, update and find records of a table (Table API, version 2)."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from http import HTTPStatus
from types import MappingProxyType
from typing import Any
from urllib.parse import quote, urlencode

from common.clock import Deadline
from common.errors import AmbiguousError, PermanentError, TransientError
from common.masking import masking
from common.servicenow.client import Answer, Content, ServiceNowClient
from common.servicenow.kept import comparable, ignored

SYS_ID = re.compile(r"[0-9a-f]{32}")
_TABLE = re.compile(r"[a-z][a-z0-9_]{0,79}")
_NOTHING: Mapping[str, str] = MappingProxyType({})
_SHAPE = "Nothing is to be done unless it stays; then look for a scripted change of the Table API's answers."


@dataclass(frozen=True, slots=True)
class Record:
    """A row. `fields` holds the fields that were asked for as strings; times are UTC, references are sys_ids.

    `ignored` names the fields of a write that came back as something else than what was sent.
    """

    sys_id: str
    fields: Mapping[str, str] = field(default_factory=dict)
    transaction_id: str = ""
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """Some of the rows that match a query. A page may be short, even empty, although there are `more` behind it."""

    records: list[Record]
    more: bool


def page_of(host: str, table: str, sys_id: str) -> str:
    """Return the address at which people see a record of the instance `host`."""
    return f"https://{host}/nav_to.do?uri={table}.do%3Fsys_id%3D{sys_id}"


class Records:
    """The rows of tables. Which fields come back is fixed once, so that answers stay small."""

    _masks = False

    def __init__(self, client: ServiceNowClient, fields: Sequence[str], *, masks: bool = False) -> None:
        """Call through `client`; every answer holds `fields`, which must include sys_id.

        With `masks` what is written is masked as src/masking.toml says; files that are attached are not.
        """
        self._masks = masks
        self._client = client
        self._fields = tuple(fields)
        self._shown = self._showing(())

    def create(self, table: str, fields: Mapping[str, str], deadline: Deadline) -> Record:
        """Insert a row and return it. Never repeated once it may have been carried out.

        Raises what `ServiceNowClient.call` raises; a 403 may follow an insert that succeeded (KB2697679).
        """
        fields = self.as_written(fields)
        target = f"/api/now/v2/table/{_name(table)}?{self._showing(comparable(fields))}"
        return _written(self._client.call("POST", target, fields=fields, deadline=deadline), sent=fields)

    def as_written(self, fields: Mapping[str, str]) -> dict[str, str]:
        """Return fields the way they are written. Doing it twice is doing it once."""
        return masking().written(fields) if self._masks else dict(fields)

    def resolved(self, fields: Mapping[str, str], deadline: Deadline) -> dict[str, str]:  # noqa: ARG002 (of targets)
        """Return the fields as a row holds them, without the empty ones."""
        return {name: value for name, value in fields.items() if value}

    def read(self, table: str, sys_id: str, deadline: Deadline) -> Record | None:
        """Return one row, or None where there is none (or where access controls hide it)."""
        try:
            answer = self._client.call("GET", self._one(table, sys_id), deadline=deadline)
        except PermanentError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None  # a table or an address that is not there is a HeldError
            raise
        record = _record(answer.result, answer)
        if record is None or record.sys_id != sys_id:
            raise TransientError("ServiceNow answered a read with something that is not the record.", action=_SHAPE)
        return record

    def update(self, table: str, sys_id: str, fields: Mapping[str, str], deadline: Deadline) -> Record:
        """Change fields of a row and return it. Journal fields append, so this is not repeated blindly either."""
        fields = self.as_written(fields)
        target = f"/api/now/v2/table/{_name(table)}/{checked_sys_id(sys_id)}?{self._showing(comparable(fields))}"
        answer = self._client.call("PATCH", target, fields=fields, deadline=deadline)
        return _written(answer, sys_id, sent=fields)

    def find(self, table: str, query: str, deadline: Deadline, *, limit: int = 2) -> list[Record]:
        """Return up to `limit` rows that match an encoded query made by `common.servicenow.query`.

        ServiceNow drops a term that it does not understand, so compare the rows' own fields before you trust them.
        """
        return self.page(table, query, deadline, limit=limit).records

    def page(self, table: str, query: str, deadline: Deadline, *, limit: int, offset: int = 0) -> Page:
        """Do what `find` does, from row `offset` on, and tell whether there are more rows."""
        asked = {"sysparm_query": query, "sysparm_limit": str(limit)}
        if offset:
            asked["sysparm_offset"] = str(offset)
        target = f"/api/now/v2/table/{_name(table)}?{self._shown}&{urlencode(asked)}"
        answer = self._client.call("GET", target, deadline=deadline)
        rows = answer.result if isinstance(answer.result, list) else [None]
        records = [_record(row, answer) for row in rows]
        found = [record for record in records if record is not None]
        if len(found) != len(records):
            raise TransientError("ServiceNow answered a query with something that is no list.", action=_SHAPE)
        return Page(found, 'rel="next"' in answer.headers.get("Link", ""))

    def attach(self, table: str, sys_id: str, file_name: str, content: Content, deadline: Deadline) -> Record:
        """Attach a file to a row and return the row of the attachment (Attachment API). Repeating attaches it twice."""
        named = {"table_name": _name(table), "table_sys_id": checked_sys_id(sys_id), "file_name": file_name}
        target = f"/api/now/attachment/file?{urlencode(named)}"
        return _written(self._client.call("POST", target, content=content, deadline=deadline))

    def _showing(self, more: Iterable[str]) -> str:
        return _showing(tuple(dict.fromkeys((*self._fields, *more))))

    def _one(self, table: str, sys_id: str) -> str:
        return f"/api/now/v2/table/{_name(table)}/{checked_sys_id(sys_id)}?{self._shown}"


@lru_cache(maxsize=256)
def _showing(names: tuple[str, ...]) -> str:
    return urlencode({"sysparm_exclude_reference_link": "true", "sysparm_fields": ",".join(names)})


def checked_sys_id(sys_id: str) -> str:
    """Return a sys_id. Raises PermanentError, with the status 400, where it is none."""
    if not SYS_ID.fullmatch(sys_id):
        raise PermanentError(
            f"{sys_id[:40]!r} is no sys_id.", action="Use 32 lower-case hexadecimal digits.", status=400
        )
    return sys_id


@lru_cache(maxsize=64)
def _name(table: str) -> str:
    if not _TABLE.fullmatch(table):
        raise PermanentError(
            f"{table[:80]!r} is no table name.", action="Use lower-case letters, digits and _.", status=400
        )
    return quote(table)


def _record(row: Any, answer: Answer, sent: Mapping[str, str] = _NOTHING) -> Record | None:  # noqa: ANN401 (any JSON value)
    if not isinstance(row, dict) or not isinstance(row.get("sys_id"), str) or not SYS_ID.fullmatch(row["sys_id"]):
        return None
    fields = {name: value for name, value in row.items() if isinstance(value, str)}
    return Record(row["sys_id"], fields, answer.headers.get("X-Transaction-ID", ""), ignored(sent, fields))


def _written(answer: Answer, sys_id: str | None = None, *, sent: Mapping[str, str] = _NOTHING) -> Record:
    record = _record(answer.result, answer, sent)
    if record is None or sys_id not in (None, record.sys_id):
        raise AmbiguousError(
            "ServiceNow answered a write with something that is not the record.",
            action="The bridge looks whether the write was carried out. " + _SHAPE,
        )
    return record
