"""Whether the events function can see what is being changed in ServiceNow."""

from dataclasses import dataclass

from common.checkup.report import Finding
from common.clock import Deadline
from common.incidents.change_windows import IMPLEMENT, TABLE, change_of
from common.servicenow.query import equals
from common.servicenow.records import Records

_MOST_ROWS = 50


@dataclass(frozen=True, slots=True)
class ChangeWindowCheck:
    """The check of the look-up of changes; `records` must show `CHANGE_FIELDS`."""

    records: Records
    quiets: bool

    def asked(self, deadline: Deadline) -> Finding:
        """Ask what is being implemented, and understand the rows."""
        if not self.quiets:
            return Finding("off: ChangeWindows is false")
        page = self.records.page(TABLE, equals("state", IMPLEMENT), deadline, limit=_MOST_ROWS)
        if not page.records:
            return Finding("no change is being implemented, or none is shown", observed=False)
        usable = sum(change_of(record) is not None for record in page.records)
        return Finding(f"of {len(page.records)} changes in the state Implement {usable} say what is changed, and when")
