"""HTTPS to one host: connections that are kept, a time limit for the whole exchange, bounded answers.

Nothing is repeated and no redirect is followed here; no cookie is kept. What failed is told apart by one
question: can the server have acted on the request?

urllib3 has a pool of its own. It was weighed: a POST of a record takes 0.95 of its time here, and 1.06 of it by its
pool around the connections of connection.py, with the deadline laid around (medians of 201 rounds on one kept
connection to the server of `make bench`). As it comes, its pool takes what a server said too early, and OpenSSL
holds, for the next answer. Well kept it does not, for it asks a connection whether it is there. What it can't tell even
then is how a request failed: on a kept connection or on a new one, before any byte of it has left or after. This
decides if it may be repeated at once. Connections, TLS, HTTP and compression are urllib3's.
"""

import socket
import ssl
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from urllib3.connection import ProxyConfig
from urllib3.util import parse_url

from common.client_certificate import Identity
from common.clock import Clock, Deadline
from common.connection import BROKEN, Connection, seconds_until
from common.errors import AmbiguousError, BridgeError, PermanentError, TransientError
from common.handshake import Handshake, refuses_client
from common.strict_json import json_object

# ServiceNow closes a connection that was idle for 20 s; a request must not meet that moment.
IDLE_SECONDS: Final = 15.0
# The longest that connection and TLS may take together: what is left of the budget is for another try.
CONNECT_SECONDS: Final = 5.0

_FIRST_FINAL_STATUS = 200
_USER_AGENT = "servicenow-bridge"
# OpenSSL's X509_V_ERR_…: not yet valid, has expired, hostname mismatch, IP address mismatch.
_CERTIFICATE_CODES: Final = {
    9: "certificate_out_of_date",
    10: "certificate_out_of_date",
    62: "certificate_of_another",
    64: "certificate_of_another",
}
_WATCH = "Nothing, unless it goes on: then check the network between the function and ServiceNow."


class NotSentError(TransientError):
    """No request reached the server: whatever it was, it can be repeated."""


class UnansweredError(AmbiguousError):
    """The request was sent, at least in part, but no whole answer came back in time and within bounds."""


