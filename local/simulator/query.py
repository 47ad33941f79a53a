"""Encoded queries: text to conditions, conditions against rows.

Facts: ServiceNow's pages on encoded query strings and on operators for filters; `^` has no documented escape.
"""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from .schema import is_integer

_ORDER = re.compile(r"ORDERBY(DESC)?([a-z0-9_.]+)")

_NAME = re.compile(r"[a-z0-9_.]*")
_UNSUPPORTED = ("JOIN", "RLQUERY", "SUBQUERY", "123TEXTQUERY321", "IR_AND_OR_QUERY", "GROUPBY", "TRENDBY")

RELATIVE = "relative:"

type SortKey = tuple[int, int, str]


@dataclass(frozen=True, slots=True)
class Condition:
    """One term of a query."""

    name: str
    operator: str
    operand: str


@dataclass(slots=True)
class Query:
    """A parsed query: a row matches if in any group every set of alternatives has a condition that holds.

    `order` holds field names with True for descending; `invalid` tells that a term was dropped.
    """

    groups: list[list[list[Condition]]] = field(default_factory=list)
    order: list[tuple[str, bool]] = field(default_factory=list)
    invalid: bool = False

    def names(self) -> set[str]:
        """Return every field that a condition reads."""
        return {condition.name for group in self.groups for terms in group for condition in terms}


def parse(text: str, knows: Callable[[str], bool]) -> Query:
    """Parse an encoded query.

    Terms that name a field which `knows` refuses are dropped, and `invalid` tells so. Raises UnsupportedQueryError for
    what a real instance would carry out: an operator or a kind of term that is not known here.
    """
    query = Query()
    for part in text.split("^NQ"):
        group: list[list[Condition]] = []
        after_dropped = False
        for raw in part.split("^"):
            order = _ORDER.fullmatch(raw)
            if order:
                query.order.append((order[2], bool(order[1])))
                continue
            alternative = raw.startswith("OR") and raw != "OR"
            condition = _condition(raw.removeprefix("OR") if alternative else raw)
            if raw in {"", "EQ"}:
                continue
            if condition is None:
                _require_readable(raw, knows)
            if condition is None or not knows(condition.name):
                query.invalid = True
                after_dropped = not alternative
                continue
            if alternative and group and not after_dropped:
                group[-1].append(condition)
            else:
                group.append([condition])
            after_dropped = False
        query.groups.append(group)
    return query


class UnsupportedQueryError(ValueError):
    """A term that a real instance carries out and the simulator does not know; its text is the term."""


def _require_readable(raw: str, knows: Callable[[str], bool]) -> None:
    term = raw.removeprefix("OR")
    name = _NAME.match(term)
    if term.startswith(_UNSUPPORTED) or (name is not None and name[0] and knows(name[0])):
        raise UnsupportedQueryError(raw)


def matching[R](
    query: Query, reading: Callable[[str], Callable[[R], str]], evaluate: Callable[[str], str]
) -> Callable[[R], bool]:
    """Return what tells whether a row matches.

    `reading` returns for a name what reads its value from a row; `evaluate` computes operands that begin with
    `javascript:`, once a row is looked at.
    """
    return _any(
        [
            _all([_any([_check(condition, reading, evaluate) for condition in alternatives]) for alternatives in group])
            for group in query.groups
        ]
    )


def sort_key(value: str) -> SortKey:
    """Return a key that sorts numbers by size and text by the alphabet, empty values first."""
    if not value:
        return (0, 0, "")
    if is_integer(value):
        return (1, int(value), "")
    return (2, 0, value.lower())


def _condition(raw: str) -> Condition | None:
    term = _TERM.fullmatch(raw)
    return Condition(term[1], term[2], term[3]) if term else None


def _any[R](checks: list[Callable[[R], bool]]) -> Callable[[R], bool]:
    return checks[0] if len(checks) == 1 else lambda row: any(check(row) for check in checks)


def _all[R](checks: list[Callable[[R], bool]]) -> Callable[[R], bool]:
    return checks[0] if len(checks) == 1 else lambda row: all(check(row) for check in checks)


