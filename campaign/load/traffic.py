"""What is put on the event bus: alarms that flap, out of order, and some of them more than once."""

from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from local.alarms import alarm_event
from local.emulator import ACCOUNT, REGION

PROBLEMS = 500
"""Alarms that take turns at random, about as often firing as over."""

_LONGEST_WAY = 10.0
_SHARE_OF_REPEATS = 0.2
_REMEMBERED = 200


class Traffic:
    """A source of events. `deliveries` holds what was taken so far, a repeated event as often as it was taken."""

    def __init__(
        self, seed: int, now: Callable[[], datetime] = lambda: datetime.now(UTC), *, problems: int = PROBLEMS
    ) -> None:
        """Draw from `seed`, events of that many problems; an event happens up to ten seconds before it is taken."""
        self.deliveries: list[dict[str, Any]] = []
        self._dice = Random(seed)  # noqa: S311 -- traffic that can be repeated, no secrets
        self._now = now
        self._problems = problems
        self._recent: deque[dict[str, Any]] = deque(maxlen=_REMEMBERED)

    @property
    def events(self) -> int:
        """How many different events there are among the deliveries."""
        return len({identity(event) for event in self.deliveries})

    def take(self, number: int) -> list[dict[str, Any]]:
        """Return that many deliveries to put on the bus."""
        taken = [self._next() for _ in range(number)]
        self.deliveries += taken
        return taken

    def _next(self) -> dict[str, Any]:
        if self._recent and self._dice.random() < _SHARE_OF_REPEATS:
            return self._dice.choice(self._recent)
        name = f"load-{self._dice.randrange(self._problems):03}"
        at = self._now() - timedelta(seconds=self._dice.uniform(0, _LONGEST_WAY))
        event = alarm_event(self._dice.choice(("ALARM", "OK")), name=name, at=at)
        # The bus sets these; the problem that an event is about, and its order, depend on them.
        event |= {"account": ACCOUNT, "region": REGION, "time": f"{self._now():%Y-%m-%dT%H:%M:%SZ}"}
        # Every note says which event it is from, so that a note written twice is seen.
        event["detail"]["state"]["reason"] = f"{name} crossed its threshold ({self._dice.getrandbits(64):016x})"
        self._recent.append(event)
        return event


def identity(event: Mapping[str, Any]) -> str:
    """Return what tells an event from every other one, also after the bus gave it another id and time."""
    reason: str = event["detail"]["state"]["reason"]
    return reason
