"""Text from events, made inert: what anybody can put into an event must not do anything in ServiceNow."""

import re
from collections.abc import Mapping
from functools import lru_cache

from common.text import one_line, printable, seen_through

LENGTHS: Mapping[str, int] = {
    "short_description": 160,
    "description": 4000,
    "work_notes": 4000,
    "comments": 4000,
    "close_notes": 4000,
    "justification": 4000,
    "implementation_plan": 4000,
    "backout_plan": 4000,
    "test_plan": 4000,
}
"""The longest value of a field in the platform's default dictionary."""

OTHER_FIELDS = 255
"""The longest value of any other field, which is one line."""

_NEVER_WRITTEN = frozenset(
    {
        "number",
        "active",
        "state",
        "incident_state",
        "resolved_at",
        "resolved_by",
        "closed_at",
        "closed_by",
        "correlation_id",
        "correlation_display",
        "work_notes",
        "comments",
    }
)
"""What no caller and no application writes in any table, whatever a parameter lists: transitions go through resolve."""

_CODE_TAG = re.compile(rf"\[((?:{seen_through('/')})?)(?={seen_through('code]')})", re.IGNORECASE)
# Browsers pass over line ends and tabs inside the name of a scheme.
_SCRIPT = re.compile(seen_through("javascript:", r"\s"), re.IGNORECASE)
_ELLIPSIS = "…"


@lru_cache(maxsize=64)
def writable_names(allowed: frozenset[str]) -> frozenset[str]:
    """Return those of `allowed` that a caller of the API or an application on the bus may really write."""
    return frozenset(name for name in allowed if name not in _NEVER_WRITTEN and not name.startswith("sys_"))


def inert_fields(fields: Mapping[str, str]) -> dict[str, str]:
    """Return the non-empty fields, cleaned and cut to the lengths of their columns."""
    return {
        name: shorten(text, LENGTHS.get(name, OTHER_FIELDS))
        for name, value in fields.items()
        if (text := _clean(name, value))
    }


def inert_note(note: str) -> str:
    """Return a note for a journal field."""
    return shorten(_clean("work_notes", note), LENGTHS["work_notes"])


def with_footer(text: str, footer: str) -> str:
    """Return a description that ends with `footer`, cleaned, and cut before it where the column is too short."""
    longest = LENGTHS["description"]
    ending = shorten(_clean("description", footer), longest)
    room = longest - len(ending) - 2
    body = shorten(_clean("description", text), room) if room > 0 else ""
    return "\n\n".join(filter(None, (body, ending)))


def ended_with(note: str, ending: str) -> str:
    """Return a note with a last line, cut before it where the journal field is too short."""
    if not ending:
        return note
    return "\n".join(filter(None, (shorten(note, LENGTHS["work_notes"] - len(ending) - 1), ending)))


def shorten(text: str, longest: int) -> str:
    """Return `text`, cut with an ellipsis where it is longer than `longest` characters."""
    return text if len(text) <= longest else text[: longest - 1] + _ELLIPSIS


def _clean(name: str, value: str) -> str:
    is_one_line = name not in LENGTHS or name == "short_description"
    text = one_line(value) if is_one_line else printable(value).strip()
    if "[" in text:
        # Journal fields render what stands between [code] tags as HTML.
        text = _CODE_TAG.sub(r"[\1 ", text)
    # Values that begin like this are scripts to ServiceNow's field defaults and queries.
    return f"'{text}" if _SCRIPT.match(text) else text