def _check[R](
    condition: Condition, reading: Callable[[str], Callable[[R], str]], evaluate: Callable[[str], str]
) -> Callable[[R], bool]:
    read, operand = reading(condition.name), condition.operand
    if condition.operator.startswith("RELATIVE"):
        return lambda row: _relative(condition.operator, read(row), evaluate(f"{RELATIVE}{operand}"))
    holds = _OPERATORS[condition.operator]
    if condition.operator in {"SAMEAS", "NSAMEAS"} or condition.operator.endswith("_FIELD"):
        other = reading(operand)
        return lambda row: holds(read(row).lower(), other(row).lower())
    if "javascript:" in operand:
        return lambda row: holds(read(row).lower(), _evaluated(operand, evaluate).lower())
    wanted = operand.lower()
    return lambda row: holds(read(row).lower(), wanted)


def _evaluated(operand: str, evaluate: Callable[[str], str]) -> str:
    return "@".join(evaluate(part) if part.startswith("javascript:") else part for part in operand.split("@"))


def _listed(operand: str) -> Sequence[str]:
    return [item.strip() for item in operand.split(",")]


def _ordered(compare: Callable[[SortKey, SortKey], bool]) -> Callable[[str, str], bool]:
    return lambda value, operand: bool(value) and compare(sort_key(value), sort_key(operand))


def _between(value: str, operand: str) -> bool:
    low, _, high = operand.partition("@")
    return bool(value) and sort_key(low) <= sort_key(value) <= sort_key(high)


def _relative(name: str, value: str, moment: str) -> bool:
    """Compare a time with one that was computed from `@minute@ago@5`."""
    if not value:
        return False
    match name.removeprefix("RELATIVE"):
        case "GT":
            return value > moment
        case "GE":
            return value >= moment
        case "LT":
            return value < moment
        case "LE":
            return value <= moment
        case _:
            return value == moment


def _on(value: str, operand: str) -> bool:
    _, low, high = [*operand.split("@"), "", "", ""][:3]
    return low <= value <= high


_OPERATORS: Mapping[str, Callable[[str, str], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    ">": _ordered(operator.gt),
    ">=": _ordered(operator.ge),
    "<": _ordered(operator.lt),
    "<=": _ordered(operator.le),
    "SAMEAS": operator.eq,
    "NSAMEAS": operator.ne,
    "GT_FIELD": _ordered(operator.gt),
    "GT_OR_EQUALS_FIELD": _ordered(operator.ge),
    "LT_FIELD": _ordered(operator.lt),
    "LT_OR_EQUALS_FIELD": _ordered(operator.le),
    "LIKE": operator.contains,
    "CONTAINS": operator.contains,
    "NOTLIKE": lambda value, operand: operand not in value,
    "NOT LIKE": lambda value, operand: operand not in value,
    "DOES NOT CONTAIN": lambda value, operand: operand not in value,
    "STARTSWITH": str.startswith,
    "ENDSWITH": str.endswith,
    "INSTANCEOF": operator.eq,
    "IN": lambda value, operand: value in _listed(operand),
    "NOT IN": lambda value, operand: value not in _listed(operand),
    "NOTIN": lambda value, operand: value not in _listed(operand),
    "ISEMPTY": lambda value, _: not value,
    "EMPTYSTRING": lambda value, _: not value,
    "ISNOTEMPTY": lambda value, _: bool(value),
    "ANYTHING": lambda *_: True,
    "BETWEEN": _between,
    "STARTS WITH": str.startswith,
    "ENDS WITH": str.endswith,
    **dict.fromkeys(("RELATIVEGT", "RELATIVEGE", "RELATIVELT", "RELATIVELE", "RELATIVEEE"), operator.eq),
    "ON": _on,
    "NOTON": lambda value, operand: not _on(value, operand),
}
# A longer operator is tried before its own beginning.
_ALTERNATIVES = "|".join(re.escape(name) for name in sorted(_OPERATORS, key=len, reverse=True))
_TERM = re.compile(rf"([a-z0-9_.]+)\s*({_ALTERNATIVES})(.*)", re.DOTALL)
