"""What callers name: groups, people and items in what they send, which become sys_ids, and the record they mean."""

from collections.abc import Mapping

from common.api.problems import invalid
from common.clock import Deadline
from common.servicenow.names import REFERENCES, Names
from common.servicenow.query import equals
from common.servicenow.records import SYS_ID, Record, Records


class References:
    """Resolves names. Events go on without a name that is unknown; a caller is there to correct it."""

    def __init__(self, names: Names | None) -> None:
        """Look up through `names`; without it every value is left as it is."""
        self._names = names

    def resolved(self, fields: Mapping[str, str], deadline: Deadline) -> dict[str, str]:
        """Return the fields with sys_ids instead of names.

        Raises ProblemError where nothing, or more than one record, has a name, and what `Names.resolved` raises.
        """
        named = {name: value for name, value in fields.items() if value and name in REFERENCES}
        if self._names is None or not named:
            return dict(fields)
        found = self._names.resolved(named, deadline)
        for name in named:
            if name not in found:
                raise invalid(
                    f"ServiceNow shows not exactly one record that {name} could mean.",
                    "Send its sys_id, or a name that only one record has.",
                )
        return {**fields, **found}


def record_named(records: Records, table: str, identifier: str, deadline: Deadline) -> Record | None:
    """Return the one record that has the sys_id or the number `identifier`, None where there is none, or more."""
    if SYS_ID.fullmatch(identifier):
        return records.read(table, identifier, deadline)
    rows = records.find(table, equals("number", identifier), deadline)
    # ServiceNow compares without regard to case, and drops a condition that it does not understand.
    found = [row for row in rows if row.fields.get("number") == identifier]
    return found[0] if len(found) == 1 else None
