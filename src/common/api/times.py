"""Times as callers write them: RFC 3339, with their zone. pydantic alone would take numbers for times too."""

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BeforeValidator

_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,12})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
# What is before this year is no time, but a way to say "never".
_FIRST_YEAR = 1970
_LAST_YEAR = 9000


def _written(value: object) -> str:
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise ValueError("no time")
    return value


def _sensible(value: datetime) -> datetime:
    if not _FIRST_YEAR <= value.year <= _LAST_YEAR:
        raise ValueError("no time")
    return value


Time = Annotated[AwareDatetime, BeforeValidator(_written)]
"""Any time, such as 2026-01-31T08:00:00Z. Monitoring systems write the year 1 for "never"."""

SensibleTime = Annotated[Time, AfterValidator(_sensible)]
"""A time that can be converted to another zone."""


def or_never(time: datetime | None) -> datetime | None:
    """Return a time, None where it is left out or means "never"."""
    return time if time is not None and time.year >= _FIRST_YEAR else None


def in_servicenow(time: datetime) -> str:
    """Return a time as ServiceNow writes it, in UTC."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
