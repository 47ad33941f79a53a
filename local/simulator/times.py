"""The instance's way of writing time: UTC, `YYYY-MM-DD HH:MM:SS`."""

import datetime as dt

_FORMAT = "%Y-%m-%d %H:%M:%S"


def written(seconds: float) -> str:
    """Write epoch seconds as the instance stores them."""
    return dt.datetime.fromtimestamp(int(seconds), dt.UTC).strftime(_FORMAT)


def shifted(stored: str, offset: int) -> str:
    """Move a stored time by `offset` seconds, for people in another time zone."""
    if not offset or not stored:
        return stored
    moment = dt.datetime.strptime(stored, _FORMAT).replace(tzinfo=dt.UTC)
    return (moment + dt.timedelta(seconds=offset)).strftime(_FORMAT)


def stored_time(text: str) -> str | None:
    """Return a time in the stored form, midnight for a day alone; None where a text is neither."""
    for form in (_FORMAT, "%Y-%m-%d"):
        try:
            return dt.datetime.strptime(text, form).replace(tzinfo=dt.UTC).strftime(_FORMAT)
        except ValueError:
            continue
    return None
