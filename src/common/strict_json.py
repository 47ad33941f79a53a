"""What is refused of JSON from outside beyond what the parser refuses itself."""

from typing import Never


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
