"""Inserting and updating with the rules of the table. Every API that writes comes through here."""

from collections.abc import Mapping

from .approvals import follow_up
from .business_rules import enforce
from .context import Context
from .dictionary import CHOICES, take_over_choices
from .messages import ApiError
from .models import as_person, asked
from .records import Row, is_sys_id, stored_values


def insert_record(context: Context, table: str, body: Mapping[str, object], *, by_display: bool = False) -> Row:
    """Insert what a caller sent and return the new row.

    Raises ApiError 403 where an access rule, a business rule, the data policy or the uniqueness of sys_id refuses.
    """
    context.require_table(table)
    context.require(table, "insert")
    values = _allowed_values(context, table, body, by_display=by_display)
    enforce(context, table, "insert")
    values = asked(context, table, {}, values)
    row = context.store.insert(table, values, context.actor, _chosen_sys_id(context, table, body))
    _written(context, {}, row)
    return row


def update_record(context: Context, row: Row, body: Mapping[str, object], *, by_display: bool = False) -> None:
    """Change a row by what a caller sent.

    Raises ApiError 403 where an access rule, a business rule or the data policy refuses.
    """
    table = row["sys_class_name"]
    context.require(table, "update")
    enforce(context, table, "update", row)
    values = _allowed_values(context, table, body, by_display=by_display)
    _change(context, row, asked(context, table, row, values))


def delete_record(context: Context, row: Row) -> None:
    """Delete a row. Raises ApiError 403 where an access rule or a business rule refuses."""
    context.require(row["sys_class_name"], "delete")
    enforce(context, row["sys_class_name"], "delete", row)
    context.store.delete(row)
    _written(context, row, row)


def update_as_person(context: Context, row: Row, values: Mapping[str, object]) -> None:
    """Change a row as an administrator does in a form: the table's rules apply, no policy refuses it."""
    table = row["sys_class_name"]
    stored = _stored_values(context, table, values, by_display=True)
    _change(context, row, as_person(context, table, row, stored))


def _change(context: Context, row: Row, values: Row) -> None:
    before = dict(row)
    context.store.update(row, values, context.actor)
    _written(context, before, row)


def _written(context: Context, before: Mapping[str, str], row: Row) -> None:
    if row["sys_class_name"] == CHOICES:
        take_over_choices(context.store, row)
    follow_up(context, before, row)


def _stored_values(context: Context, table: str, body: Mapping[str, object], *, by_display: bool) -> Row:
    offset = context.switches.display_utc_offset if by_display else 0
    return stored_values(context.store, table, body, by_display=by_display, utc_offset=offset)


def _allowed_values(context: Context, table: str, body: Mapping[str, object], *, by_display: bool) -> Row:
    denied = context.denied_fields(table)
    values = _stored_values(context, table, body, by_display=by_display)
    return {name: value for name, value in values.items() if name not in denied}


def _chosen_sys_id(context: Context, table: str, body: Mapping[str, object]) -> str:
    chosen = str(body.get("sys_id") or "")
    if not context.switches.accept_client_sys_id or not is_sys_id(chosen):
        return ""
    if context.store.find(table, chosen) is None:
        return chosen
    if context.switches.duplicate_sys_id == "new":
        return ""
    detail = f"Error during insert of {table} - Unique Key violation detected by database (key 'PRIMARY')"
    raise ApiError(403, "Operation Failed", detail)
