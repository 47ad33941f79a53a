"""How `make bench` measures, on a clock of its own."""

from bench.timing import seconds_per_call


class Clock:
    """Moves on by what is done."""

    def __init__(self) -> None:
        """Begin at zero."""
        self.at = 0.0
        self.elsewhere = 0.0
        self.calls = 0

    def slow_at_first(self) -> None:
        """Take a second, but five in each of the first three calls."""
        self.calls += 1
        self.at += 5.0 if self.calls <= 3 else 1.0

    def mostly_elsewhere(self) -> None:
        """Take two seconds of one's own, and ten that somebody else takes, once in a while a hundred."""
        self.at += 12.0
        self.elsewhere += 10.0
        if self.at > 1000.0:
            self.at += 90.0
            self.elsewhere += 90.0


def test_the_median_of_a_call_is_told_without_the_warm_up() -> None:
    """Of each candidate by itself, however many calls are made in a row."""
    clock = Clock()
    candidates = {"first": clock.slow_at_first, "other": clock.mostly_elsewhere}
    measured = seconds_per_call(candidates, rounds=5, calls=3, warm_up=1, clock=lambda: clock.at)
    assert measured == {"first": 1.0, "other": 12.0}


def test_a_clock_that_stands_still_leaves_that_time_out_of_each_call() -> None:
    """A mean of it, taken off a median, would take off its rare long moments too, and flatter what is left."""
    clock = Clock()
    candidates = {"here": clock.mostly_elsewhere}
    measured = seconds_per_call(candidates, rounds=50, calls=2, clock=lambda: clock.at - clock.elsewhere)
    assert measured == {"here": 2.0}
