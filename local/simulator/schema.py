"""The tables that the instance knows: their fields, types, choices and references."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, cast, get_args

type Kind = Literal["string", "integer", "boolean", "datetime", "reference", "journal", "choice"]
_KINDS = frozenset(get_args(Kind.__value__))
_LONG = 4000
_LONGEST_INTEGER = 19


@dataclass(frozen=True, slots=True)
class Field:
    """One column: its kind, the table that it refers to, its choices (value to label), its default."""

    kind: Kind = "string"
    reference: str = ""
    choices: Mapping[str, str] = field(default_factory=dict)
    default: str = ""
    max_length: int = _LONG
    label: str = ""


@dataclass(frozen=True, slots=True)
class Transform:
    """What becomes of rows in a staging table: `fields` maps its fields to those of `target`.

    A row whose `coalesce` field (of the target) is known already updates that record.
    """

    name: str
    target: str
    fields: Mapping[str, str]
    coalesce: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """One table: `display` names the field that stands for a record, `prefix` begins its numbers."""

    name: str
    fields: Mapping[str, Field]
    display: str = "sys_id"
    prefix: str = ""
    first_number: int = 10001
    extends: str = ""
    views: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    transform: Transform | None = None


def string(max_length: int = _LONG, label: str = "") -> Field:
    """Describe a text column; longer values are cut."""
    return Field("string", max_length=max_length, label=label)


def reference(table: str) -> Field:
    """Describe a column that holds the sys_id of a record."""
    return Field("reference", reference=table)


def choice(choices: Mapping[str, str], default: str = "", label: str = "") -> Field:
    """Describe a column with a list of allowed values."""
    return Field("choice", choices=choices, default=default, label=label)


INTEGER = Field("integer", default="0")
BOOLEAN = Field("boolean", default="false")
DATETIME = Field("datetime")
JOURNAL = Field("journal")

SYSTEM_FIELDS: Mapping[str, Field] = {
    "sys_id": string(32),
    "sys_class_name": string(80),
    "sys_created_on": DATETIME,
    "sys_created_by": string(40),
    "sys_updated_on": DATETIME,
    "sys_updated_by": string(40),
    "sys_mod_count": INTEGER,
    "sys_tags": string(),
}


class Schema:
    """All declared tables, with inheritance: reading a table also reads those that extend it."""

    def __init__(self, tables: Mapping[str, Table]) -> None:
        """Start from a set of tables."""
        self._tables = dict(tables)
        self._fields: dict[str, dict[str, Field]] = {}

    def declare(self, table: Table) -> None:
        """Add a table or replace one."""
        self._tables[table.name] = table
        self._fields.clear()

    def __contains__(self, name: str) -> bool:
        """Tell whether a table exists."""
        return name in self._tables

    def __iter__(self) -> Iterator[Table]:
        """Go through all tables."""
        return iter(tuple(self._tables.values()))

    def table(self, name: str) -> Table:
        """Return a table; raises KeyError if it was never declared."""
        return self._tables[name]

    def fields(self, name: str) -> Mapping[str, Field]:
        """Return every column of a table, inherited and system columns included."""
        if name not in self._fields:
            table = self._tables[name]
            inherited = self.fields(table.extends) if table.extends else SYSTEM_FIELDS
            self._fields[name] = {**inherited, **table.fields}
        return self._fields[name]

    def family(self, name: str) -> list[str]:
        """Return a table's name and the names of all tables that extend it."""
        children = [table.name for table in self._tables.values() if table.extends == name]
        return [name, *(member for child in children for member in self.family(child))]

    def display_field(self, name: str) -> str:
        """Return the field whose value stands for a record in a reference."""
        table = self._tables[name]
        if table.display == "sys_id" and table.extends:
            return self.display_field(table.extends)
        return table.display


def is_integer(text: str) -> bool:
    """Tell whether a column of integers can hold a text; no one holds more digits than 18."""
    return text.removeprefix("-").isdecimal() and len(text) <= _LONGEST_INTEGER


def field_of(description: Field | str) -> Field:
    """Turn `"string"`, `"integer"` or `"reference:sys_user"` into a column.

    Raises ValueError for other kinds.
    """
    if isinstance(description, Field):
        return description
    kind, _, target = description.partition(":")
    if kind not in _KINDS:
        message = f"unknown kind of field {kind!r}: use one of {', '.join(sorted(_KINDS))}"
        raise ValueError(message)
    return Field(cast("Kind", kind), reference=target)
