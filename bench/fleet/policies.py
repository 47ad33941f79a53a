"""How an environment gets its tokens: as this project does, and in two other ways that people choose."""

import io
import math
from collections.abc import Callable, Mapping
from typing import Protocol

import boto3

from bench.fleet.engine import Simulation
from bench.fleet.services import ParameterStore, ServiceNow
from common.clock import Deadline
from common.oauth.assertion import KmsSigner
from common.oauth.credentials import ClientCredentials
from common.oauth.endpoint import TokenEndpoint
from common.oauth.parts import Dice, Store
from common.oauth.source import TokenSource
from common.oauth.store import TokenStore
from common.oauth.token import AccessToken, Miss
from common.telemetry import Telemetry

_CREDENTIALS = ClientCredentials("bridge", "made up", "1")


class Caller(Protocol):
    """The client in one environment."""

    def token(self, deadline: Deadline) -> object:
        """Return a token that is good now. Raises BridgeError."""
        ...

    def answers_from_memory_until(self) -> float:
        """Return until when (epoch, UTC) calls change nothing, neither here nor elsewhere."""
        ...


class _Silence(Telemetry):
    """Telemetry that nobody reads."""

    def __init__(self) -> None:
        super().__init__("fleet", stream=io.StringIO())
        self.log.setLevel("CRITICAL")

    def protect(self, secret: str) -> None:
        """Leave out what only log lines need."""


_SILENCE = _Silence()


class _Nowhere:
    """A store that keeps nothing."""

    def load(self, _client_id: str) -> AccessToken | Miss:
        return Miss.ABSENT

    def save(self, _token: AccessToken, _client_id: str) -> None:
        pass


class Place:
    """What the environments of a fleet have in common."""

    def __init__(
        self, simulation: Simulation, parameter_store: ParameterStore, servicenow: ServiceNow, dice: Dice
    ) -> None:
        """Keep what new callers are made of."""
        self.simulation = simulation
        self.dice = dice
        self.endpoint = TokenEndpoint(
            servicenow,
            signer=KmsSigner(lambda: boto3.client("kms")),
            clock=simulation,
            telemetry=_SILENCE,
            path="/oauth_token.do",
        )
        self._parameter_store = parameter_store

    def store(self) -> TokenStore:
        """Return the project's own store over the simulated Parameter Store."""
        return TokenStore(
            self._parameter_store,  # type: ignore[arg-type] # it has the two calls that are made
            parameter="/token",
            key_id="key",
            tiered=True,
            host="example.service-now.com",
            scope="",
            clock=self.simulation,
            telemetry=_SILENCE,
        )


class SharedAndEarly:
    """The project's own token source, whose parts are injected."""

    def __init__(self, place: Place, store: Store | None = None) -> None:
        """Be a new environment."""
        self.source = TokenSource(
            credentials=self,
            store=store or place.store(),
            endpoint=place.endpoint,
            clock=place.simulation,
            telemetry=_SILENCE,
            dice=place.dice,
        )
        self.token = self.source.token

    def read(self) -> ClientCredentials:
        """Return the client credentials, which never change here."""
        return _CREDENTIALS

    def answers_from_memory_until(self) -> float:
        """Return until when the token in hand is fresh."""
        return self.source._memory.held[0]  # noqa: SLF001 (calls that have no effect need not be simulated)


class MemoryOnly(SharedAndEarly):
    """The same without a store: every environment keeps its own token."""

    def __init__(self, place: Place) -> None:
        """Be a new environment."""
        super().__init__(place, _Nowhere())


class AskAtExpiry:
    """A shared token that is renewed by whoever finds it expired."""

    def __init__(self, place: Place) -> None:
        """Be a new environment."""
        self._now = place.simulation.now
        self._store = place.store()
        self._endpoint = place.endpoint
        self._token: AccessToken | None = None

    def token(self, deadline: Deadline) -> AccessToken:
        """Return the token in hand, else the stored one, else a new one."""
        if self._token is None or self._now() >= self._token.usable_until:
            self._token = None
            stored = self._store.load(_CREDENTIALS.client_id)
            if isinstance(stored, AccessToken) and self._now() < stored.usable_until:
                self._token = stored
            else:
                self._token = self._endpoint.request(_CREDENTIALS, deadline)
                self._store.save(self._token, _CREDENTIALS.client_id)
        return self._token

    def answers_from_memory_until(self) -> float:
        """Return until when the token in hand is good."""
        return self._token.usable_until if self._token else -math.inf


POLICIES: Mapping[str, Callable[[Place], Caller]] = {
    "this project": SharedAndEarly,
    "memory only": MemoryOnly,
    "ask at expiry": AskAtExpiry,
}
