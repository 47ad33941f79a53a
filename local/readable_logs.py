"""Log lines of a function as a person reads them: no JSON, no metrics, no frames around each invocation."""

import json
from collections.abc import Iterable

from common.text import printable

_FRAMES = ("START RequestId", "END RequestId", "REPORT RequestId")


def readable(messages: Iterable[str]) -> str:
    """Return the messages of a function's log, one line each, and below each error its traceback."""
    return "\n".join(filter(None, map(_readable, messages)))


def _readable(message: str) -> str:
    if message.startswith(_FRAMES):
        return ""
    try:
        entry = json.loads(message)
    except ValueError:
        return message.rstrip()
    if not isinstance(entry, dict) or "_aws" in entry:
        return ""
    said = " ".join(str(entry[name]) for name in ("level", "message", "action") if name in entry)
    return printable("\n".join(filter(None, (said, str(entry.get("exception", ""))))))
