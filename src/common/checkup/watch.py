"""Whether the watch can see what changes in ServiceNow."""

from collections.abc import Sequence
from dataclasses import dataclass

from common.checkup.report import Finding
from common.clock import Clock, Deadline
from common.incidents.item import deployment_prefix
from common.servicenow.records import Records
from common.watch.decide import checked, query

_DAY = 86_400
_MOST_ROWS = 100


@dataclass(frozen=True, slots=True)
class WatchCheck:
    """The check of the query that the watch asks, of each table; `records` must show `common.watch.decide.READ`."""

    records: Records
    deployment: str
    tables: Sequence[str]
    clock: Clock
    watches: bool

    def asked(self, deadline: Deadline) -> Finding:
        """Ask what changed within a day, and hold the rows against the question."""
        if not self.watches:
            return Finding("off: WatchSchedule is empty")
        prefix, since = deployment_prefix(self.deployment), self.clock.now() - _DAY
        seen = 0
        for table in self.tables:
            page = self.records.page(table, query(prefix, _DAY // 60), deadline, limit=_MOST_ROWS)
            seen += len(checked(page.records, prefix=prefix, after="", since=since))
        where = ", ".join(self.tables)
        if not seen:
            return Finding(f"none of our records in {where} changed within a day, or none is shown", observed=False)
        return Finding(f"those of {where} are seen, with who changed them")
