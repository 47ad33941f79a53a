"""What callers may read and write. Everything that is not listed does not exist for them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from common.api.problems import Kind, ProblemError, invalid
from common.incidents.fields import LENGTHS, OTHER_FIELDS, inert_fields, writable_names

READ_ALWAYS = (
    "sys_id",
    "number",
    "state",
    "active",
    "short_description",
    "priority",
    "impact",
    "urgency",
    "assignment_group",
    "opened_at",
    "resolved_at",
    "closed_at",
    "close_code",
    "sys_created_on",
    "sys_updated_on",
)
"""The fields of an incident that every caller sees."""

LONG_TEXTS = ("description", "close_notes")
"""The fields that one incident shows and a page of incidents does not, so that a page stays small."""


@dataclass(frozen=True, slots=True)
class AllowList:
    """The fields of incidents that callers may write, which incidents they see, and further tables by name."""

    incident_fields: frozenset[str]
    all_incidents: bool = False
    tables: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def table_fields(self, table: str) -> tuple[str, ...]:
        """Return the fields of an allowed table. Raises ProblemError for any other."""
        fields = self.tables.get(table)
        if fields is None:
            raise ProblemError(
                Kind.FORBIDDEN,
                "This deployment does not let callers use this table.",
                action="Ask its operators to add the table to the parameter ApiTables.",
            )
        return fields

    def for_incident(self, fields: Mapping[str, str]) -> dict[str, str]:
        """Return fields to write into an incident, made inert. Raises ProblemError for one that may not be written."""
        return _writable(fields, self.incident_fields, "ApiIncidentFields")

    def for_table(self, table: str, fields: Mapping[str, str]) -> dict[str, str]:
        """Return fields to write into a record of a table, made inert. Raises ProblemError as the other two do."""
        return _writable(fields, frozenset(self.table_fields(table)), "ApiTables")


def _writable(fields: Mapping[str, str], allowed: frozenset[str], parameter: str) -> dict[str, str]:
    writable = writable_names(allowed)
    if refused := sorted(fields.keys() - writable):
        listed = ", ".join(repr(name[:80]) for name in refused[:5])
        raise invalid(
            f"These fields may not be written: {listed}.",
            f"Send only {', '.join(sorted(writable))}, or ask the operators to add to the parameter {parameter}.",
        )
    for name, value in fields.items():
        longest = LENGTHS.get(name, OTHER_FIELDS)
        if len(value) > longest:
            raise invalid(f"The field {name} is longer than {longest} characters.", "Shorten it.")
    # An empty value clears the field.
    return dict.fromkeys(fields, "") | inert_fields(fields)
