"""Everything that a token comes from, as a user would have it: the simulator over TLS, and AWS in moto."""

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from io import StringIO
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote, quote_plus

from common.clock import Deadline
from common.errors import BridgeError
from common.oauth.credentials import CredentialsReader
from common.oauth.endpoint import TokenEndpoint
from common.oauth.source import TokenSource
from common.oauth.store import TokenStore
from common.oauth.token import AccessToken
from common.servicenow.client import Answer, ServiceNowClient
from common.telemetry import Telemetry
from common.transport import Transport
from local.simulator import Simulator
from tests.support.aws import client, kms_signer
from tests.support.clock import FakeClock
from tests.support.moto import mock_aws
from tests.support.telemetry import readable_telemetry

CLIENT_ID = "bridge"
SECRET = "Zq+~[#,first&secret=%of the bridge"
ROTATED = "Zq+~[#,second&secret=%of the bridge"
SECRET_ID = "servicenow-credentials"
PARAMETER = "/servicenow-bridge/test/access-token"


@dataclass
class TokenWorld:
    """One environment, and all that it talks to. `outcomes` are what its calls returned or raised."""

    simulator: Simulator
    clock: FakeClock
    secrets: Any
    ssm: Any
    key_id: str
    telemetry: Telemetry
    log: StringIO
    outcomes: list[AccessToken | Answer | BridgeError] = field(default_factory=list)
    transports: list[Transport] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Start with one environment."""
        self.source = self.environment()

    def transport(self) -> Transport:
        """Return a transport to the simulator, which is closed at the end."""
        transport = Transport(self.simulator.host, clock=self.clock, certificate_authorities=self.simulator.ca_pem)
        self.transports.append(transport)
        return transport

    def environment(
        self, *, host: str = "", scope: str = "", ssm: object = None, secrets: object = None
    ) -> TokenSource:
        """Return the source of another environment. `ssm` and `secrets` replace its boto3 clients."""
        parts: Any = SimpleNamespace(ssm=ssm or self.ssm, secrets=secrets or self.secrets)
        return TokenSource(
            credentials=CredentialsReader(parts.secrets, SECRET_ID),
            store=TokenStore(
                parts.ssm,
                parameter=PARAMETER,
                key_id=self.key_id,
                host=host or self.simulator.host,
                scope=scope,
                clock=self.clock,
                telemetry=self.telemetry,
            ),
            endpoint=TokenEndpoint(
                self.transport(),
                signer=kms_signer(),
                clock=self.clock,
                telemetry=self.telemetry,
                path="/oauth_token.do",
                scope=scope,
            ),
            clock=self.clock,
            telemetry=self.telemetry,
        )

    def attempt(
        self, source: TokenSource | None = None, *, deadline: Deadline | None = None
    ) -> AccessToken | Answer | BridgeError:
        """Ask for a token, within ten seconds of the fake clock; return it, or the error."""
        deadline = deadline or Deadline.after(self.clock, 10.0)
        return self._noted(lambda: (source or self.source).token(deadline))

    def token(self, source: TokenSource | None = None) -> AccessToken:
        """Ask for a token; return it."""
        outcome = self.attempt(source)
        assert isinstance(outcome, AccessToken), outcome
        return outcome

    def call(self, source: TokenSource | None = None) -> AccessToken | Answer | BridgeError:
        """Read incidents through the client, with a token of the source; return the answer, or the error."""
        tokens = source or self.source
        through = ServiceNowClient(self.transports[0], tokens, clock=self.clock, telemetry=self.telemetry)
        deadline = Deadline.after(self.clock, 20.0)
        target = "/api/now/table/incident?sysparm_limit=1"
        return self._noted(lambda: through.call("GET", target, deadline=deadline))

    def put_secret(self, secret: str, *, stages: tuple[str, ...] = ("AWSCURRENT",)) -> None:
        """Put a new version of the secret."""
        value = json.dumps({"client_id": CLIENT_ID, "client_secret": secret})
        self.secrets.put_secret_value(SecretId=SECRET_ID, SecretString=value, VersionStages=list(stages))

    def stored(self) -> str:
        """Return what the parameter holds, decrypted."""
        parameter = self.ssm.get_parameter(Name=PARAMETER, WithDecryption=True)["Parameter"]
        return str(parameter["Value"])

    def store(self, value: str) -> None:
        """Let the parameter hold `value`."""
        self.ssm.put_parameter(Name=PARAMETER, Value=value, Type="SecureString", KeyId=self.key_id, Overwrite=True)

    @property
    def faults(self) -> int:
        """How many faults of the store were counted."""
        return self.telemetry.counts().get("TokenStoreFaults", 0)

    def _noted[T: AccessToken | Answer](self, work: Callable[[], T]) -> T | BridgeError:
        try:
            outcome: T | BridgeError = work()
        except BridgeError as error:
            outcome = error
        self.outcomes.append(outcome)
        return outcome

    def sinks(self) -> Iterator[str]:
        """Yield every text that leaves the bridge: the log, the metrics, the outcomes, exceptions and causes."""
        yield self.log.getvalue()
        yield repr(self.telemetry.counts())
        for outcome in self.outcomes:
            yield repr(outcome)
            if isinstance(outcome, BridgeError):
                yield from _texts_of(outcome)

    def leaks(self, texts: list[str]) -> list[str]:
        """Return those of `texts` in which a secret or a token shows, in any of its usual forms."""
        issued = [token.value for token in self.outcomes if isinstance(token, AccessToken)]
        forms = [form for value in (SECRET, ROTATED, *issued) for form in _forms_of(value)]
        return [text for text in texts if any(form in text for form in forms)]


@cache
def kept_client(service: str) -> Any:  # noqa: ANN401 (a boto3 client)
    """Return the one client of a service: making one takes longer than most tests."""
    return client(service)


@contextmanager
def token_world() -> Iterator[TokenWorld]:
    """Provide a world in which the simulator and the environment go by one clock."""
    clock = FakeClock()
    with mock_aws(), Simulator(client_id=CLIENT_ID, client_secret=SECRET, seed=1, now=clock.now) as simulator:
        secrets, ssm, kms = kept_client("secretsmanager"), kept_client("ssm"), kept_client("kms")
        secrets.create_secret(
            Name=SECRET_ID, SecretString=json.dumps({"client_id": CLIENT_ID, "client_secret": SECRET})
        )
        key_id = kms.create_key()["KeyMetadata"]["Arn"]
        world = TokenWorld(simulator, clock, secrets, ssm, key_id, *readable_telemetry())
        try:
            yield world
        finally:
            for transport in world.transports:
                transport.close()


def failing(service: str, operation: str, code: str, status: int = 400) -> Any:  # noqa: ANN401 (a boto3 client)
    """Return a boto3 client of which one operation ends with an error that moto does not produce."""
    made = client(service)

    def refuse(**_: object) -> tuple[SimpleNamespace, dict[str, Any]]:
        parsed = {"Error": {"Code": code, "Message": "words of AWS"}, "ResponseMetadata": {"HTTPStatusCode": status}}
        return SimpleNamespace(status_code=status), parsed

    made.meta.events.register(f"before-call.{service.replace('secretsmanager', 'secrets-manager')}.{operation}", refuse)
    return made


def _texts_of(error: BaseException | None) -> Iterator[str]:
    while error is not None:
        yield f"{error!s} {error!r} {error.args!r}"
        error = error.__cause__ or error.__context__


def _forms_of(value: str) -> Iterator[str]:
    raw = value.encode()
    yield value
    yield json.dumps(value)[1:-1]
    yield quote(value, safe="")
    yield quote_plus(value)
    yield base64.b64encode(raw).decode().rstrip("=")
    yield base64.urlsafe_b64encode(raw).decode().rstrip("=")