@dataclass(frozen=True, slots=True)
class Response:
    """An answer, whatever its status. `headers` takes names in any case; `body` is decompressed."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def says_json(self) -> bool:
        """Whether it calls its body JSON."""
        return "json" in self.headers.get("Content-Type", "").lower()

    def json_object(self) -> dict[str, Any] | None:
        """Return the JSON object that the body is; None where it is none, or calls itself something else."""
        return json_object(self.body) if self.says_json else None


class Sender(Protocol):
    """What carries a request to the instance: `Transport`, or what stands where it stands."""

    def send(  # noqa: PLR0913 (a request has that many parts)
        self,
        method: str,
        target: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None,
        deadline: Deadline,
        size_limit: int,
    ) -> Response:
        """Send one request and return its answer."""


class Transport:
    """Sends requests to one host over TLS. Safe to share between threads."""

    def __init__(  # noqa: PLR0913 (how a host is reached)
        self,
        host: str,
        *,
        clock: Clock,
        certificate_authorities: str = "",
        proxy_url: str = "",
        identity: Identity | None = None,
        pool_size: int = 10,
    ) -> None:
        """Prepare for `host` (a name, with `:port` where it is not 443); nothing is connected yet.

        `certificate_authorities` holds certificates (PEM) that are trusted beside those of the system.
        `proxy_url` names a proxy that is asked to CONNECT. `identity` is what the host gets to see of the client, where
        it asks; a proxy sees nothing of it. At most `pool_size` idle connections are kept.
        Raises ConfigurationError where the certificates can't be read.
        """
        name, _, port = host.partition(":")
        self._host = name
        self._port = int(port or 443)
        self._clock = clock
        self._proxy = parse_url(proxy_url) if proxy_url else None
        self._handshake = Handshake(certificate_authorities, identity, clock)
        self._idle: deque[Connection] = deque()
        self._pool_size = pool_size

    def send(  # noqa: PLR0913 (a request has that many parts)
        self,
        method: str,
        target: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None,
        deadline: Deadline,
        size_limit: int,
    ) -> Response:
        """Send one request and return its answer, whatever the status.

        `target` is a path with its query; `size_limit` bounds the answer's decompressed body, in bytes.
        Raises NotSentError or UnansweredError, at the deadline at the latest (how long the system looks up a
        name is its own business), CredentialsError where the server refuses the client's certificate before it looks at
        the request, and PermanentError for a request that is no valid HTTP.
        """
        while True:
            left = deadline.remaining()
            if left <= 0:
                raise NotSentError("There was no time left to send a request.", action=_WATCH, code="no_time")
            ends = time.monotonic() + left
            kept = self._kept_connection()
            connection = kept or self._connect(left)
            connection.timeout = seconds_until(ends)
            failure = _send(connection, method, target, headers, body)
            if failure is None:
                connection.timeout = seconds_until(ends)
                return self._receive(connection, size_limit)
            if kept is None and not isinstance(failure, PermanentError):
                last_word = connection.last_word()
                if last_word is not None and refuses_client(last_word):
                    failure = self._handshake.refused()
            connection.close()
            if kept is None or not isinstance(failure, NotSentError):
                raise failure

    def close(self) -> None:
        """Close the connections that are idle. The transport stays usable."""
        while self._idle:
            self._idle.pop().close()

    def _kept_connection(self) -> Connection | None:
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return None
            # The monotonic clock may stand still while a function is frozen, and a wall clock may be set
            # back: the longer time counts.
            wall, monotonic = connection.idle_since
            idle = max(self._clock.now() - wall, self._clock.monotonic() - monotonic)
            if idle < IDLE_SECONDS and connection.is_quiet:
                return connection
            connection.close()

    def _keep(self, connection: Connection) -> None:
        connection.idle_since = (self._clock.now(), self._clock.monotonic())
        self._idle.append(connection)
        if len(self._idle) > self._pool_size:
            self._idle.popleft().close()

    def _connect(self, left: float) -> Connection:
        proxy = self._proxy
        limit = min(left, CONNECT_SECONDS)
        if proxy is None:
            connection = Connection(self._host, self._port, timeout=limit, ssl_context=self._handshake.context())
        else:
            connection = Connection(
                proxy.host or "",
                proxy.port,
                timeout=limit,
                ssl_context=self._handshake.context(),
                proxy=proxy,
                proxy_config=ProxyConfig(
                    self._handshake.of_proxy,
                    use_forwarding_for_https=False,
                    assert_hostname=None,
                    assert_fingerprint=None,
                ),
            )
            connection.set_tunnel(self._host, self._port, scheme=proxy.scheme or "http")
        try:
            connection.connect()
        except BROKEN as error:
            failure = self._handshake.refused() if refuses_client(error) else _connection_failure(error)
        else:
            return connection
        connection.close()
        raise failure

    def _receive(self, connection: Connection, size_limit: int) -> Response:
        answer = refusal = None
        try:
            answer = connection.getresponse()
            body = answer.read(size_limit + 1)
            if answer.status < _FIRST_FINAL_STATUS:
                reason = f"only an interim answer came back (status {answer.status})"
            elif len(body) > size_limit:
                reason = f"the answer was larger than {size_limit} bytes"
            else:
                is_whole = answer.closed and _is_framed_once(answer.headers)
                if is_whole and not connection.is_closed:
                    self._keep(connection)
                else:
                    connection.close()
                return Response(answer.status, answer.headers, body)
        except BROKEN as error:
            reason = f"no whole answer came back ({type(error).__name__})"
            # By TLS 1.3 a client is done with the handshake, and sends its request, before the server judges it.
            refusal = self._handshake.refused() if answer is None and refuses_client(error) else None
        if answer is not None:
            answer.close()
        connection.close()
        if refusal is not None:
            raise refusal
        raise UnansweredError(
            f"A request was sent to ServiceNow, but {reason}.",
            action="It may have been done. If this goes on, look at the instance's status and log.",
            code="unanswered",
        )


def _is_framed_once(headers: Mapping[str, str]) -> bool:
    """Return whether the answer has one end only: with both headers a proxy may see another one (RFC 9112, 6.3)."""
    return "Content-Length" not in headers or "Transfer-Encoding" not in headers


def _send(
    connection: Connection, method: str, target: str, headers: Mapping[str, str], body: bytes | None
) -> BridgeError | None:
    """Send the request. Return what went wrong, without its cause, which may quote a header."""
    connection.begin(with_body=bool(body))
    try:
        connection.request(method, target, body, {"User-Agent": _USER_AGENT, **headers}, preload_content=False)
    except OSError as error:
        kind = type(error).__name__
        if connection.sent:
            return UnansweredError(
                f"The connection broke while a request was sent ({kind}).", action=_WATCH, code="unanswered"
            )
        return NotSentError(
            f"The connection was lost before a request was sent ({kind}).", action=_WATCH, code="unanswered"
        )
    except BROKEN:
        return PermanentError(
            "A request holds a character that HTTP does not allow in its method, target or headers.",
            action="Take control characters and line ends out of the value that was passed on.",
        )
    return None


def _connection_failure(error: Exception) -> NotSentError:
    kind = type(error).__name__
    if isinstance(error, socket.gaierror | UnicodeError):
        return NotSentError(
            f"The name of the ServiceNow host, or of the proxy, could not be resolved ({kind}).",
            action="Check InstanceHost and ProxyUrl, and the DNS of the function's network.",
            code="not_found",
        )
    if isinstance(error, ssl.SSLCertVerificationError):
        return NotSentError(
            f"The certificate of the ServiceNow host is not trusted (OpenSSL code {error.verify_code}).",
            action="Check InstanceHost. Where a company's own authority signs, its certificate "
            "belongs into CertificateAuthorities.",
            code=_CERTIFICATE_CODES.get(error.verify_code, "untrusted"),
        )
    if isinstance(error, ssl.SSLError):
        return NotSentError(
            f"No TLS connection to ServiceNow could be made ({kind}).",
            action="Check that the host speaks TLS 1.2 or newer and that nothing in between opens it.",
            code="tls_refused",
        )
    return NotSentError(
        f"No connection to ServiceNow could be made ({kind}).",
        action="Check that the function's network (route, security group, proxy) reaches the instance.",
        code="unreachable",
    )
