"""The walk: each check looks at one thing, from the settings to a record in ServiceNow."""

import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from common.checkup import causes
from common.checkup.report import Check, Finding
from common.clock import Clock, Deadline
from common.errors import BridgeError, ConfigurationError, TransientError
from common.incidents.alert import ONLY_MEMBER
from common.incidents.item import Item
from common.incidents.ledger import Ledger
from common.oauth.credentials import CredentialsReader
from common.oauth.endpoint import TokenEndpoint
from common.oauth.store import TokenStore
from common.oauth.token import AccessToken
from common.servicenow.client import Answer, ServiceNowClient
from common.settings import Settings
from common.transport import Transport

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient

_STEP_SECONDS = 10.0
_TOLERABLE_SKEW = 60.0
_HTTPS = 443
_ANSWER_LIMIT = 64 * 1024
_LEDGER_KEY = "doctor"
_MARK = "servicenow-bridge check-up, please ignore"
_STORE_FIX = "Check the role's rights on the parameter TOKEN_PARAMETER and on the key TOKEN_KEY_ID; the log says more."


@dataclass(frozen=True, slots=True)
class Parts:
    """What the doctor examines."""

    settings: Settings
    clock: Clock
    transport: Transport
    credentials: CredentialsReader
    store: TokenStore
    endpoint: TokenEndpoint
    client: ServiceNowClient
    ledger: Ledger
    sqs: "SQSClient"


class FixedToken:
    """A token source that always gives the one token under examination."""

    def __init__(self) -> None:
        """Start without a token."""
        self.value: AccessToken | None = None

    def token(self, deadline: Deadline) -> AccessToken:  # noqa: ARG002 (the interface of token sources)
        """Return the token that the endpoint has issued to this check-up."""
        if self.value is None:
            raise TransientError("There is no token to try.", action="Mend the step before.")
        return self.value

    def rejected(self, token: AccessToken, deadline: Deadline) -> AccessToken:  # noqa: ARG002 (the same)
        """Return the same token: whether it works is the question."""
        return token


