from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.retry import LONGEST_RETRY_AFTER, MOST_REPETITIONS, RetryBudget, full_jitter, retry_after, tries
from tests.support.clock import FakeClock

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC).timestamp()


def asked(value: str) -> float | None:
    """Return what a Retry-After of that value is understood as."""
    return retry_after({"Retry-After": value}, NOW)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("1", 1.0),
        (" 30 ", 30.0),
        ("3600", 3600.0),
        ("3601", 3600.0),
        ("999999999", 3600.0),
        ("9" * 5000, 3600.0),
    ],
)
def test_seconds_are_believed_up_to_an_hour(value: str, seconds: float) -> None:
    """Faults 44, 45 and 47: ServiceNow's rate rules are hourly, so nothing longer makes sense."""
    assert asked(value) == seconds


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("Mon, 23 Nov 2026 12:00:30 GMT", 30.0),
        ("Mon, 23 Nov 2026 13:00:30 +0100", 30.0),
        ("Mon, 23 Nov 2026 12:00:30", 30.0),
        ("Mon, 23 Nov 2026 12:00:30 -0000", 30.0),
        ("Monday, 23-Nov-26 12:00:30 GMT", 30.0),
        ("Mon Nov 23 12:00:30 2026", 30.0),
        ("Mon, 23 Nov 2026 11:59:00 GMT", 0.0),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 0.0),
        ("Tue, 24 Nov 2026 12:00:00 GMT", LONGEST_RETRY_AFTER),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_RETRY_AFTER),
    ],
)
@pytest.mark.usefixtures("far_from_utc")
def test_an_http_date_counts_from_now(value: str, seconds: float) -> None:
    """Fault 46, in all three formats of RFC 9110; a date without a zone is UTC wherever the function runs."""
    assert asked(value) == seconds


@pytest.mark.parametrize(
    "value",
    [
        "",
        "   ",
        "-5",
        "+5",
        "1.5",
        "1e3",
        "0x10",
        "5, 10",
        "soon",
        "٣",
        "²",
        "Mon, 23 Nov 99999 12:00:30 GMT",
        "Mon, 23 Nov 2026 99:00:30 GMT",
        "31 Feb 2026 12:00:00 GMT",
        "Mon, 23 Nov 2026 12:00:30 +9999",
        "23 Nov 2026 " + "9" * 5000 + ":00:00 GMT",
        "\x00",
        "<html>",
    ],
)
def test_what_makes_no_sense_counts_as_absent(value: str) -> None:
    """Fault 47: then the caller's own back-off decides."""
    assert asked(value) is None


def test_an_absent_header_asks_for_nothing() -> None:
    """The caller's own back-off decides."""
    assert retry_after({}, NOW) is None


@given(st.one_of(st.text(), st.integers().map(str), st.datetimes().map(format_datetime)), st.floats(0, 4e9))
def test_no_header_whatever_raises_or_asks_for_more_than_an_hour(value: str, now: float) -> None:
    """The header comes from outside."""
    seconds = retry_after({"Retry-After": value}, now)
    assert seconds is None or 0 <= seconds <= LONGEST_RETRY_AFTER


@pytest.mark.parametrize(("attempt", "longest"), [(0, 0.2), (1, 0.4), (3, 1.6), (4, 2.0), (1000, 2.0)])
def test_jitter_doubles_up_to_its_cap(attempt: int, longest: float) -> None:
    """Full jitter lies anywhere between nothing and the doubled base."""
    assert full_jitter(attempt, base=0.2, cap=2.0, sample=0.0) == 0.0
    assert full_jitter(attempt, base=0.2, cap=2.0, sample=1.0) == pytest.approx(longest)


def test_jitter_throws_its_own_dice() -> None:
    """Two callers hardly ever wait equally long."""
    pauses = {full_jitter(3, base=1.0, cap=60.0) for _ in range(20)}
    assert len(pauses) > 10
    assert all(0.0 <= pause <= 8.0 for pause in pauses)


def test_repetitions_are_bounded_while_nothing_succeeds() -> None:
    """Ten, and then none."""
    budget = RetryBudget()
    assert [budget.spend() for _ in range(13)] == [True] * MOST_REPETITIONS + [False] * 3


@given(st.lists(st.booleans(), max_size=200))
def test_never_more_is_repeated_than_succeeded_and_ten(successes: list[bool]) -> None:
    """Successes are not saved up beyond that: each later run of failures gets ten at most."""
    budget, spent, saved = RetryBudget(), 0, MOST_REPETITIONS
    for success in successes:
        if success:
            budget.refund()
            saved = min(saved + 1, MOST_REPETITIONS)
        elif budget.spend():
            spent, saved = spent + 1, saved - 1
        assert 0 <= saved <= MOST_REPETITIONS
    assert spent <= successes.count(True) + MOST_REPETITIONS
    assert budget.spend() is (saved > 0)


def test_a_pause_comes_before_each_try_but_the_first() -> None:
    """And none after the last, when nobody tries any more."""
    clock = FakeClock()

    assert [len(clock.slept) for _ in tries(3, clock)] == [0, 1, 2]
    assert len(clock.slept) == 2
    assert all(0 <= pause <= 1.0 for pause in clock.slept)
