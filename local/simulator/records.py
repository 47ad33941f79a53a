"""The rows of all tables, as text, the way a database column holds them."""

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import count

from .schema import SYSTEM_FIELDS, Field, Schema, is_integer
from .times import shifted, stored_time, written

type Row = dict[str, str]
_SYS_ID_LENGTH = 32
_READ_ONLY = frozenset(SYSTEM_FIELDS) - {"sys_tags"}


class Store:
    """Rows by table and sys_id, journal entries included. It knows column types but no access rules."""

    def __init__(self, schema: Schema, now: Callable[[], float], generator: random.Random) -> None:
        """Start empty; `now` gives epoch seconds, `generator` the sys_ids."""
        self.schema = schema
        self.files: dict[str, bytes] = {}
        self._now = now
        self._generator = generator
        self._rows: dict[str, dict[str, Row]] = {}
        self._numbers: dict[str, count[int]] = {}

    def new_sys_id(self) -> str:
        """Return 32 lower-case hexadecimal characters."""
        return f"{self._generator.getrandbits(128):032x}"

    def timestamp(self) -> str:
        """Return the present time as the instance stores it."""
        return written(self._now())

    def rows(self, table: str) -> Iterator[Row]:
        """Go through the rows of a table and of those that extend it, oldest first."""
        for member in self.schema.family(table):
            yield from self._rows.get(member, {}).values()

    def find(self, table: str, sys_id: str) -> Row | None:
        """Return the row itself, not a copy, or None."""
        for member in self.schema.family(table):
            row = self._rows.get(member, {}).get(sys_id)
            if row is not None:
                return row
        return None

    def find_by_display(self, table: str, display: str) -> Row | None:
        """Return the first row whose display value is `display`."""
        name = self.schema.display_field(table)
        return next((row for row in self.rows(table) if row.get(name) == display), None)

    def insert(self, table: str, values: Mapping[str, str], actor: str, sys_id: str = "") -> Row:
        """Insert a row with its defaults, number and times, and return it."""
        fields = self.schema.fields(table)
        row = {name: "" if column.kind == "journal" else column.default for name, column in fields.items()}
        row |= {name: values[name] for name in values if name in fields and fields[name].kind != "journal"}
        now = self.timestamp()
        row |= {"sys_id": sys_id or self.new_sys_id(), "sys_class_name": table, "sys_mod_count": "0"}
        row |= {
            "sys_created_on": now,
            "sys_updated_on": now,
            "sys_created_by": actor,
            "sys_updated_by": actor,
        }
        definition = self.schema.table(table)
        if definition.prefix:
            numbers = self._numbers.setdefault(table, count(definition.first_number))
            row["number"] = f"{definition.prefix}{next(numbers):07d}"
        if "opened_at" in fields:
            row["opened_at"] = row["opened_at"] or now
        self._rows.setdefault(table, {})[row["sys_id"]] = row
        self._write_journal(row, values, actor)
        return row

    def take(self, rows: Iterable[Row]) -> None:
        """Hold copies of rows that another store with the same tables filled in, as if they were inserted now."""
        now = self.timestamp()
        for row in rows:
            mine = row | {"sys_created_on": now, "sys_updated_on": now}
            self._rows.setdefault(row["sys_class_name"], {})[row["sys_id"]] = mine

    def update(self, row: Row, values: Mapping[str, str], actor: str) -> None:
        """Change a row in place; a write that changes nothing leaves its time and count alone."""
        fields = self.schema.fields(row["sys_class_name"])
        changes = {
            name: value
            for name, value in values.items()
            if name in fields and fields[name].kind != "journal" and row[name] != value
        }
        row |= changes
        if self._write_journal(row, values, actor) or changes:
            row |= {"sys_updated_on": self.timestamp(), "sys_updated_by": actor}
            row["sys_mod_count"] = str(int(row["sys_mod_count"]) + 1)

    def delete(self, row: Row) -> None:
        """Remove a row."""
        del self._rows[row["sys_class_name"]][row["sys_id"]]
        self.files.pop(row["sys_id"], None)

    def journal(self, sys_id: str, element: str) -> list[Row]:
        """Return the entries of a journal field, oldest first."""
        entries = self._rows.get("sys_journal_field", {}).values()
        return [entry for entry in entries if entry["element_id"] == sys_id and entry["element"] == element]

    def _write_journal(self, row: Row, values: Mapping[str, str], actor: str) -> bool:
        fields = self.schema.fields(row["sys_class_name"])
        notes = [name for name in values if name in fields and fields[name].kind == "journal" and values[name]]
        for name in notes:
            entry = {
                "name": row["sys_class_name"],
                "element": name,
                "element_id": row["sys_id"],
                "value": values[name],
            }
            self.insert("sys_journal_field", entry, actor)
        return bool(notes)


def stored_values(
    store: Store, table: str, body: Mapping[str, object], *, by_display: bool = False, utc_offset: int = 0
) -> Row:
    """Turn a JSON body into what the columns of `table` will hold.

    Unknown fields, values that the column's type can't hold and unknown choices are left out without a word,
    as ServiceNow does. With `by_display` references and choices are given the way people see them. Times are given in a
    zone that is `utc_offset` seconds ahead of UTC.
    """
    fields = store.schema.fields(table)
    values: Row = {}
    for name, content in body.items():
        column = fields.get(name)
        if column is None or name in _READ_ONLY:
            continue
        value = _stored(store, column, _text(content), by_display=by_display)
        if value is not None:
            values[name] = shifted(value, -utc_offset) if column.kind == "datetime" else value
    return values


def is_sys_id(text: str) -> bool:
    """Tell whether a text has the form of a sys_id."""
    return len(text) == _SYS_ID_LENGTH and all(character in "0123456789abcdef" for character in text)


def _text(content: object) -> str:
    if isinstance(content, dict):
        content = content.get("value", content.get("display_value"))
    if content is None or isinstance(content, list | dict):
        return ""
    if isinstance(content, bool):
        return str(content).lower()
    return str(content)


def _stored(store: Store, column: Field, text: str, *, by_display: bool) -> str | None:
    match column.kind:
        case _ if not text:
            return None if column.choices else ""
        case "boolean":
            return "true" if text.lower() in {"true", "1"} else "false"
        case "choice":
            return _choice_value(column, text, by_display=by_display)
        case "reference":
            return _reference_value(store, column, text, by_display=by_display)
        case "integer" | "datetime":
            return stored_time(text) if column.kind == "datetime" else text if is_integer(text) else None
        case _:
            return text[: column.max_length]


def _choice_value(column: Field, text: str, *, by_display: bool) -> str | None:
    if text in column.choices or not column.choices:
        return text
    if by_display:
        return next((value for value, label in column.choices.items() if label == text), None)
    return None


def _reference_value(store: Store, column: Field, text: str, *, by_display: bool) -> str | None:
    if is_sys_id(text):
        return text
    if not by_display or column.reference not in store.schema:
        return None
    row = store.find_by_display(column.reference, text)
    return None if row is None else row["sys_id"]
