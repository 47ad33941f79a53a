"""Text from events, made inert: what anybody can put into an event must not do anything in ServiceNow."""

import re
from collections.abc import Mapping

LENGTHS: Mapping[str, int] = {
    "short_description": 160,
    "description": 4000,
    "work_notes": 4000,
    "comments": 4000,
    "close_notes": 4000,
}
"""The longest value of a field in the platform's default dictionary."""

_OTHER_FIELDS = 255
_NOT_PRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_CODE_TAG = re.compile(r"\[(/?)code\]", re.IGNORECASE)
_ELLIPSIS = "…"


def inert_fields(fields: Mapping[str, str]) -> dict[str, str]:
    """Return the non-empty fields, cleaned and cut to the lengths of their columns."""
    cleaned = {name: shorten(_clean(name, value), LENGTHS.get(name, _OTHER_FIELDS)) for name, value in fields.items()}
    return {name: value for name, value in cleaned.items() if value}


def inert_note(note: str) -> str:
    """Return a note for a journal field."""
    return shorten(_clean("work_notes", note), LENGTHS["work_notes"])


def shorten(text: str, longest: int) -> str:
    """Return `text`, cut with an ellipsis where it is longer than `longest` characters."""
    return text if len(text) <= longest else text[: longest - 1] + _ELLIPSIS


def _clean(name: str, value: str) -> str:
    text = _NOT_PRINTABLE.sub("", value.replace("\r\n", "\n").replace("\r", "\n")).strip()
    if name not in LENGTHS or name == "short_description":
        text = " ".join(text.split())
    # Journal fields render what stands between [code] tags as HTML.
    text = _CODE_TAG.sub(r"[\1 code]", text)
    # Values that begin like this are scripts to ServiceNow's field defaults and queries.
    return f"'{text}" if text.lower().startswith("javascript:") else text
