"""What one process remembers: its token, and what went wrong when it last asked for one."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Final, TypeIs

from common.errors import BridgeError, HeldError, TransientError
from common.oauth.parts import Dice
from common.oauth.token import EARLIEST_REFRESH, LATEST_REFRESH, AccessToken, Miss

REFUSAL_SECONDS: Final = 30.0
"""Seconds for which a refusal is remembered instead of provoked again."""

TRIAL_SHARE: Final = 0.125
"""How many of the tokens of a server whose tokens age are asked for early all the same: it may renew them now."""

LONGEST_SILENCE: Final = 300.0
"""The longest, in seconds, that a server's wish to be left alone keeps every caller of this process away."""


class TokenMemory:
    """The token in hand. `held` is replaced as a whole, so it is read without a lock.

    `last` is the newest token that was seen anywhere, usable or not. `tokens_age` tells that this server was
    last seen to hand out one token with less and less time left: all environments lose such a token together.
    """

    def __init__(self, now: Callable[[], float], dice: Dice) -> None:
        """Hold nothing. `now` returns seconds since the epoch, UTC."""
        self._now = now
        self._dice = dice
        self._rejected: tuple[float, AccessToken] | None = None
        self.held: tuple[float, AccessToken | None] = (-math.inf, None)
        self.last: AccessToken | None = None
        self.tokens_age = False

    def usable(self) -> AccessToken | None:
        """Return the token in hand unless there is none or it is expired."""
        _, token = self.held
        return token if token is not None and self._now() < token.usable_until else None

    def take(self, token: AccessToken) -> AccessToken:
        """Hold `token`, as `see` returns it, and return that.

        The share of its life after which it turns stale is drawn here, so that environments differ, also those
        that were restored from one snapshot.
        """
        token = self.see(token)
        self.postpone(token, token.least_interval)
        fresh_until = token.fresh_until(self._dice.uniform(EARLIEST_REFRESH, LATEST_REFRESH))
        if fresh_until > self.held[0]:
            self.held = (fresh_until, token)
        return token

    def expect(self, token: AccessToken) -> AccessToken:
        """Return a token that was just issued as one that ages where this server's do, so that nobody asks early.

        All environments learn it with the token. Of some it is left open, to find out that the server has changed.
        """
        last = self.last
        came_at_the_end = last is None or (token.value != last.value and _is_at_the_end(token, last))
        if came_at_the_end and self.tokens_age and self._dice.uniform(0.0, 1.0) >= TRIAL_SHARE:
            return replace(token, renewable=False)
        return token

    def postpone(self, token: AccessToken, seconds: float) -> None:
        """Hold `token` and let it count as fresh for half to all of `seconds`, unless it expires earlier."""
        until = self._now() + seconds * self._dice.uniform(0.5, 1.0)
        self.held = (min(until, token.usable_until), token)

    def see(self, token: AccessToken) -> AccessToken:
        """Note a token to compare the next one with, and return what it is beside the one before."""
        token = token.after(self.last)
        last = self.last
        if not token.renewable:
            self.tokens_age = True
        if last is None or token.is_newer_than(last):
            if token.renewable and last is not None and not _is_at_the_end(token, last):
                self.tokens_age = False
            self.last = token
        return token

    def reject(self, token: AccessToken) -> None:
        """Hold nothing any more, and accept `token` from nowhere."""
        self.held = (-math.inf, None)
        self._rejected = (self._now(), token)

    def accepts(self, stored: AccessToken | Miss) -> TypeIs[AccessToken]:
        """Tell whether what the store answered can be used here and now."""
        if not isinstance(stored, AccessToken) or self._now() >= stored.usable_until:
            return False
        if self._rejected is None:
            return True
        when, rejected = self._rejected
        if stored.value == rejected.value:
            return stored.issued > max(when, rejected.issued)
        return stored.issued >= rejected.issued


def _is_at_the_end(token: AccessToken, last: AccessToken) -> bool:
    """Tell whether `token` was asked for when `last` was over, or nearly so."""
    return token.asked >= last.expires - last.least_interval


class FailureMemory:
    """What went wrong, for those who waited for the same request and for those who come soon after."""

    def __init__(self, now: Callable[[], float]) -> None:
        """Remember nothing. `now` returns seconds since the epoch, UTC."""
        self._now = now
        self._latest: BridgeError | None = None
        self._kept: tuple[float, float, BridgeError] | None = None
        self.count = 0

    def record(self, error: BridgeError) -> None:
        """Note a failure for those who are waiting at this moment."""
        self._latest = error
        self.count += 1

    def keep(self, error: BridgeError) -> None:
        """Remember a refusal for a while, and a wish to be left alone for as long as was asked."""
        if isinstance(error, HeldError):
            self._kept = (self._now(), REFUSAL_SECONDS, error)
        elif isinstance(error, TransientError) and error.retry_after is not None:
            self._kept = (self._now(), min(error.retry_after, LONGEST_SILENCE), error)

    def check(self, since: int | None = None) -> None:
        """Raise what is remembered, or what others met since `count` was `since`."""
        if since is not None and since != self.count and self._latest is not None:
            raise _again(self._latest)
        if self._kept is not None:
            began, seconds, error = self._kept
            # A wall clock that was set back must not prolong it.
            elapsed = self._now() - began
            if 0 <= elapsed < seconds:
                raise _again(error, seconds - elapsed)


def _again(error: BridgeError, seconds_left: float | None = None) -> BridgeError:
    """Return a copy, because an exception that several threads raise collects all their tracebacks."""
    wait = error.retry_after if seconds_left is None or error.retry_after is None else seconds_left
    return type(error)(error.message, action=error.action, status=error.status, retry_after=wait, code=error.code)
