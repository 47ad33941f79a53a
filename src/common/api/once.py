"""Writes that must not be repeated, such as a comment: with a key, at most once.

The ledger remembers each: under way, done, or free again because it was provably not carried out. ServiceNow shows no
key by which a comment could be found again, so where its answer was lost nobody repeats it: the caller looks.
"""

from collections.abc import Callable
from contextlib import suppress
from copy import replace
from random import SystemRandom
from secrets import token_hex

from common.api.creation import LEAST_SECONDS
from common.api.problems import Kind, ProblemError
from common.api.requests import RequestKey
from common.clock import Clock, Deadline
from common.errors import AmbiguousError, BridgeError
from common.incidents.alert import ONLY_MEMBER, order_key
from common.incidents.item import Item, Operation, Pending, problem_of
from common.incidents.ledger import Ledger
from common.incidents.steps import CLOCK_MARGIN, SERVICENOW_COMMITS_WITHIN

_jitter = SystemRandom()


class Once:
    """Carries out what has a key at most once."""

    def __init__(self, ledger: Ledger, *, deployment: str, clock: Clock) -> None:
        """Remember requests in `ledger`, beside the problems of `deployment`."""
        self._ledger = ledger
        self._deployment = deployment
        self._clock = clock

    def run(self, request: RequestKey, table: str, write: Callable[[], object], deadline: Deadline) -> bool:
        """Call `write` unless it was done under this key before; return whether it was called.

        Raises what `write` raises, ChangedRequestError where the key stands for something else, and ProblemError
        where another copy of the request is under way, or where nobody knows what became of it.
        """
        while True:
            item = self._read(request, table)
            if item.pending is None and item.orders:
                return False
            if item.pending is None and (claimed := self._claim(item, deadline)) is not None:
                self._write(claimed, write)
                return True
            self._wait(item, deadline)

    def _read(self, request: RequestKey, table: str) -> Item:
        problem = problem_of(self._deployment, request.dedup_key)
        item = self._ledger.read(problem, dedup_key=request.dedup_key, table=table)
        return item.asked_with(request.fingerprint)

    def _claim(self, item: Item, deadline: Deadline) -> Item | None:
        now = self._ledger.now()
        until = now + max(0, int(deadline.remaining() * 1000)) + SERVICENOW_COMMITS_WITHIN + CLOCK_MARGIN
        order = order_key(now, firing=False)
        pending = Pending(Operation.NOTE, {ONLY_MEMBER: order}, until, token_hex(8))
        return self._ledger.write(replace(item, pending=pending))

    def _write(self, claimed: Item, write: Callable[[], object]) -> None:
        pending = claimed.pending
        if pending is None:
            raise ValueError("A write begins with a claim.")
        try:
            write()
        except AmbiguousError:
            # From now on it is known that nobody works on it any more.
            self._note(replace(claimed, pending=replace(pending, lock_until=self._ledger.now())))
            raise
        except BridgeError:
            self._note(claimed.reverted())
            raise
        self._note(claimed.settled(pending.orders, None))

    def _note(self, item: Item) -> None:
        # The write has its outcome already; a ledger that is away must not change what the caller is told.
        with suppress(BridgeError):
            self._ledger.write(item)

    def _wait(self, item: Item, deadline: Deadline) -> None:
        if item.pending is not None and self._ledger.now() >= item.pending.lock_until:
            raise ProblemError(
                Kind.OUTCOME_UNKNOWN,
                "ServiceNow never answered the first request with this key, so it may have been carried out.",
                action="Look at the record in ServiceNow. If it is not there, send it with a new Idempotency-Key.",
            )
        if deadline.remaining() < LEAST_SECONDS:
            raise ProblemError(
                Kind.IN_PROGRESS,
                "An earlier request with this key has no outcome yet.",
                action="Repeat the request after Retry-After seconds.",
                retry_after=5,
            )
        self._clock.sleep(_jitter.uniform(0.1, 0.5))
