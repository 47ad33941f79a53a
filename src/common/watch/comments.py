"""The latest comment of records that changed: one question for those that are told together."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import batched

from common.clock import Deadline
from common.errors import ConfigurationError, PermanentError
from common.servicenow.query import all_of, equals, term
from common.servicenow.records import Record, Records

TABLE = "sys_journal_field"
"""Where ServiceNow keeps the entries of journal fields; a comment of a record is none of its own columns."""

READ = ("sys_id", "element_id", "element", "value", "sys_created_by", "sys_created_on")
"""What is asked for of an entry."""

APPROVALS = "sysapproval_approver"
"""Where ServiceNow keeps who is asked about a change; what an approver writes is a comment of that row."""

READ_OF_APPROVALS = ("sys_id", "sysapproval", "state")
"""What is asked for of an approval."""

LONGEST = 4000
"""Characters of a comment that are told; an event holds ten records' at most, and may have 256 KB."""

_MOST = 200
# A value of a query has 255 characters, and seven names of 32 fit.
_TOGETHER = 7
_REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Comment:
    """What somebody wrote, who it was, and when, as ServiceNow writes times (UTC)."""

    text: str
    by: str
    at: str


class Comments:
    """Looks for comments that customers can see; work notes are not told."""

    def __init__(self, entries: Records, approvals: Records) -> None:
        """Read by `entries`, which must show what `READ` names, and `approvals` what `READ_OF_APPROVALS` names."""
        self._entries = entries
        self._approvals = approvals

    def latest(self, sys_ids: Sequence[str], deadline: Deadline) -> dict[str, Comment]:
        """Return the latest comment of each record that has one.

        Raises ConfigurationError where the integration user may not read the entries, and as `Records.find`.
        """
        found: dict[str, Comment] = {}
        for some in batched(sys_ids, _TOGETHER, strict=False):
            missing = set(some)
            # One with many comments fills an answer alone, so that the others are asked for again without it.
            while missing:
                rows = self._comments_of(sorted(missing), deadline)
                for row in rows:
                    found.setdefault(row.fields["element_id"], _comment(row))
                missing = missing - found.keys() if len(rows) == _MOST else set()
        return found

    def of_rejections(self, sys_ids: Sequence[str], deadline: Deadline) -> dict[str, Comment]:
        """Return the latest comment of those who rejected each change; none where approvals can't be read.

        Raises as `latest`.
        """
        changes: dict[str, str] = {}
        for some in batched(sys_ids, _TOGETHER, strict=False):
            query = all_of([equals("state", _REJECTED), term("sysapproval", "IN", ",".join(some))])
            try:
                rows = self._approvals.find(APPROVALS, query, deadline, limit=_MOST)
            except (ConfigurationError, PermanentError):
                return {}  # the right to read them is the only one that is not needed
            changes |= {
                row.sys_id: row.fields["sysapproval"]
                for row in rows
                if row.fields.get("state") == _REJECTED and row.fields.get("sysapproval") in some
            }
        found = self.latest(list(changes), deadline)
        oldest_first = sorted(found.items(), key=lambda item: item[1].at)
        return {changes[approval]: comment for approval, comment in oldest_first}

    def _comments_of(self, sys_ids: Sequence[str], deadline: Deadline) -> Sequence[Record]:
        """Return the newest comments of some records, the newest first."""
        query = all_of([equals("element", "comments"), term("element_id", "IN", ",".join(sys_ids))])
        rows = self._entries.find(TABLE, f"{query}^ORDERBYDESCsys_created_on", deadline, limit=_MOST)
        for row in rows:
            is_asked_for = row.fields.get("element_id") in sys_ids and row.fields.get("element") == "comments"
            if not is_asked_for or "value" not in row.fields:
                raise ConfigurationError(
                    "ServiceNow does not show comments.",
                    action="Let the integration user read element, element_id, value, sys_created_by and "
                    "sys_created_on of sys_journal_field, or switch RecordComments off.",
                    code="comments_hidden",
                )
        return rows


def _comment(row: Record) -> Comment:
    by, at = (row.fields.get(column, "") for column in ("sys_created_by", "sys_created_on"))
    return Comment(row.fields["value"][:LONGEST], by, at)
