"""What the token source is made of. A test, or the simulation of a fleet, passes its own."""

from typing import Protocol

from common.clock import Deadline
from common.oauth.credentials import ClientCredentials
from common.oauth.token import AccessToken, Miss


class Credentials(Protocol):
    """Where the client credentials are: `CredentialsReader`."""

    def read(self) -> ClientCredentials:
        """Return the credentials as they are now. Raises CredentialsError or TransientError."""
        ...


class Store(Protocol):
    """What all environments share: `TokenStore`. It never raises."""

    def load(self, client_id: str) -> AccessToken | Miss:
        """Return the stored token of `client_id`, which may be expired, or why there is none."""
        ...

    def save(self, token: AccessToken, client_id: str) -> None:
        """Store `token` for all environments of `client_id`."""
        ...


class Endpoint(Protocol):
    """Who issues tokens: `TokenEndpoint`."""

    def request(self, credentials: ClientCredentials, deadline: Deadline) -> AccessToken:
        """Return a token. Raises CredentialsError, ConfigurationError or TransientError."""
        ...

    def revoke(self, value: str, deadline: Deadline) -> None:
        """Give up a token that nobody can use. Never raises a BridgeError."""
        ...


class Dice(Protocol):
    """Random numbers: `random.SystemRandom`, which differs between environments made from one snapshot."""

    def uniform(self, a: float, b: float, /) -> float:
        """Return a number from `a` to `b`."""
        ...
