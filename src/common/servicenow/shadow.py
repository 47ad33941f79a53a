"""Shadow mode: records that are never written, only logged and counted, for a team that wants to watch first."""

from collections.abc import Mapping
from typing import override
from uuid import uuid4

from common.clock import Deadline
from common.masking import masking
from common.servicenow.client import Content
from common.servicenow.records import Page, Record, Records
from common.telemetry import Telemetry

_OPEN = {"number": "SHADOW", "state": "1"}


class ShadowRecords(Records):
    """Stands where `Records` stands and sends nothing. What it returns looks like the answer to the write."""

    def __init__(self, telemetry: Telemetry) -> None:
        """Report to `telemetry` what would have been written."""
        self._telemetry = telemetry

    @override
    def create(self, table: str, fields: Mapping[str, str], deadline: Deadline) -> Record:
        """Log the record that would have been opened."""
        self._report("ShadowOpened", table, fields)
        return Record(uuid4().hex, {**_OPEN, **fields})

    @override
    def update(self, table: str, sys_id: str, fields: Mapping[str, str], deadline: Deadline) -> Record:
        """Log the change that would have been made."""
        self._report("ShadowUpdated", table, fields)
        return Record(sys_id, {**_OPEN, **fields})

    @override
    def read(self, table: str, sys_id: str, deadline: Deadline) -> Record | None:
        """Return nothing: no record of a shadow exists."""
        return None

    @override
    def page(self, table: str, query: str, deadline: Deadline, *, limit: int, offset: int = 0) -> Page:
        """Return nothing: no record of a shadow exists."""
        return Page([], more=False)

    @override
    def attach(self, table: str, sys_id: str, file_name: str, content: Content, deadline: Deadline) -> Record:
        """Log the file that would have been attached."""
        size = {"file_name": file_name, "content_type": content.media_type, "size_bytes": str(len(content.data))}
        self._report("ShadowAttached", table, size)
        return Record(uuid4().hex, size)

    def _report(self, metric: str, table: str, fields: Mapping[str, str]) -> None:
        self._telemetry.count(metric)
        self._telemetry.log.info(
            "Shadow mode: this is what would be written.", table=table, fields=masking().record(fields)
        )
