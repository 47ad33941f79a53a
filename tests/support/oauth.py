"""Stand-ins for the parts of a token source, for tests without sockets."""

from collections import deque
from dataclasses import dataclass, field

import pytest

from common.clock import Deadline
from common.errors import BridgeError, CredentialsError, TransientError
from common.oauth.credentials import ClientCredentials
from common.oauth.source import TokenSource
from common.oauth.token import AccessToken, Miss
from tests.support.clock import FakeClock
from tests.support.telemetry import readable_telemetry

CLIENT = ClientCredentials("bridge", "first-secret-of-the-client", "version-1")
ROTATED = ClientCredentials("bridge", "second-secret-of-the-client", "version-2")

AWAY = TransientError("The endpoint is away.", action="Wait.")
REFUSED = CredentialsError("ServiceNow refuses the client.", action="Check the secret.", status=401, code="refused")

# With dice that fall in the middle, a token of 1800 s is stale from 1197 s on and expired from 1740 s on.
STALE_AT = 1197.0
EXPIRED_AT = 1740.0


class Middle:
    """Dice that always fall at the same share of the range."""

    def __init__(self, share: float = 0.5) -> None:
        """Fall at `share`, from 0 to 1."""
        self.share = share

    def uniform(self, a: float, b: float, /) -> float:
        """Return the number at the chosen share between `a` and `b`."""
        return a + (b - a) * self.share


@dataclass
class SecretBox:
    """Holds the client credentials; `now` is what a reading returns or raises."""

    now: ClientCredentials | BridgeError = CLIENT
    readings: int = 0

    def read(self) -> ClientCredentials:
        """Return or raise what it holds."""
        self.readings += 1
        if isinstance(self.now, BridgeError):
            raise self.now
        return self.now


@dataclass
class Shelf:
    """A store that several sources can share. `answers` are given instead, one a look, before it looks."""

    kept: AccessToken | Miss = Miss.ABSENT
    answers: deque[AccessToken | Miss] = field(default_factory=deque)
    looks: int = 0
    saved: list[AccessToken] = field(default_factory=list)
    clients: list[str] = field(default_factory=list)

    def load(self, client_id: str) -> AccessToken | Miss:
        """Return what it keeps."""
        self.looks += 1
        self.clients.append(client_id)
        return self.answers.popleft() if self.answers else self.kept

    def save(self, token: AccessToken, client_id: str) -> None:
        """Keep `token`."""
        self.clients.append(client_id)
        self.saved.append(token)
        self.kept = token


@dataclass
class Issuer:
    """A token endpoint on a clock: `sliding`, `fixed` or `fresh`, as `local.simulator` names them.

    `troubles` are raised first, one a request. `accepted` is the only secret that it takes, if set.
    """

    clock: FakeClock
    behaviour: str = "sliding"
    life: float = 1800.0
    troubles: deque[BridgeError] = field(default_factory=deque)
    accepted: ClientCredentials | None = None
    refusal: BridgeError | None = None
    requests: list[ClientCredentials] = field(default_factory=list)
    deadlines: list[float] = field(default_factory=list)
    _number: int = 0
    _expires: float = 0.0

    def request(self, credentials: ClientCredentials, deadline: Deadline) -> AccessToken:
        """Return a token, as the chosen behaviour has it."""
        self.requests.append(credentials)
        self.deadlines.append(deadline.remaining())
        if self.troubles:
            raise self.troubles.popleft()
        if self.refusal is not None and credentials != self.accepted:
            raise self.refusal
        now = self.clock.now()
        if self.behaviour == "fresh" or now >= self._expires:
            self._number += 1
            self._expires = now + self.life
        if self.behaviour == "sliding":
            self._expires = now + self.life
        return AccessToken(f"token-{self._number}", now, self._expires, now)

    def revoke(self, _value: str = "", _deadline: Deadline | None = None) -> None:
        """Let the next request bring another token."""
        self._expires = 0.0


@dataclass
class Stack:
    """One environment's source with all its parts within reach."""

    clock: FakeClock = field(default_factory=FakeClock)
    secret: SecretBox = field(default_factory=SecretBox)
    store: Shelf = field(default_factory=Shelf)
    dice: Middle = field(default_factory=Middle)

    def __post_init__(self) -> None:
        """Put the source together."""
        self.issuer = Issuer(self.clock)
        self.telemetry, self.log = readable_telemetry()
        self.source = self.another()

    def another(self) -> TokenSource:
        """Return the source of another environment with the same store, secret and endpoint."""
        return TokenSource(
            credentials=self.secret,
            store=self.store,
            endpoint=self.issuer,
            clock=self.clock,
            telemetry=self.telemetry,
            dice=self.dice,
        )

    def deadline(self, seconds: float = 20.0) -> Deadline:
        """Return a deadline that many seconds from now."""
        return Deadline.after(self.clock, seconds)

    def token(self, of: TokenSource | None = None, *, after: float = 0.0) -> AccessToken:
        """Ask the stack's source, or another one, for a token, so many seconds from now."""
        self.clock.advance(after)
        return (of or self.source).token(self.deadline())

    def rejected(self, token: AccessToken, of: TokenSource | None = None) -> AccessToken:
        """Report a 401, and return the token to go on with."""
        return (of or self.source).rejected(token, self.deadline())

    def refresh(self, of: TokenSource | None = None, *, after: float = 0.0) -> AccessToken:
        """Let the scheduled refresher run, so many seconds from now."""
        self.clock.advance(after)
        return (of or self.source).refresh(self.deadline())

    def failure[Kind: BridgeError](self, kind: type[Kind], *, after: float = 0.0) -> Kind:
        """Ask for a token, so many seconds from now, and return the error of that kind that comes instead."""
        with pytest.raises(kind) as caught:
            self.token(after=after)
        return caught.value

    def reach_the_end(self) -> None:
        """Use a token that ages until it is over: from halfway on it is known that it does."""
        self.token()
        self.token(after=STALE_AT)
        self.clock.advance(1800 - STALE_AT)

    def newest_stored(self) -> AccessToken:
        """Return the token that was stored last."""
        return self.store.saved[-1]

    @property
    def asked(self) -> int:
        """How many requests the endpoint has seen."""
        return len(self.issuer.requests)
