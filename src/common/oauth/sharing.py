"""How the environments of a fleet look into their common store without falling over each other.

Parameter Store serves some 40 reads a second to a whole account. Environments draw different moments to look for
a newer token, so they seldom meet there. They do meet where the server hands out one token until its end
(`TokenMemory.tokens_age`): all of them lose it at the same moment.
"""

import math
from typing import Final

from common.clock import Clock, Deadline
from common.errors import TransientError
from common.oauth.memory import TokenMemory
from common.oauth.parts import Dice, Store
from common.oauth.token import AccessToken, Miss

STORE_PATIENCE: Final = 10.0
"""The longest, in seconds, that a caller without a token waits for a store that throttles."""

END_SPREAD: Final = 5.0
"""Seconds over which environments spread their first request after the end of a token that they all lost."""

CROWD_SECONDS: Final = 900.0
"""Seconds after such an end during which a store that throttles shows that others are being served."""

_FIRST_PAUSE = 0.25
_LONGEST_PAUSE = 2.0
# What a caller needs to ask the endpoint after it has waited.
_RESERVE = 3.0
# How much more often a late moment is drawn than an early one: the logarithm of the number of environments.
_STEEPNESS = 10.0
# ServiceNow counts a token's life in whole seconds.
_GRAIN = 1.0


class SharedToken:
    """The store, as a caller without a usable token looks into it."""

    def __init__(self, store: Store, memory: TokenMemory, *, clock: Clock, dice: Dice) -> None:
        """Look into `store`; note what is seen in `memory`."""
        self._store = store
        self._memory = memory
        self._clock = clock
        self._dice = dice

    def look(self, client_id: str, deadline: Deadline) -> AccessToken | None:
        """Return a stored token that can be used now, or None where the endpoint is to be asked.

        Raises TransientError where so many environments are after the same new token that asking the endpoint
        would make things worse.
        """
        waited = self._let_a_few_go_first(deadline)
        stored = self._patiently(client_id, deadline)
        if not self._memory.accepts(stored) and not waited and self._let_a_few_go_first(deadline):
            stored = self._patiently(client_id, deadline)
        if stored is Miss.BUSY and self._seconds_since_the_end() < CROWD_SECONDS:
            raise TransientError(
                "More environments want the new access token than Parameter Store serves at a time.",
                action="Nothing; if it happens often, switch on higher throughput for Parameter Store.",
            )
        return stored if self._memory.accepts(stored) else None

    def _patiently(self, client_id: str, deadline: Deadline) -> AccessToken | Miss:
        """Look again and again while the store throttles."""
        give_up = self._clock.monotonic() + min(STORE_PATIENCE, deadline.remaining() / 2)
        longest = _FIRST_PAUSE
        while True:
            stored = self._store.load(client_id)
            if isinstance(stored, AccessToken):
                self._memory.see(stored)
            pause = self._dice.uniform(0.0, longest)
            if stored is not Miss.BUSY or self._clock.monotonic() + pause > give_up:
                return stored
            self._clock.sleep(pause)
            longest = min(_LONGEST_PAUSE, 2 * longest)

    def _seconds_since_the_end(self) -> float:
        """Return how long ago all environments lost one token together; infinity if they did not."""
        lost = self._memory.last
        if lost is None or not self._memory.tokens_age or self._clock.now() < lost.expires - _GRAIN:
            return math.inf
        return self._clock.now() - lost.expires

    def _let_a_few_go_first(self, deadline: Deadline) -> bool:
        """Sleep after such an end until a few may have got a new token; tell whether there was need.

        Most draw a late moment, so that however many there are, only a few ask before the first one's token is in
        the store: the exponential timers with which the receivers of a multicast suppress each other's complaints.
        """
        share = math.log1p(self._dice.uniform(0.0, 1.0) * math.expm1(_STEEPNESS)) / _STEEPNESS
        drawn = _GRAIN + END_SPREAD * share
        pause = drawn - self._seconds_since_the_end()
        if pause <= 0 or deadline.remaining() < pause + _RESERVE:
            return False
        self._clock.sleep(pause)
        return True
