"""Encoded queries that cannot be injected into.

ServiceNow documents no escape for `^`, runs values that begin with `javascript:`, and drops a term whose field it
does not know. So values that could change the meaning of a query are refused here, and whoever reads the answer
compares the returned record's own key.
"""

import re
from collections.abc import Iterable

from common.errors import PermanentError

_FIELD = re.compile(r"[a-z][a-z0-9_]{0,79}(\.[a-z][a-z0-9_]{0,79}){0,3}")
_OPERATORS = frozenset({"=", "!=", ">", ">=", "<", "<=", "STARTSWITH", "IN", "LIKE"})
# What an operator and the beginning of a value could be taken for together.
_LONGER_OPERATORS = (">=", "<=", "INSTANCEOF")
_LONGEST_VALUE = 255


def term(field: str, operator: str, value: str) -> str:
    """Return one condition, such as `number=INC0010001`.

    Raises PermanentError where the field is no field name, the operator is not supported, or the value holds
    something that ServiceNow would read as more than a value.
    """
    if not _FIELD.fullmatch(field):
        raise PermanentError(f"{field[:80]!r} is no field name.", action="Use lower-case letters, digits and _.")
    if operator not in _OPERATORS:
        raise PermanentError(
            f"The operator {operator[:20]!r} is not supported.", action=f"Use one of {sorted(_OPERATORS)}."
        )
    if not value or len(value) > _LONGEST_VALUE or "^" in value or not value.isprintable():
        raise PermanentError(
            f"The value for {field} cannot be used in a query.",
            action=f"Send 1 to {_LONGEST_VALUE} printable characters without ^.",
        )
    if "javascript:" in value.lower():
        raise PermanentError(f"The value for {field} could be run as a script.", action="Leave out javascript:.")
    if any(longer != operator and f"{operator}{value}".startswith(longer) for longer in _LONGER_OPERATORS):
        raise PermanentError(
            f"The value for {field} would change the operator {operator}.", action="Begin it with something else."
        )
    return f"{field}{operator}{value}"


def equals(field: str, value: str) -> str:
    """Return the condition that `field` has exactly this value. Raises PermanentError as `term` does."""
    return term(field, "=", value)


def changed_within(minutes: int) -> str:
    """Return the condition that a record changed in the last so many minutes, by the instance's own clock.

    No time is written out, because in which time zone one would be read is not certain, and clocks differ.
    """
    return f"sys_updated_onRELATIVEGE@minute@ago@{minutes}"


def all_of(terms: Iterable[str], *, order_by: str | None = None) -> str:
    """Return the conjunction of terms made by `term`, sorted by a field when one is named.

    Raises PermanentError where there is no term at all: that would be every record of a table.
    """
    query = "^".join(terms)
    if not query:
        raise PermanentError("A query needs at least one condition.", action="Say which records are meant.")
    if order_by is None:
        return query
    if not _FIELD.fullmatch(order_by):
        raise PermanentError(f"{order_by[:80]!r} is no field name.", action="Use lower-case letters, digits and _.")
    return f"{query}^ORDERBY{order_by}"


def any_of(terms: Iterable[str]) -> str:
    """Return the alternative of terms made by `term`. Raises PermanentError where there is no term at all."""
    return all_of(["^OR".join(terms)])


def newest_first(query: str) -> str:
    """Return a query whose rows come in a fixed order: the newest first, and by sys_id where times are equal."""
    return f"{query}^ORDERBYDESCsys_created_on^ORDERBYsys_id"
