"""Times in texts, with the time of day where the readers are beside them."""

import re
from datetime import datetime, tzinfo
from email.utils import parsedate_to_datetime
from functools import cache

# ISO 8601 with its zone, as events and AWS write it; not within an address, a path or a longer word.
_ISO = (
    r"(?<![\w./:=?&%+-])[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?"
    r"(?:Z|[+-][0-9]{2}:?[0-9]{2})(?![\w/:=&%+-])"
)
# RFC 1123, as AWS Health writes it.
_HTTP = r"\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-9]{1,2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} (?:GMT|UTC)\b"


def with_local_times(text: str, zone: tzinfo | None) -> str:
    """Return `text` in which the time of `zone` stands behind each time that names its own: `… (13:00:00 CET)`.

    The day is told where it is another. What is no time stays as it is, and so does all without a zone.
    """
    return text if zone is None else _times().sub(lambda found: _beside(found[0], zone), text)


@cache
def _times() -> re.Pattern[str]:
    return re.compile(f"{_ISO}|{_HTTP}")


def _beside(written: str, zone: tzinfo) -> str:
    try:
        told = parsedate_to_datetime(written) if "," in written else datetime.fromisoformat(written)
        local = told.astimezone(zone)
    except (ValueError, OverflowError):
        return written
    if local.utcoffset() == told.utcoffset():
        return written
    day = "" if local.date() == told.date() else f"{local:%Y-%m-%d} "
    return f"{written} ({day}{local:%H:%M:%S %Z})"
