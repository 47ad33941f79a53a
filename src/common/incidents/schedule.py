"""When a maintenance window is open: between two moments, or at a weekly time of a time zone. Pure.

Local times that a change of the clocks skips or repeats are understood as iCalendar does (RFC 5545, section 3.3.5):
what does not exist is counted with the offset before the change, of what exists twice the first one is meant.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Protocol

from common.clock import DAY

type Span = tuple[int, int]
"""Begin and end in milliseconds since the epoch; the end is no longer inside."""

# A year of weeks, from a Monday: 2026-01-05 to 2027-01-11, UTC.
_YEAR = (1_767_571_200_000, 1_799_625_600_000)
# 9999-01-01, UTC: in its last year the calendar has no days left to count from.
_LAST_YEAR = 253_370_764_800_000


class Schedule(Protocol):
    """What tells when a window is open."""

    def span(self, at: int) -> Span | None:
        """Return the opening that contains the moment `at`, the one that ends last; None outside of all."""

    def spans(self, begin: int, end: int) -> Iterator[Span]:
        """Yield what begins from `begin` on and before `end`, the earliest first."""


@dataclass(frozen=True, slots=True)
class Dates:
    """From one moment to another, both in milliseconds since the epoch."""

    begin: int
    end: int

    def span(self, at: int) -> Span | None:
        """Return the one opening where it contains `at`."""
        return (self.begin, self.end) if self.begin <= at < self.end else None

    def spans(self, begin: int, end: int) -> Iterator[Span]:
        """Yield the one opening where it begins in between."""
        if begin <= self.begin < end:
            yield self.begin, self.end


@dataclass(frozen=True, slots=True)
class Weekly:
    """At `start` on some days of the week (0 is Monday) in a zone, until `end` on the clock or for `seconds`.

    An `end` that is not after `start` is meant on the next day.
    """

    days: frozenset[int]
    start: time
    zone: tzinfo
    end: time | None = None
    seconds: int = 0

    @property
    def nominal(self) -> int:
        """The length in seconds where no change of the clocks comes in between."""
        if self.end is None:
            return self.seconds
        return (_minutes(self.end) - _minutes(self.start)) % 1440 * 60 or 86_400

    def span(self, at: int) -> Span | None:
        """Return the opening that contains `at`; None in the last year of the calendar."""
        if at >= _LAST_YEAR:
            return None
        today = datetime.fromtimestamp(at / 1000, self.zone).date()
        back = self.nominal // 86_400 + 2
        found = [self._of(today + timedelta(days=shift)) for shift in range(-back, 2) if self._opens(today, shift)]
        return max((span for span in found if span[0] <= at < span[1]), key=lambda span: span[1], default=None)

    def spans(self, begin: int, end: int) -> Iterator[Span]:
        """Yield what begins in between."""
        first = datetime.fromtimestamp(begin / 1000, self.zone).date()
        for shift in range(-1, (end - begin) // DAY + 2):
            if self._opens(first, shift) and begin <= (span := self._of(first + timedelta(days=shift)))[0] < end:
                yield span

    def _opens(self, day: date, shift: int) -> bool:
        return (day.weekday() + shift) % 7 in self.days

    def _of(self, day: date) -> Span:
        begin = self._moment(day, self.start)
        end = begin + self.seconds * 1000
        if self.end is not None:
            end = self._moment(day + timedelta(days=self.end <= self.start), self.end)
        # The start may have been skipped by the clocks, so that the end comes before it.
        return begin, end if end > begin else begin + self.nominal * 1000

    def _moment(self, day: date, clock: time) -> int:
        return round(datetime.combine(day, clock, self.zone).timestamp() * 1000)


def longest_run(schedule: Schedule) -> int:
    """Return for how many milliseconds a schedule is open without a break, at most, within a year."""
    longest, begin, end = 0, 0, -1
    for span in schedule.spans(schedule.begin, schedule.end) if isinstance(schedule, Dates) else schedule.spans(*_YEAR):
        begin = span[0] if span[0] > end else begin
        end = max(end, span[1])
        longest = max(longest, end - begin)
    return longest


def meet(one: Schedule, other: Schedule) -> int | None:
    """Return a moment at which both are open, None where there is none: within a year, where both are weekly."""
    dated = [schedule for schedule in (one, other) if isinstance(schedule, Dates)]
    begin = min((dates.begin for dates in dated), default=_YEAR[0])
    end = max((dates.end for dates in dated), default=_YEAR[1])
    pairs = ((one, other), (other, one))
    begins = ((moment, second) for first, second in pairs for moment, _ in first.spans(begin, end))
    return next((moment for moment, second in begins if second.span(moment) is not None), None)


def _minutes(clock: time) -> int:
    return clock.hour * 60 + clock.minute
