"""Records in memory: what the desk calls, over one incident table, with troubles that a test lines up."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import override

from common.clock import Deadline
from common.errors import BridgeError, PermanentError
from common.servicenow.records import Record, Records
from tests.support.servicenow import Instance, Row


@dataclass(frozen=True, slots=True)
class Trouble:
    """What a call meets: `error` is raised, after the write was carried out where `committed` says so."""

    error: BridgeError
    committed: bool = False


class InMemoryRecords(Records):
    """Rows of one table. Each call takes the next of `troubles`; None lets it pass, a function is run before it."""

    def __init__(self, instance: Instance | None = None) -> None:
        """Start with the rows of `instance`."""
        self.instance = instance or Instance()
        self.troubles: deque[Trouble | Callable[[], None] | None] = deque()
        self.calls: list[str] = []
        self.sent: list[dict[str, str]] = []

    @property
    def rows(self) -> tuple[Row, ...]:
        """The records, oldest first."""
        return self.instance.rows

    @override
    def create(self, table: str, fields: Mapping[str, str], deadline: Deadline) -> Record:
        """Insert a row."""
        self._write(f"create {table}", self.instance.insert(fields), fields)
        return self.rows[-1].record()

    @override
    def update(self, table: str, sys_id: str, fields: Mapping[str, str], deadline: Deadline) -> Record:
        """Change a row."""
        if self.instance.row(sys_id) is None:
            self.calls.append(f"update {table}")
            raise PermanentError("There is no such record.", action="-", status=404)
        self._write(f"update {table}", self.instance.update(sys_id, fields), fields)
        row = self.instance.row(sys_id)
        assert row is not None
        return row.record()

    @override
    def read(self, table: str, sys_id: str, deadline: Deadline) -> Record | None:
        """Return a row."""
        self._meet(f"read {table}")
        row = self.instance.row(sys_id)
        return None if row is None else row.record()

    @override
    def find(self, table: str, query: str, deadline: Deadline, *, limit: int = 2) -> list[Record]:
        """Return the rows that carry a key."""
        self._meet(f"find {table}")
        rows = self.instance.matching(query)
        return [row.record() for row in rows[:limit]]

    def _write(self, call: str, after: Instance, fields: Mapping[str, str]) -> None:
        self.sent.append(dict(fields))
        trouble = self._next(call)
        if trouble is None or trouble.committed:
            self.instance = after
        if trouble is not None:
            raise trouble.error

    def _meet(self, call: str) -> None:
        trouble = self._next(call)
        if trouble is not None:
            raise trouble.error

    def _next(self, call: str) -> Trouble | None:
        self.calls.append(call)
        trouble = self.troubles.popleft() if self.troubles else None
        if callable(trouble):
            trouble()
            return None
        return trouble
