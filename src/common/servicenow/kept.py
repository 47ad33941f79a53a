"""Which fields of a write ServiceNow did not keep, although it answered with success.

Access rules, data policies, state models and business rules drop what they do not like without a word, and so does the
Table API with columns and choices that do not exist.
"""

import math
from collections.abc import Mapping

JOURNALS = frozenset({"work_notes", "comments"})
"""Fields that append, and read empty (docs/servicenow-facts.toml, table-journal-empty)."""

_TRUE = frozenset({"true", "1"})
_FALSE = frozenset({"false", "0"})


def comparable(fields: Mapping[str, str]) -> list[str]:
    """Return the names of the fields that an answer can be compared in."""
    return [name for name, value in fields.items() if value and name not in JOURNALS]


def ignored(sent: Mapping[str, str], shown: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of the fields whose value came back as another, or not at all.

    What ServiceNow makes of a value counts as kept: white space trimmed, line ends changed, a text cut to its column or
    put between other words, a number or a truth value written in another way.
    """
    others = {name: value for name, value in sent.items() if shown.get(name) != value}
    return tuple(name for name in comparable(others) if not _is_kept(sent[name], shown.get(name, "")))


def _is_kept(sent: str, shown: str) -> bool:
    mine, theirs = " ".join(sent.split()), " ".join(shown.split())
    if mine == theirs:
        return True
    if not theirs:
        return not mine
    number = _number(mine)
    if number is not None and number == _number(theirs):
        return True
    words = {mine.lower(), theirs.lower()}
    if words <= _TRUE or words <= _FALSE:
        return True
    # Values are short and mean something else when they are longer; texts are cut, or have something put around them.
    return " " in mine and (theirs in mine or mine in theirs)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
