"""The client's own parts for a measurement, and the other clients, all against one simulated instance."""

import io
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import boto3
import requests
from authlib.integrations.requests_client import OAuth2Session
from aws_lambda_powertools.utilities.auth_alpha.oauth2 import OAuth2Client
from msal import ConfidentialClientApplication

from common.clock import Clock, Deadline, SystemClock
from common.oauth.assertion import KmsSigner
from common.oauth.credentials import ClientCredentials
from common.oauth.endpoint import TokenEndpoint
from common.oauth.source import TokenSource
from common.oauth.token import AccessToken, Miss
from common.telemetry import Telemetry
from common.transport import Transport
from local.simulator import Simulator

CLIENT_ID = "bridge"
CLIENT_SECRET = "s3cr3t+~[#,value"  # noqa: S105 (made up)
TOKEN_PATH = "/oauth_token.do"  # noqa: S105 (a path)

_A_DAY = 86_400.0
_TIMEOUT = 30.0

type GetToken = Callable[[], str]
"""Returns an access token that is good now: the task that all clients are given."""


class MovedClock(SystemClock):
    """The machine's clock, which can be moved on."""

    def __init__(self) -> None:
        """Start with the time of the machine."""
        self.moved = 0.0

    def now(self) -> float:
        """Return the wall clock: seconds since the epoch, UTC."""
        return super().now() + self.moved

    def monotonic(self) -> float:
        """Return a clock that never goes back, in seconds."""
        return super().monotonic() + self.moved


class FixedCredentials:
    """Client credentials that never change."""

    def read(self) -> ClientCredentials:
        """Return them."""
        return ClientCredentials(CLIENT_ID, CLIENT_SECRET, "1")


class PrivateStore:
    """A store that no other environment uses."""

    def __init__(self, token: AccessToken | None = None) -> None:
        """Start with `token`, or empty."""
        self._token = token

    def load(self, _client_id: str) -> AccessToken | Miss:
        """Return the token that was stored last."""
        return self._token or Miss.ABSENT

    def save(self, token: AccessToken, _client_id: str) -> None:
        """Store a token."""
        self._token = token


def token_source(host: str, authorities: str, clock: Clock, *, stored: AccessToken | None = None) -> TokenSource:
    """Return the client's token source, which asks `host` over TLS where `stored` does not do."""
    telemetry = Telemetry("bench", stream=io.StringIO())
    transport = Transport(host, clock=clock, certificate_authorities=authorities)
    return TokenSource(
        credentials=FixedCredentials(),
        store=PrivateStore(stored),
        endpoint=TokenEndpoint(
            transport, signer=KmsSigner(lambda: boto3.client("kms")), clock=clock, telemetry=telemetry, path=TOKEN_PATH
        ),
        clock=clock,
        telemetry=telemetry,
    )


def bridge(simulator: Simulator, clock: Clock | None = None) -> GetToken:
    """Return this project's client."""
    clock = clock or SystemClock()
    source = token_source(simulator.host, simulator.ca_pem, clock)
    deadline = Deadline.after(clock, _A_DAY)
    return lambda: source.token(deadline).value


def authlib(simulator: Simulator) -> GetToken:
    """Return Authlib's client on requests, used as its own documentation does."""
    url = f"https://{simulator.host}{TOKEN_PATH}"
    session = OAuth2Session(
        CLIENT_ID,
        CLIENT_SECRET,
        token_endpoint_auth_method="client_secret_post",  # noqa: S106 (a method)
        token_endpoint=url,
        grant_type="client_credentials",
    )

    def token() -> str:
        try:
            session.ensure_active_token()
        except AttributeError:  # there is no token yet that could be looked at
            session.fetch_token(url, grant_type="client_credentials")
        value: str = session.token["access_token"]
        return value

    return token


def powertools(simulator: Simulator) -> GetToken:
    """Return the alpha OAuth client of AWS Lambda Powertools, which hands tokens out as a header only."""
    client = OAuth2Client(
        token_url=f"https://{simulator.host}{TOKEN_PATH}",
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        auth_method="client_secret_post",
        timeout_seconds=_TIMEOUT,
    )
    return lambda: client.auth_headers()["Authorization"]


def msal(simulator: Simulator) -> GetToken:
    """Return Microsoft's MSAL, for which any OpenID Connect authority will do."""
    origin = f"https://{simulator.host}"
    application = ConfidentialClientApplication(
        CLIENT_ID,
        client_credential=CLIENT_SECRET,
        oidc_authority=f"{origin}/oauth",
        http_client=_WithDiscovery(origin),
    )

    def token() -> str:
        value: str = application.acquire_token_for_client(["useraccount"])["access_token"]
        return value

    return token


OTHERS: Mapping[str, Callable[[Simulator], GetToken]] = {"Authlib": authlib, "MSAL": msal, "Powertools": powertools}


class _WithDiscovery:
    """An HTTP client for MSAL that answers its question for the authority's endpoints, which ServiceNow does not."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._session = requests.Session()

    def get(self, _url: str, **_options: Any) -> requests.Response:  # noqa: ANN401 (MSAL's own)
        answer = requests.Response()
        answer.status_code = 200
        token = f"{self._origin}{TOKEN_PATH}"
        endpoints = {"issuer": self._origin, "token_endpoint": token, "authorization_endpoint": token}
        answer._content = json.dumps(endpoints).encode()  # noqa: SLF001 (requests has no other way to make an answer)
        return answer

    def post(self, url: str, **options: Any) -> requests.Response:  # noqa: ANN401 (MSAL's own)
        return self._session.post(url, timeout=_TIMEOUT, **options)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()


@contextmanager
def instance(**options: Any) -> Iterator[Simulator]:  # noqa: ANN401 (the simulator's own)
    """Run a simulated instance whose authority all clients of this process trust."""
    with (
        Simulator(client_id=CLIENT_ID, client_secret=CLIENT_SECRET, **options) as simulator,
        tempfile.TemporaryDirectory() as directory,
    ):
        authorities = Path(directory) / "authority.pem"
        authorities.write_text(simulator.ca_pem, encoding="ascii")
        with patch.dict(os.environ, REQUESTS_CA_BUNDLE=str(authorities), SSL_CERT_FILE=str(authorities)):
            yield simulator
