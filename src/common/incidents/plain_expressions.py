"""Expressions of callers: only what takes no longer, and no more memory, than it takes to look an event through. Pure.

JMESPath can double what it holds at each step, so that two hundred characters fill any function's memory. A rule is
read by who deploys it; what a caller sends counts at once, for the events of everybody.
"""

from collections.abc import Mapping
from typing import Any

from common.incidents.expressions import Expression
from common.incidents.tag_names import TAGS

_FUNCTIONS = frozenset(
    {
        "contains",
        "ends_with",
        "keys",
        "length",
        "lower",
        "not_null",
        "starts_with",
        "tag",
        "to_number",
        "type",
        "values",
    }
)
_GROWS = frozenset({"expref", "multi_select_dict"})
_MOST_PARTS = 100


def parse_plain(source: str) -> Expression:
    """Compile a caller's expression. Raises ValueError that says what is wrong with it, or what it must not ask for."""
    expression = Expression.parse(source)
    if expression.tags:
        raise ValueError(f"{TAGS} can't be asked for: they may not be known when the window is judged")
    if (parsed := expression.parsed) is not None and _checked(parsed) > _MOST_PARTS:
        raise ValueError(f"it has more than {_MOST_PARTS} parts")
    return expression


def _checked(node: Mapping[str, Any]) -> int:
    """Return of how many parts a parsed expression is made. Raises ValueError for one that may make much of little."""
    kind, children = node["type"], [child for child in node["children"] if isinstance(child, dict)]
    if kind in _GROWS or (kind == "multi_select_list" and any(child["type"] != "literal" for child in children)):
        raise ValueError("it builds values, which a window must not: compare, and look for what is in a list of texts")
    if kind == "function_expression" and node["value"] not in _FUNCTIONS:
        raise ValueError(f"{node['value']}() can't be called here: there are {', '.join(sorted(_FUNCTIONS))}")
    return 1 + sum(map(_checked, children))
