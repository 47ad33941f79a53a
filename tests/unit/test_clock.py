import time

import pytest

from common.clock import Deadline, SystemClock, seconds_in
from tests.support.clock import FakeClock


def test_a_deadline_counts_down() -> None:
    """And goes on below zero once it has passed."""
    clock = FakeClock()
    deadline = Deadline.after(clock, 10.0)
    clock.advance(4.0)
    assert deadline.remaining() == 6.0
    clock.advance(7.0)
    assert deadline.remaining() == -1.0


def test_a_deadline_does_not_care_about_the_wall_clock() -> None:
    """Fault 72: somebody set it, or it was wrong."""
    clock = FakeClock()
    deadline = Deadline.after(clock, 10.0)
    clock.jump(3600.0)
    clock.jump(-7200.0)
    assert deadline.remaining() == 10.0


@pytest.mark.parametrize(("seconds", "left"), [(3.0, 3.0), (10.0, 10.0), (99.0, 10.0), (-1.0, -1.0)])
def test_a_part_of_the_work_may_take_less_but_never_more(seconds: float, left: float) -> None:
    """The earlier of the two ends counts."""
    assert Deadline.after(FakeClock(), 10.0).within(seconds).remaining() == left


def test_the_clock_of_the_machine() -> None:
    """Wall clock, monotonic clock, and a wait."""
    clock = SystemClock()
    assert abs(clock.now() - time.time()) < 1.0
    before = clock.monotonic()
    clock.sleep(0.001)
    assert clock.monotonic() - before >= 0.001


@pytest.mark.parametrize(
    ("duration", "seconds"),
    [("0s", 0), ("90s", 90), ("2m", 120), ("1h", 3600), ("01m", None), ("1d", None), ("1h ", None), ("", None)],
)
def test_a_duration_is_a_number_and_a_unit(duration: str, seconds: int | None) -> None:
    """Seconds, minutes or hours."""
    assert seconds_in(duration) == seconds
