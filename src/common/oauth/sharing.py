"""How the environments of a fleet look into their common store without falling over each other.

Parameter Store serves some 40 reads a second to a whole account. Environments draw different moments to look for
a newer token, so they seldom meet there. They do meet where the server hands out one token until its end
(`TokenMemory.tokens_age`): all of them lose it at the same moment. From then on each looks when it is its turn: a
few early ones look and find nothing, the first of them claims the request and asks the endpoint, the others find what
it has stored, and whoever is throttled comes again later and later, so that the store has room for others, above all
for new environments, which know nothing of the crowd.
"""

import math
from dataclasses import dataclass, replace
from typing import Final

from common.clock import Clock, Deadline
from common.errors import NotYetError
from common.oauth.memory import TokenMemory
from common.oauth.parts import Dice, Store
from common.oauth.token import AccessToken, Miss

STORE_PATIENCE: Final = 10.0
"""The longest, in seconds, that a caller without a token waits for a store that throttles."""

FIRST_TURNS: Final = 5.0
"""Seconds over which environments spread their first look after the end of a token that they all lost."""

LATER_TURNS: Final = 12.0
"""Seconds over which those spread their next look who were throttled at the first one."""

LATEST_TURNS: Final = 300.0
"""The most that these spread become, in seconds: what 10,000 environments need at 40 reads a second."""

CROWD_SECONDS: Final = 900.0
"""Seconds after such an end during which a store that throttles shows that others are being served."""

CLAIM_SECONDS: Final = 5.0
"""Seconds for which all others leave the endpoint to the environment that is asking it for the next token."""

# How long one waits at most before another look into a store that throttles.
_STORE_PAUSE = 0.25
# What a caller needs after it has waited: to ask the endpoint, or to note its failure and to hide what it has in hand.
_RESERVE = 5.0
# How long one waits at most before another look at what somebody else is asking for.
_CLAIM_PAUSE = 1.0
# How much more often a late moment is drawn than an early one: the logarithm of the number of environments.
_STEEPNESS = 10.0
# How much longer the others wait each time that they are throttled again.
_GROWTH = 8.0
# ServiceNow counts a token's life in whole seconds.
_GRAIN = 1.0


@dataclass(frozen=True, slots=True)
class Turn:
    """When an environment looks that lost its token at `end` together with all others.

    Times are seconds since the epoch, UTC. `throttled` is how often the store has refused it since.
    """

    end: float
    at: float
    throttled: int = 0

    @classmethod
    def first(cls, end: float, share: float) -> "Turn":
        """Return the first one, for an environment that drew `share` from 0 to 1.

        Late moments are drawn more often than early ones, so that however many there are, only a few ask before
        the first one's token is in the store: the exponential timers with which the receivers of a multicast
        suppress each other's complaints.
        """
        late = math.log1p(share * math.expm1(_STEEPNESS)) / _STEEPNESS
        return cls(end, end + _GRAIN + FIRST_TURNS * late)

    def later(self, now: float, share: float) -> "Turn":
        """Return the next one, as it was throttled at `now`."""
        spread = min(LATER_TURNS * _GROWTH**self.throttled, LATEST_TURNS)
        return Turn(self.end, now + share * spread, self.throttled + 1)


class SharedToken:
    """The store, as a caller without a usable token looks into it."""

    def __init__(self, store: Store, memory: TokenMemory, *, clock: Clock, dice: Dice) -> None:
        """Look into `store`; note what is seen in `memory`."""
        self._store = store
        self._memory = memory
        self._clock = clock
        self._dice = dice
        self._turn: Turn | None = None

    def look(self, client_id: str, deadline: Deadline) -> AccessToken | None:
        """Return a stored token that can be used now, or None where the endpoint is to be asked.

        Raises NotYetError where so many environments are after the same new token that asking the endpoint
        would make things worse.
        """
        stored: AccessToken | Miss = Miss.BUSY
        if self._current_turn() is None:
            stored = self._patiently(client_id, deadline)
        turn = None if self._memory.accepts(stored) else self._current_turn()
        if turn is not None:
            stored = self._in_turn(turn, client_id, deadline)
        return stored if self._memory.accepts(stored) else None

    def _patiently(self, client_id: str, deadline: Deadline) -> AccessToken | Miss:
        """Look again and again while the store throttles."""
        give_up = self._clock.monotonic() + min(STORE_PATIENCE, deadline.remaining() / 2)
        while True:
            stored = self._load(client_id)
            pause = self._dice.uniform(0.0, _STORE_PAUSE)
            if stored is not Miss.BUSY or self._clock.monotonic() + pause > give_up:
                return stored
            self._clock.sleep(pause)

    def _in_turn(self, turn: Turn, client_id: str, deadline: Deadline) -> AccessToken | Miss:
        """Look when it is this environment's turn, until the store answers and nobody else is asking the endpoint."""
        while True:
            self._wait_for(turn, deadline)
            stored = self._load(client_id)
            if stored is Miss.BUSY:
                turn = self._turn = turn.later(self._clock.now(), self._dice.uniform(0.0, 1.0))
                continue
            if not isinstance(stored, AccessToken) or self._memory.accepts(stored):
                return stored
            pause = self._dice.uniform(0.5, 1.0) * _CLAIM_PAUSE
            if not self._is_claimed(stored) or deadline.remaining() < pause + _RESERVE:
                self._store.save(replace(stored, asked=max(self._clock.now(), stored.expires)), client_id)
                return stored
            self._clock.sleep(pause)

    def _is_claimed(self, stored: AccessToken) -> bool:
        """Tell whether somebody has begun to ask after the end of `stored`, and not long ago."""
        return stored.asked >= stored.expires and 0 <= self._clock.now() - stored.asked < CLAIM_SECONDS

    def _wait_for(self, turn: Turn, deadline: Deadline) -> None:
        """Sleep until it is `turn`. Who has too little time for the first one does not wait: its call comes first."""
        pause = max(turn.at - self._clock.now(), 0.0)
        spare = max(deadline.remaining() - _RESERVE, 0.0)
        if pause > spare and turn.throttled:
            # Kept and not sent away at once: the next call would fare no better.
            self._clock.sleep(spare)
            raise NotYetError(
                "More environments want the new access token than Parameter Store serves at a time.",
                action="Nothing; if it happens often, switch on higher throughput for Parameter Store.",
                retry_after=pause - spare,
            )
        if 0 < pause <= spare:
            self._clock.sleep(pause)

    def _load(self, client_id: str) -> AccessToken | Miss:
        stored = self._store.load(client_id)
        if isinstance(stored, AccessToken):
            self._memory.see(stored)
        return stored

    def _current_turn(self) -> Turn | None:
        """Return this environment's turn if all have lost one token together not long ago."""
        lost = self._memory.last
        if lost is None or not self._memory.tokens_age:
            return None
        if not -_GRAIN <= self._clock.now() - lost.expires < CROWD_SECONDS:
            return None
        if self._turn is None or self._turn.end != lost.expires:
            self._turn = Turn.first(lost.expires, self._dice.uniform(0.0, 1.0))
        return self._turn