class Examination:
    """The checks of one check-up, and what they learn from one another."""

    def __init__(self, parts: Parts, tokens: FixedToken, *, write: bool) -> None:
        """Examine `parts`, whose client takes its token from `tokens`; with `write` also create a record."""
        self._parts = parts
        self._tokens = tokens
        self._write = write
        self._host, _, port = parts.settings.instance_host.partition(":")
        self._port = int(port or _HTTPS)

    def checks(self) -> list[Check]:
        """Return every check, in the order in which one makes the next possible."""
        tables = [
            Check(f"read {table}", self._reader(table), needs=("token usable",), causes=causes.TABLE)
            for table in dict.fromkeys(("incident", *self._parts.settings.allowed_tables))
        ]
        network = [] if self._parts.settings.proxy_url else [Check("name", self._name, causes=causes.NAME)]
        return [
            Check("settings", lambda: Finding("complete and well-formed")),
            Check("secret", self._secret),
            *network,
            Check("TLS", self._tls, needs=tuple(check.name for check in network), causes=causes.TLS),
            Check("clock", self._skew, needs=("TLS",)),
            Check("token endpoint", self._token, needs=("secret", "TLS"), causes=causes.TOKEN_ENDPOINT),
            Check("token store", self._store, needs=("token endpoint",)),
            Check("token usable", self._use, needs=("token endpoint",), causes=causes.USE_OF_TOKEN),
            *tables,
            Check("create incident", self._create, needs=("token usable",), causes=causes.TABLE),
            Check("rate limits", self._rate_limits, needs=("token usable",)),
            Check("ledger", self._ledger),
            Check("queue", self._queue(self._parts.settings.queue_url)),
            Check("dead letters", self._queue(self._parts.settings.dead_letter_queue_url)),
        ]

    def _deadline(self) -> Deadline:
        return Deadline.after(self._parts.clock, _STEP_SECONDS)

    def _secret(self) -> Finding:
        credentials = self._parts.credentials.read()
        return Finding(f"client id of {len(credentials.client_id)} characters, secret filled in")

    def _name(self) -> Finding:
        try:
            found = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        except OSError:
            raise ConfigurationError(
                f"The name {self._host} is not known.", action="Check InstanceHost.", code="not_found"
            ) from None
        addresses = sorted({str(address[0]) for *_, address in found})
        return Finding(f"{self._host} is {', '.join(addresses[:4])}")

    def _ask(self) -> Mapping[str, str]:
        response = self._parts.transport.send(
            "GET",
            "/",
            headers={"Accept": "text/html"},
            body=None,
            deadline=self._deadline(),
            size_limit=_ANSWER_LIMIT * 16,
        )
        return response.headers

    def _tls(self) -> Finding:
        self._ask()
        return Finding(f"{self._host} answers with a certificate that is trusted")

    def _skew(self) -> Finding:
        date = self._ask().get("Date", "")
        try:
            skew = parsedate_to_datetime(date).timestamp() - self._parts.clock.now()
        except ValueError:
            return Finding("ServiceNow's answer has no date", observed=False)
        if abs(skew) > _TOLERABLE_SKEW:
            raise ConfigurationError(
                f"ServiceNow's clock and the function's differ by {skew:.0f} s.",
                action="The bridge works all the same; compare both with a time server before you trust times in logs.",
            )
        return Finding(f"differs by {abs(skew):.0f} s at most")

    def _token(self) -> Finding:
        credentials = self._parts.credentials.read()
        token = self._parts.endpoint.request(credentials, self._deadline())
        self._tokens.value = token
        return Finding(f"issued a token for {token.expires - token.issued:.0f} s")

    def _store(self) -> Finding:
        client_id = self._parts.credentials.read().client_id
        self._parts.store.save(self._tokens.token(self._deadline()), client_id)
        stored = self._parts.store.load(client_id)
        if not isinstance(stored, AccessToken):
            raise ConfigurationError("The token could not be stored and read back.", action=_STORE_FIX)
        return Finding("the token can be written and read, encrypted with the stack's key")

    def _get(self, table: str, query: str = "sysparm_limit=1&sysparm_fields=sys_id") -> Answer:
        return self._parts.client.call("GET", f"/api/now/v2/table/{table}?{query}", deadline=self._deadline())

    def _use(self) -> Finding:
        self._get("sys_user")
        return Finding("ServiceNow accepts the token")

    def _reader(self, table: str) -> Callable[[], Finding]:
        def read() -> Finding:
            if self._get(table).result:
                return Finding("a record can be read")
            return Finding("no record came back: the table is empty or hidden from the user", observed=False)

        return read

    def _create(self) -> Finding:
        if not self._write:
            return Finding("only observable with --write, which opens a marked incident and closes it", observed=False)
        fields: dict[str, Any] = {"short_description": _MARK, "impact": "3", "urgency": "3"}
        target = "/api/now/v2/table/incident?sysparm_fields=sys_id,number"
        created = self._parts.client.call("POST", target, fields=fields, deadline=self._deadline()).result
        closing = {"state": "7", "close_code": self._parts.settings.close_code, "close_notes": _MARK}
        one = f"/api/now/v2/table/incident/{created['sys_id']}?sysparm_fields=state"
        closed = self._parts.client.call("PATCH", one, fields=closing, deadline=self._deadline()).result
        if closed.get("state") != closing["state"]:
            raise ConfigurationError(
                f"{created['number']} was opened but could not be closed.",
                action="Close it by hand, and check that CloseCode is a resolution code of the instance.",
            )
        return Finding(f"{created['number']} was opened and closed")

    def _rate_limits(self) -> Finding:
        headers = self._get("incident").headers
        limit = headers.get("X-RateLimit-Limit")
        if limit is None:
            return Finding("no rate limit rule applies to the integration user")
        return Finding(f"{limit[:20]} requests an hour, by the rule {headers.get('X-RateLimit-Rule', 'unknown')[:60]}")

    def _ledger(self) -> Finding:
        item = self._parts.ledger.read(_LEDGER_KEY, dedup_key=_LEDGER_KEY, table="incident")
        now = self._parts.ledger.now() * 10
        if self._parts.ledger.write(_probe(item, now)) is None:
            raise TransientError("Another check-up wrote at the same moment.", action="Try again.")
        return Finding("an item can be read and written")

    def _queue(self, url: str) -> Callable[[], Finding]:
        def look() -> Finding:
            try:
                attributes = self._parts.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
            except (ClientError, BotoCoreError) as error:
                raise _unreadable_queue(error) from None
            return Finding(f"{attributes['ApproximateNumberOfMessages']} messages wait")

        return look


def _probe(item: Item, order: int) -> Item:
    return item.settled({ONLY_MEMBER: order}, None)


def _unreadable_queue(error: Exception) -> BridgeError:
    return ConfigurationError(
        f"The queue can't be looked at ({type(error).__name__}).", action="Check the queue's URL and the role's rights."
    )
