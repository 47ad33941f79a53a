"""Names of groups, people and items in what callers send, which become sys_ids."""

from collections.abc import Mapping

from common.api.problems import invalid
from common.clock import Deadline
from common.servicenow.names import REFERENCES, Names


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
