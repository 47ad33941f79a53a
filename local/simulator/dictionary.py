"""The tables about tables: `sys_db_object`, `sys_dictionary` and `sys_choice`.

A row of the dictionary stands under the table that defines the column; those that extend it inherit it. A choice that
is added to `sys_choice`, changed or removed counts at once, as in ServiceNow.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from .records import Row, Store
from .schema import SYSTEM_FIELDS, Field, Table, is_integer

CHOICES = "sys_choice"
_TYPES = {
    "datetime": "glide_date_time",
    "journal": "journal_input",
    "string": "string",
    "integer": "integer",
    "boolean": "boolean",
    "reference": "reference",
}


def object_row(table: Table, identify: Callable[[str, str], str]) -> Row:
    """Return the row of a table in `sys_db_object`; `identify` gives the sys_id of another one."""
    parent = identify("sys_db_object", table.extends) if table.extends else ""
    return {"name": table.name, "label": _label(table.name), "super_class": parent}


def dictionary_rows(table: Table) -> Iterator[Row]:
    """Return the rows of the columns that a table defines itself, and one for the table as a whole."""
    yield {"name": table.name, "element": "", "internal_type": "collection", "column_label": _label(table.name)}
    columns = table.fields if table.extends else {**SYSTEM_FIELDS, **table.fields}
    for element, column in columns.items():
        yield {
            "name": table.name,
            "element": element,
            "column_label": column.label or _label(element),
            "internal_type": "GUID" if element == "sys_id" else internal_type(column),
            "max_length": str(column.max_length),
            "reference": column.reference,
            "choice": "1" if column.kind == "choice" else "0",
            "default_value": column.default,
            "display": str(element == table.display).lower(),
            "read_only": str(element in SYSTEM_FIELDS).lower(),
        }


def choice_rows(table: Table) -> Iterator[Row]:
    """Return the rows of the choices of the columns that a table defines itself."""
    for element, column in table.fields.items():
        for place, (value, label) in enumerate(column.choices.items()):
            row = {"name": table.name, "element": element, "value": value, "label": label, "language": "en"}
            yield {**row, "sequence": str(place)}


def internal_type(column: Field) -> str:
    """Return what the dictionary calls a kind of column; lists of numbers are integers with choices."""
    if column.kind != "choice":
        return _TYPES[column.kind]
    numbers = all(map(is_integer, column.choices))
    return "integer" if numbers and column.choices else "string"


def take_over_choices(store: Store, row: Mapping[str, str]) -> None:
    """Let a column have the choices that `sys_choice` lists for it now; `row` is one that was written."""
    name, element = row.get("name", ""), row.get("element", "")
    if name not in store.schema or element not in store.schema.fields(name):
        return
    table, column = store.schema.table(name), store.schema.fields(name)[element]
    if column.kind != "choice":
        return
    listed = {
        entry["value"]: entry["label"]
        for entry in store.rows(CHOICES)
        if entry["name"] == name and entry["element"] == element and entry["inactive"] != "true"
    }
    fields = {**table.fields, element: replace(column, choices=listed)}
    store.schema.declare(replace(table, fields=fields))


def _label(name: str) -> str:
    return name.replace("_", " ").capitalize()
