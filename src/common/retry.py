"""When to try again: what a server asked for, and full jitter where it asked for nothing."""

from collections.abc import Iterator, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from random import SystemRandom

from common.clock import Clock

LONGEST_RETRY_AFTER = 3600.0
"""Seconds beyond which no `Retry-After` is believed: ServiceNow's rate rules are hourly."""

LONGEST_PAUSE = 2.0
"""Seconds for which a function sleeps before it tries again itself; longer waits are the queue's."""

MOST_REPETITIONS = 10
"""Repetitions that an environment may spend while nothing succeeds."""

_random = SystemRandom()


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds that `Retry-After` asks for: 0 to 3600, or None where it is absent or makes no sense.

    `now` is in seconds since the epoch; the header may hold seconds or an HTTP date (RFC 9110, section 10.2.3).
    """
    value = headers.get("Retry-After", "").strip()
    if not value:
        return None
    if value.isascii() and value.isdigit():
        return min(float(value), LONGEST_RETRY_AFTER)
    moment = http_date(value)
    return None if moment is None else min(max(moment - now, 0.0), LONGEST_RETRY_AFTER)


def http_date(value: str) -> float | None:
    """Return the seconds since the epoch of a date of HTTP, UTC without a zone; None where it makes no sense."""
    try:
        moment = parsedate_to_datetime(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def full_jitter(attempt: int, *, base: float, cap: float, sample: float | None = None) -> float:
    """Return a pause in seconds before try number `attempt` + 1: uniform from 0 to `base * 2**attempt`, capped.

    `sample` is a number from 0 to 1 that replaces the dice where a test wants to know the outcome.
    """
    share = _random.random() if sample is None else sample
    return share * min(cap, base * 2.0 ** min(attempt, 32))


def tries(most: int, clock: Clock, *, base: float = 0.2, cap: float = 1.0) -> Iterator[int]:
    """Yield 0 and so on, `most` at the most, with a pause of full jitter before each but the first."""
    for attempt in range(most):
        if attempt:
            clock.sleep(full_jitter(attempt, base=base, cap=cap))
        yield attempt


class RetryBudget:
    """What repetitions may cost: each takes one of ten, each success gives one back.

    While most calls succeed nothing is felt of it. While none does, it is used up soon, and then every call is tried
    once: a server that is down is not asked three times as often.
    """

    def __init__(self) -> None:
        """Start with all of it."""
        self._left = MOST_REPETITIONS

    def spend(self) -> bool:
        """Take one repetition; return whether there was one left."""
        if self._left <= 0:
            return False
        self._left -= 1
        return True

    def refund(self) -> None:
        """Note a success."""
        self._left = min(self._left + 1, MOST_REPETITIONS)
