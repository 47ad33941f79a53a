"""A transport and a server that says what a test wants, connected over TLS."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from common.clock import Clock, Deadline, SystemClock
from common.transport import Response, Transport
from tests.support.raw_server import RawServer, Requests, Talk, answer, authority

BUDGET = 0.6
"""Seconds that a test gives to a server that never ends."""

TOLERANCE = 0.5
"""Seconds by which a budget may be exceeded."""


@contextmanager
def transport_to(server: RawServer, *, clock: Clock | None = None, proxy_url: str = "") -> Iterator[Transport]:
    """Provide a transport to `server` that is closed afterwards."""
    transport = Transport(
        server.host,
        clock=clock or SystemClock(),
        certificate_authorities=authority().certificate_pem,
        proxy_url=proxy_url,
        pool_size=2,
    )
    try:
        yield transport
    finally:
        transport.close()


def send(  # noqa: PLR0913 (defaults for all that a test does not care about)
    transport: Transport,
    *,
    budget: float = 10.0,
    limit: int = 10_000,
    body: bytes = b"client_secret=hidden",
    headers: dict[str, str] | None = None,
    target: str = "/oauth_token.do",
) -> Response:
    """Send a request that must not be repeated or redirected."""
    return transport.send(
        "POST",
        target,
        headers=headers or {},
        body=body,
        deadline=Deadline.after(SystemClock(), budget),
        size_limit=limit,
    )


def always(*answers: bytes, requests: Requests | None = None) -> Talk:
    """Return a server's part that gives `answers` in turn to the requests of a connection, then ends it."""
    noted = requests or Requests()

    def talk(connection: socket.socket) -> None:
        for each in answers:
            if noted.read(connection):
                connection.sendall(each)

    return talk


def until_closed(reply: bytes = answer()) -> Talk:
    """Return a server's part that answers every request of a connection."""
    noted = Requests()

    def talk(connection: socket.socket) -> None:
        while noted.read(connection):
            connection.sendall(reply)

    return talk


@contextmanager
def line_to(
    talk: Talk, *, tls: ssl.SSLContext | str | None = "valid", clock: Clock | None = None
) -> Iterator[tuple[RawServer, Transport]]:
    """Provide a server that lets `talk` speak, and a transport to it."""
    with RawServer(talk, tls=tls) as server, transport_to(server, clock=clock) as transport:
        yield server, transport
