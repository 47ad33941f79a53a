"""A filter pattern of CloudWatch Logs over JSON, as far as the template uses it.

The syntax is that of AWS's page "Using filter patterns to match terms in JSON log events": selectors, `=` with `*` at
the ends of a text, `&&`, `||`, parentheses.
"""

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

_TERM = re.compile(r'\$\.(?P<path>[A-Za-z.]+) = "(?P<wanted>[^"]*)"')
_REST = re.compile(r"(True|False|and|or|[\s()])*")


def matches(pattern: str, event: Mapping[str, Any]) -> bool:
    """Return whether an event matches. Raises AssertionError for a pattern with anything else in it."""

    def holds(term: re.Match[str]) -> str:
        value: Any = event
        for name in term["path"].split("."):
            value = value.get(name) if isinstance(value, Mapping) else None
        return str(isinstance(value, str) and fnmatchcase(value, term["wanted"]))

    inner = re.fullmatch(r"\{(.*)\}", pattern.strip(), re.DOTALL)
    assert inner is not None, pattern
    text = _TERM.sub(holds, inner[1]).replace("&&", "and").replace("||", "or").strip()
    assert _REST.fullmatch(text), pattern
    return bool(eval(text, {}, {}))  # noqa: S307 (nothing but words of truth and parentheses)
