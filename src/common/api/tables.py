"""Records of further tables that the deployer allows, with the fields that the deployer allows."""

from collections.abc import Mapping

from common.api.allow_list import AllowList
from common.api.creation import Created, Creation
from common.api.ownership import Ownership
from common.api.paging import read_page
from common.api.problems import Kind, ProblemError, harmless_to_repeat
from common.api.references import References
from common.api.requests import RequestKey, Sender
from common.clock import Deadline
from common.servicenow.records import Record, Records


class Tables:
    """What callers do with records of allowed tables."""

    def __init__(
        self,
        records: Mapping[str, Records],
        creation: Creation,
        allowed: AllowList,
        *,
        references: References,
        ownership: Ownership,
    ) -> None:
        """Use, for each allowed table, the entry of `records` that asks for its fields."""
        self._records = records
        self._creation = creation
        self._allowed = allowed
        self._references = references
        self._ownership = ownership

    def create(self, sender: Sender, table: str, fields: Mapping[str, str], deadline: Deadline) -> Created:
        """Create the record of a request, once. Raises what `Creation.create` raises, and ProblemError."""
        values = self._allowed.for_table(table, fields)
        request = RequestKey.of(sender, f"POST /tables/{table}/records", values)
        return self._creation.create(request, table, self._references.resolved(values, deadline), deadline)

    def read(self, table: str, sys_id: str, deadline: Deadline) -> dict[str, str]:
        """Return the allowed fields of a record. Raises ProblemError where there is none."""
        fields = self._allowed.table_fields(table)
        return _shown(self._one(table, sys_id, deadline), fields)

    def page(
        self, table: str, *, cursor: str | None, limit: int, deadline: Deadline
    ) -> tuple[list[dict[str, str]], str | None]:
        """Return a page of records, newest first, and the cursor of the next one."""
        fields = self._allowed.table_fields(table)
        page = read_page(self._records[table], table, (), cursor=cursor, limit=limit, deadline=deadline)
        return [_shown(record, fields) for record in page.records], page.next_cursor

    def change(
        self, sender: Sender, table: str, sys_id: str, fields: Mapping[str, str], deadline: Deadline
    ) -> dict[str, str]:
        """Set fields of a record and return it. Setting the same values again changes nothing more."""
        allowed = self._allowed.for_table(table, fields)
        self._ownership.check(sender, table, self._one(table, sys_id, deadline))
        values = self._references.resolved(allowed, deadline)
        with harmless_to_repeat():
            record = self._records[table].update(table, sys_id, values, deadline)
        return _shown(record, self._allowed.table_fields(table))

    def _one(self, table: str, sys_id: str, deadline: Deadline) -> Record:
        record = self._records[table].read(table, sys_id, deadline)
        if record is None:
            raise ProblemError(Kind.NOT_FOUND, "There is no such record.", action="Check its sys_id.")
        return record


def _shown(record: Record, fields: tuple[str, ...]) -> dict[str, str]:
    return {"sys_id": record.sys_id} | {name: record.fields[name] for name in fields if name in record.fields}
