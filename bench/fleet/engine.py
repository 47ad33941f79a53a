"""A discrete-event simulation in which code that blocks runs unchanged: while it sleeps, everything else goes on."""

import heapq
import itertools
from collections.abc import Callable

from greenlet import getcurrent, greenlet

_EPOCH = 1_900_000_000.0


class Simulation:
    """Simulated time, and a clock for those who live in it (`common.clock.Clock`)."""

    def __init__(self) -> None:
        """Start at zero; the greenlet that makes it is the one that runs it."""
        self._time = 0.0
        self._hub = getcurrent()
        self._numbers = itertools.count()
        self._waiting: list[tuple[float, int, greenlet]] = []

    def now(self) -> float:
        """Return the wall clock: seconds since the epoch, UTC."""
        return _EPOCH + self._time

    def monotonic(self) -> float:
        """Return the seconds since the simulation began."""
        return self._time

    def sleep(self, seconds: float) -> None:
        """Let everybody else go on for that many seconds."""
        self._at(self._time + max(seconds, 0.0), getcurrent())
        self._hub.switch()

    def start(self, activity: Callable[[], None], *, after: float) -> None:
        """Begin an activity after that many seconds."""
        self._at(self._time + after, greenlet(activity, self._hub))

    def run(self, seconds: float) -> None:
        """Let that many seconds pass. What an activity raises comes out here."""
        end = self._time + seconds
        while self._waiting and self._waiting[0][0] <= end:
            self._time, _, waiting = heapq.heappop(self._waiting)
            waiting.switch()
        self._time = end

    def close(self) -> None:
        """End all activities where they are. The memory of one that waits is never freed otherwise."""
        while self._waiting:
            _, _, waiting = self._waiting.pop()
            waiting.throw()

    def _at(self, time: float, waiting: greenlet) -> None:
        heapq.heappush(self._waiting, (time, next(self._numbers), waiting))
