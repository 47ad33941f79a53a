"""How an acceptance waits for what comes by itself."""

import time
from collections.abc import Callable

from tools.accept.sheet import MissedError


def wait_for[Seen](look: Callable[[], Seen | None], missed: str, *, patience: float, pause: float) -> Seen:
    """Look every `pause` seconds, for `patience` seconds at most, until `look` returns something, and return that.

    Raises MissedError that begins with `missed`.
    """
    end = time.monotonic() + patience
    while True:
        if seen := look():
            return seen
        if time.monotonic() >= end:
            raise MissedError(f"{missed} within {patience:.0f} s")
        time.sleep(pause)
