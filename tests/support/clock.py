"""A clock that moves only when a test says so."""

import threading

EPOCH = 1_900_000_000.0


class FakeClock:
    """Implements `common.clock.Clock`: sleeping moves the time on and returns at once.

    `slept` lists the waits in seconds, in order. The wall clock can jump on its own; the monotonic one never goes back.
    """

    def __init__(self, now: float = EPOCH, monotonic: float = 1_000.0) -> None:
        """Start at `now` (seconds since the epoch, UTC) and `monotonic` (seconds)."""
        self._now = now
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self.slept: list[float] = []

    def now(self) -> float:
        """Return the wall clock: seconds since the epoch, UTC."""
        return self._now

    def monotonic(self) -> float:
        """Return the clock that never goes back, in seconds."""
        return self._monotonic

    def sleep(self, seconds: float) -> None:
        """Move both clocks on and note the wait."""
        self.slept.append(seconds)
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Let that many seconds pass on both clocks."""
        if seconds < 0:
            message = "time does not go back; use jump() for the wall clock"
            raise ValueError(message)
        with self._lock:
            self._now += seconds
            self._monotonic += seconds

    def jump(self, seconds: float) -> None:
        """Move the wall clock alone, back where negative: somebody set it, or it was wrong."""
        with self._lock:
            self._now += seconds
