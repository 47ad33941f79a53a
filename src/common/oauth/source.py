"""Where every token comes from: memory, then the store that all environments share, then the token endpoint.

A token is fresh, then stale, then expired (`fresh_until` and `usable_until` of `token.py`). Fresh: it is returned as it
is, without a lock. Stale: one thread looks for a newer one while all others go on with the old one, and so does
everybody if none is to be had. Expired: one thread gets a new one, all others wait for it.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from random import SystemRandom
from typing import Final

from common.clock import Clock, Deadline
from common.errors import BridgeError, HeldError, TransientError
from common.oauth.answer import unusable_token
from common.oauth.client import ClientInUse
from common.oauth.memory import REFUSAL_SECONDS, FailureMemory, TokenMemory
from common.oauth.parts import Credentials, Dice, Endpoint, Store
from common.oauth.sharing import SharedToken
from common.oauth.token import AccessToken, Miss
from common.telemetry import Telemetry

STALE_SECONDS: Final = 3.0
"""The longest that a caller with a usable token is kept to look for a newer one."""

REFRESHER_SHARE: Final = 0.3
"""From this share of the life on, the scheduled refresher asks for a newer token.

A little less than a third: with ServiceNow's 30 minutes and a run every 5, it is every other run, also where a run
comes some seconds early.
"""

_MOST_DOUBLINGS = 2
_SYSTEM_RANDOM = SystemRandom()


class TokenSource:
    """The access token of one client. Safe to share between threads; one for each process."""

    def __init__(  # noqa: PLR0913 (the parts that it is composed of)
        self,
        *,
        credentials: Credentials,
        store: Store,
        endpoint: Endpoint,
        clock: Clock,
        telemetry: Telemetry,
        dice: Dice | None = None,
    ) -> None:
        """Compose the parts. Nothing is read or asked for yet."""
        self._client = ClientInUse(credentials, endpoint, telemetry, clock.now)
        self._store = store
        self._endpoint = endpoint
        self._now = clock.now
        self._telemetry = telemetry
        self._memory = TokenMemory(clock.now, dice or _SYSTEM_RANDOM)
        self._shared = SharedToken(store, self._memory, clock=clock, dice=dice or _SYSTEM_RANDOM)
        self._failures = FailureMemory(clock.now)
        self._early_failures = 0
        self._lock = threading.Lock()
        self._replacement: AccessToken | None = None
        self._came_back = ""
        self._from_memory = 0

    def token(self, deadline: Deadline) -> AccessToken:
        """Return a token that is good now.

        Raises CredentialsError or ConfigurationError where a person has to mend something, TransientError
        where no token is to be had in time.
        """
        fresh_until, token = self._memory.held
        if token is not None:
            now = self._now()
            if now < fresh_until:
                self._from_memory += 1
                return token
            if now < token.usable_until:
                return self._newer_or_same(token, deadline)
        with self._turn(deadline) as failures_before:
            return self._memory.usable() or self._obtain(failures_before, deadline)

    def rejected(self, token: AccessToken, deadline: Deadline) -> AccessToken:
        """Return a token to use instead of `token`, which the API answered with 401.

        However many threads report it, one request is made. Raises as `token` does, and CredentialsError
        where the rejected token had only just been issued in place of another rejected one.
        """
        with self._turn(deadline) as failures_before:
            current = self._memory.usable()
            is_replaced = current is not token and current is self._replacement
            if current is not None and (is_replaced or current.value != token.value):
                return current
            now = self._now()
            if token is self._replacement and 0 <= now - token.asked < REFUSAL_SECONDS:
                if token.value != self._came_back:
                    raise unusable_token()
                # Refused, handed out again, and refused again: nobody can use it, and it stands in a new one's way.
                self._endpoint.revoke(token.value, deadline)
            self._memory.reject(token)
            replacement = self._obtain(failures_before, deadline)
            if replacement.asked >= now:
                is_first = self._came_back != token.value
                self._came_back = token.value if is_first and replacement.value == token.value else ""
                self._replacement = replacement
            return replacement

    def refresh(self, deadline: Deadline) -> AccessToken:
        """Renew the shared token from one third of its life on, and return the newest one. For the schedule.

        Raises as `token` does, even while the token in hand would still do: somebody should know.
        """
        with self._turn(deadline) as failures_before, self._recorded(failures_before):
            client = self._client.known()
            stored = self._shared.look(client.client_id, deadline)
            token = self._memory.usable()
            if stored is not None and (token is None or stored.is_newer_than(token)):
                token = self._adopt(stored)
            if token is not None and stored != token:
                self._store.save(token, client.client_id)
            if token is not None and not self._is_due(token, REFRESHER_SHARE):
                return token
            return self._ask(deadline)

    def report(self) -> None:
        """Hand what was counted on the hot path to telemetry. Call it once an invocation, before the flush."""
        taken, self._from_memory = self._from_memory, 0
        if taken:
            self._telemetry.count("TokenFromMemory", taken)
        token = self._memory.usable()
        if token is not None:
            self._telemetry.gauge("TokenAge", max(self._now() - token.issued, 0.0))

    # Expired, rejected or not there: the caller has to wait.

    @contextmanager
    def _turn(self, deadline: Deadline) -> Iterator[int]:
        """Wait for the lock; yield the number of failures before, to tell those that happened meanwhile."""
        failures_before = self._failures.count
        if not self._lock.acquire(timeout=max(deadline.remaining(), 0.0)):
            raise TransientError(
                "Another thread was still waiting for an access token when the time was over.",
                action="Nothing, unless it goes on: then look at the state of the ServiceNow instance.",
            )
        try:
            yield failures_before
        finally:
            self._lock.release()

    @contextmanager
    def _recorded(self, failures_before: int) -> Iterator[None]:
        self._failures.check(failures_before)
        try:
            yield
        except BridgeError as error:
            self._failures.record(error)
            raise

    def _obtain(self, failures_before: int, deadline: Deadline) -> AccessToken:
        with self._recorded(failures_before):
            stored = self._shared.look(self._client.known().client_id, deadline) or self._stored_for_next()
            if stored is None:
                return self._ask(deadline)
            return self._adopt(stored)

    def _stored_for_next(self) -> AccessToken | None:
        """Return what another environment was given for the secret's `next`, which is then the one to go on with."""
        client_id = self._client.other_id()
        stored = Miss.ABSENT if client_id is None else self._store.load(client_id)
        if not self._memory.accepts(stored):
            return None
        self._client.use_next()
        return stored

    # Stale: the caller has a token and is not to be kept for long.

    def _newer_or_same(self, token: AccessToken, deadline: Deadline) -> AccessToken:
        if self._lock.acquire(blocking=False):
            try:
                fresh_until, current = self._memory.held
                if current is token and self._now() >= fresh_until:
                    self._look_for_newer(token, deadline.within(STALE_SECONDS))
                return self._memory.usable() or token
            finally:
                self._lock.release()
        self._from_memory += 1
        return token

    def _look_for_newer(self, token: AccessToken, deadline: Deadline) -> None:
        try:
            stored = self._store.load(self._client.known().client_id)
            if stored is Miss.ABSENT:
                stored = self._stored_for_next() or stored
            if self._memory.accepts(stored) and stored.is_newer_than(token):
                self._adopt(stored)
            elif stored is Miss.BUSY or not self._is_due(token, 0.0):
                self._memory.postpone(token, token.least_interval)
            else:
                self._failures.check()
                self._ask(deadline)
        except BridgeError as error:
            self._go_on_with(token, error)

    def _go_on_with(self, token: AccessToken, error: BridgeError) -> None:
        """Keep `token`, ask later, and let the others know that asking was of no use just now."""
        self._telemetry.count("TokenRenewalFailures")
        self._telemetry.log.warning(
            "The access token could not be renewed and is used on", extra={"reason": error.message}
        )
        self._early_failures += 1
        back_off = token.least_interval * 2.0 ** min(self._early_failures, _MOST_DOUBLINGS)
        kept = replace(token, asked=self._now())
        self._memory.postpone(kept, back_off)
        if self._client.known_id is not None:
            self._store.save(kept, self._client.known_id)

    # What both have in common.

    def _is_due(self, token: AccessToken, share: float) -> bool:
        """Tell whether the endpoint may be asked for a newer one after `share` of the life."""
        now = self._now()
        old_enough = now >= token.issued + share * token.life
        return token.renewable and old_enough and now - token.asked >= token.least_interval

    def _ask(self, deadline: Deadline) -> AccessToken:
        try:
            token = self._client.request(deadline)
        except BridgeError as error:
            self._failures.keep(error)
            if isinstance(error, HeldError):
                self._telemetry.count("TokenRefusals")
            raise
        self._early_failures = 0
        self._telemetry.protect(token.value)
        token = self._memory.take(self._memory.expect(token))
        self._store.save(token, self._client.known().client_id)
        return token

    def _adopt(self, stored: AccessToken) -> AccessToken:
        self._telemetry.count("TokenFromStore")
        self._telemetry.protect(stored.value)
        return self._memory.take(stored)
