"""How a row is written into an answer: values, display values, references and dot-walked names."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from .messages import Json
from .records import Row, Store
from .schema import Field
from .times import shifted

type DisplayMode = Literal["false", "true", "all"]
_LABELS = {"work_notes": "Work notes", "comments": "Additional comments"}


@dataclass(frozen=True, slots=True)
class View:
    """What the caller asked for: display mode, fields (empty for all), and how links begin.

    `link_base` looks like `https://host/api/now/table`; `utc_offset` is in seconds.
    """

    link_base: str
    mode: DisplayMode = "false"
    fields: tuple[str, ...] = ()
    exclude_links: bool = False
    utc_offset: int = 0
    blank: frozenset[str] = frozenset()


def walk(store: Store, row: Row, path: str) -> tuple[Field, str, Row] | None:
    """Follow a dot-walked name.

    Return the last column, its value and its row, or None for an unknown name.
    """
    name, _, rest = path.partition(".")
    column = store.schema.fields(row["sys_class_name"]).get(name)
    if column is None:
        return None
    value = row.get(name, "")
    if not rest:
        return column, value, row
    target = store.find(column.reference, value) if column.reference in store.schema else None
    return walk(store, target, rest) if target else _walk_empty(store, column, rest)


def knows(store: Store, table: str, path: str) -> bool:
    """Tell whether a dot-walked name exists, starting from a table."""
    name, _, rest = path.partition(".")
    for member in store.schema.family(table):
        column = store.schema.fields(member).get(name)
        if column is not None:
            return not rest or (column.reference in store.schema and knows(store, column.reference, rest))
    return False


def render(store: Store, row: Row, view: View) -> dict[str, Json]:
    """Write a row; unknown names in `view.fields` are left out."""
    names: Sequence[str] = view.fields or tuple(store.schema.fields(row["sys_class_name"]))
    written: dict[str, Json] = {}
    for name in names:
        found = walk(store, row, name)
        if found is None:
            continue
        if name in view.blank:
            continue
        column, value, owner = found
        element = name.rpartition(".")[2]
        if column.kind == "journal":
            written[name] = _journal(store, owner, element, view)
        else:
            written[name] = _written(store, column, value, view)
    return written


def display_value(store: Store, column: Field, value: str, utc_offset: int = 0) -> str:
    """Return what people see for a stored value."""
    match column.kind:
        case "choice":
            return column.choices.get(value, value)
        case "datetime":
            return shifted(value, utc_offset)
        case "reference" if value and column.reference in store.schema:
            target = store.find(column.reference, value)
            return target[store.schema.display_field(column.reference)] if target else ""
        case _:
            return value


def journal_text(store: Store, row: Row, element: str, utc_offset: int = 0) -> str:
    """Return the whole history of a journal field, newest entry first."""
    entries = reversed(store.journal(row["sys_id"], element))
    label = _LABELS.get(element, element)
    return "".join(
        f"{shifted(entry['sys_created_on'], utc_offset)} - {_name(store, entry)} ({label})\n{entry['value']}\n\n"
        for entry in entries
    )


def _journal(store: Store, row: Row, element: str, view: View) -> Json:
    text = journal_text(store, row, element, view.utc_offset) if view.mode != "false" else ""
    return {"display_value": text, "value": ""} if view.mode == "all" else text


def _written(store: Store, column: Field, value: str, view: View) -> Json:
    shown = display_value(store, column, value, view.utc_offset) if view.mode != "false" else ""
    linked = column.kind == "reference" and bool(value) and not view.exclude_links
    content: dict[str, Json] = {}
    if view.mode != "false":
        content["display_value"] = shown
    if linked:
        content["link"] = f"{view.link_base}/{column.reference}/{value}"
    if view.mode != "true":
        content["value"] = value
    if view.mode == "all" or linked:
        return content
    return value if view.mode == "false" else shown


def _name(store: Store, entry: Row) -> str:
    actor = entry["sys_created_by"]
    return next((user["name"] for user in store.rows("sys_user") if user["user_name"] == actor), actor)


def _walk_empty(store: Store, column: Field, rest: str) -> tuple[Field, str, Row] | None:
    if column.reference in store.schema and knows(store, column.reference, rest):
        return Field(), "", {"sys_id": "", "sys_class_name": column.reference}
    return None
