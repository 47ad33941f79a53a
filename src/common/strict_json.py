"""JSON from outside: an object of it, and what is refused beyond what the parser refuses itself."""

import json
from typing import Any, Never


def json_object(text: str | bytes) -> dict[str, Any] | None:
    """Return the JSON object that `text` is; None where it is malformed, nested too deep, or another value."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def no_constant(name: str) -> Never:
    """Refuse NaN and the infinities, which JSON does not have: a `parse_constant`. Raises ValueError."""
    raise ValueError(name)


def is_deeper(document: object, levels: int) -> bool:
    """Return whether a parsed document is nested more than `levels` deep, 1 or more; it is walked without recursion."""
    level: list[dict[str, object] | list[object]] = [document] if isinstance(document, dict | list) else []
    for _ in range(levels - 1):
        level = [
            child
            for value in level
            for child in (value.values() if type(value) is dict else value)
            if type(child) is dict or type(child) is list
        ]
        if not level:
            return False
    return any(level)
