"""Time as a dependency: wall clock, monotonic clock, sleeping, and the deadline of a piece of work."""

import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

DAY = 86_400_000
"""Milliseconds."""

_DURATION = re.compile(r"(0|[1-9][0-9]{0,5})([smh])")
_UNITS = {"s": 1, "m": 60, "h": 3600}


class Clock(Protocol):
    """What the bridge asks of time. Tests pass a clock that they move by hand."""

    def now(self) -> float:
        """Return the wall clock: seconds since the epoch, UTC."""
        ...

    def monotonic(self) -> float:
        """Return a clock that never goes back: seconds since an arbitrary point."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait that many seconds."""
        ...


def utc_now(clock: Clock) -> datetime:
    """Return the wall clock's time, in UTC."""
    return datetime.fromtimestamp(clock.now(), UTC)


class SystemClock:
    """The clock of the machine. The functions are the system's own: every call asks for the time at least once."""

    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)
    sleep = staticmethod(time.sleep)


@dataclass(frozen=True, slots=True)
class Deadline:
    """The moment at which a piece of work must have ended. `at` is on the monotonic clock, in seconds."""

    clock: Clock
    at: float

    @classmethod
    def after(cls, clock: Clock, seconds: float) -> "Deadline":
        """Return the deadline that many seconds from now."""
        return cls(clock, clock.monotonic() + seconds)

    def remaining(self) -> float:
        """Return the seconds that are left; zero or less once the deadline has passed."""
        return self.at - self.clock.monotonic()

    def within(self, seconds: float) -> "Deadline":
        """Return this deadline, or the one that many seconds from now if that comes first."""
        return Deadline(self.clock, min(self.at, self.clock.monotonic() + seconds))


def seconds_in(duration: str) -> int | None:
    """Return the seconds of a text such as "90s", "2m" or "1h"; None where it is none."""
    found = _DURATION.fullmatch(duration)
    return int(found[1]) * _UNITS[found[2]] if found else None
