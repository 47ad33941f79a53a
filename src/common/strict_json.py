"""What is refused of JSON from outside beyond what the parser refuses itself."""

from typing import Never


def no_constant(name: str) -> Never:
    """Refuse NaN and the infinities, which JSON does not have: a `parse_constant`. Raises ValueError."""
    raise ValueError(name)


def is_deeper(document: object, levels: int) -> bool:
    """Return whether a parsed document is nested more than `levels` deep; it is walked without recursion."""
    level = [document]
    for _ in range(levels):
        level = [
            child
            for value in level
            if isinstance(value, dict | list)
            for child in (value.values() if isinstance(value, dict) else value)
        ]
        if not level:
            return False
    return True
