"""When a window is open, also where the clocks change."""

from datetime import datetime, time
from zoneinfo import ZoneInfo

import pytest

from common.clock import DAY
from common.incidents.schedule import Dates, Schedule, Weekly, longest_run, meet

BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")
EVERY_DAY = frozenset(range(7))
SUNDAY, MONDAY, FRIDAY = frozenset({6}), frozenset({0}), frozenset({4})


def at(text: str) -> int:
    """Return an ISO 8601 time in milliseconds since the epoch."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def clock(text: str) -> time:
    """Return a time of day."""
    return time.fromisoformat(text)


def until(days: frozenset[int], start: str, end: str, zone: ZoneInfo = BERLIN) -> Weekly:
    """Return a weekly time with an end on the clock."""
    return Weekly(days, clock(start), zone, clock(end))


def lasts(days: frozenset[int], start: str, seconds: int, zone: ZoneInfo = BERLIN) -> Weekly:
    """Return a weekly time of some length."""
    return Weekly(days, clock(start), zone, seconds=seconds)


NIGHT = until(MONDAY, "22:00", "02:00")
DATES = Dates(at("2026-03-01T20:00Z"), at("2026-03-02T06:00Z"))


@pytest.mark.parametrize(
    ("schedule", "moment", "begin", "end"),
    [
        (DATES, "2026-03-01T20:00Z", "2026-03-01T20:00Z", "2026-03-02T06:00Z"),
        (DATES, "2026-03-02T06:00Z", None, None),
        (NIGHT, "2026-01-05T21:00Z", "2026-01-05T21:00Z", "2026-01-06T01:00Z"),
        (NIGHT, "2026-01-06T00:59Z", "2026-01-05T21:00Z", "2026-01-06T01:00Z"),
        (NIGHT, "2026-01-06T01:00Z", None, None),
        (NIGHT, "2026-01-04T21:30Z", None, None),
        (until(EVERY_DAY, "00:00", "00:00"), "9999-12-31T23:59Z", None, None),  # the calendar ends
        (NIGHT, "2026-07-06T20:00Z", "2026-07-06T20:00Z", "2026-07-07T00:00Z"),
        (lasts(FRIDAY, "20:00", 60 * 3600, NEW_YORK), "2026-01-12T12:59Z", "2026-01-10T01:00Z", "2026-01-12T13:00Z"),
        (until(MONDAY, "08:00", "08:00"), "2026-01-06T06:59Z", "2026-01-05T07:00Z", "2026-01-06T07:00Z"),
        # 2026-03-29: 02:00 to 03:00 does not exist in Berlin. It begins with the offset before, at 03:30 of the clock.
        (lasts(SUNDAY, "02:30", 3600), "2026-03-29T01:30Z", "2026-03-29T01:30Z", "2026-03-29T02:30Z"),
        (lasts(SUNDAY, "02:30", 3600), "2026-03-29T01:29Z", None, None),
        # Its end on the clock comes before that: it is as long as on any other day.
        (until(SUNDAY, "02:30", "03:00"), "2026-03-29T01:59Z", "2026-03-29T01:30Z", "2026-03-29T02:00Z"),
        # A night through the gap is an hour shorter on the clock's terms; by length it is not.
        (until(SUNDAY, "01:00", "04:00"), "2026-03-29T00:00Z", "2026-03-29T00:00Z", "2026-03-29T02:00Z"),
        (lasts(SUNDAY, "01:00", 3 * 3600), "2026-03-29T00:00Z", "2026-03-29T00:00Z", "2026-03-29T03:00Z"),
        # 2026-10-25: 02:00 to 03:00 exists twice. The first one is meant.
        (lasts(SUNDAY, "02:30", 3600), "2026-10-25T00:30Z", "2026-10-25T00:30Z", "2026-10-25T01:30Z"),
        (lasts(SUNDAY, "02:30", 1800), "2026-10-25T01:30Z", None, None),
        (until(SUNDAY, "01:00", "04:00"), "2026-10-25T02:59Z", "2026-10-24T23:00Z", "2026-10-25T03:00Z"),
    ],
)
def test_what_a_moment_is_inside_of(schedule: Schedule, moment: str, begin: str | None, end: str | None) -> None:
    """The opening that contains it, its end no longer inside."""
    assert schedule.span(at(moment)) == (None if begin is None or end is None else (at(begin), at(end)))


@pytest.mark.parametrize(
    ("schedule", "days"),
    [
        (Dates(0, 3 * DAY), 3),
        (until(EVERY_DAY, "22:00", "02:00"), 4 / 24),
        (Weekly(EVERY_DAY - FRIDAY, clock("00:00"), BERLIN, clock("00:00")), 6 + 1 / 24),  # in autumn
        (until(EVERY_DAY, "00:00", "00:00"), 371),
    ],
)
def test_how_long_it_is_quiet_without_a_break(schedule: Schedule, days: float) -> None:
    """Openings that touch are one."""
    assert longest_run(schedule) == days * DAY


@pytest.mark.parametrize(
    ("one", "other", "moment"),
    [
        (Dates(0, 10), Dates(9, 20), 9),
        (Dates(0, 10), Dates(10, 20), None),
        (Dates(5, 6), Dates(0, 20), 5),
        (
            NIGHT,
            Dates(at("2031-05-05T21:00Z"), at("2031-05-05T22:00Z")),
            at("2031-05-05T21:00Z"),
        ),
        (
            NIGHT,
            Dates(at("2031-05-05T10:00Z"), at("2031-05-07T22:00Z")),
            at("2031-05-05T20:00Z"),
        ),
        (
            NIGHT,
            Dates(at("2031-05-06T10:00Z"), at("2031-05-07T22:00Z")),
            None,
        ),
        (until(MONDAY, "22:00", "23:00"), until(MONDAY, "23:00", "23:30"), None),
        # Only in the three weeks in which but one of the two has changed its clocks.
        (
            until(MONDAY, "12:30", "12:45"),
            Weekly(MONDAY, clock("07:30"), NEW_YORK, clock("07:45")),
            at("2026-03-09T11:30Z"),
        ),
    ],
)
def test_where_two_are_open_at_once(one: Schedule, other: Schedule, moment: int | None) -> None:
    """Whichever of them is asked first."""
    assert {meet(one, other), meet(other, one)} == {moment}
