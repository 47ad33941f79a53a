"""A server that lets nobody in without a client certificate: the simulator, which verifies it for real."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from common.client_certificate import ClientCertificate, client_certificate
from common.clock import Clock, SystemClock
from common.errors import CredentialsError
from common.handshake import RENEWAL_SECONDS
from common.transport import NotSentError, Transport
from local.certificates import Certificate, create_authority, issue, issue_client
from local.simulator import Simulator
from tests.support.clock import FakeClock
from tests.support.lines import send, until_closed
from tests.support.raw_server import RawServer, authority, tls_context

CLIENTS = create_authority("Clients")
OWN = issue_client(CLIENTS)
FOREIGN = issue_client(create_authority("Others"))
ENDED = issue_client(CLIENTS, valid_until=datetime.now(UTC) - timedelta(days=1))
NO_CLIENT = issue(CLIENTS)


@dataclass
class Held:
    """An identity whose certificate is `now`, and `later` once it is renewed."""

    now: Certificate | None = None
    later: Certificate | None = None
    renewals: int = 0

    @property
    def certificate(self) -> ClientCertificate | None:
        """What is shown."""
        return None if self.now is None else client_certificate(self.now.certificate_pem, self.now.key_pem)

    def renew(self) -> None:
        """Take what is there by now."""
        self.renewals += 1
        self.now = self.later or self.now


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """Provide an instance that asks for certificates of one authority."""
    with Simulator(client_secret="made-up", client_authority=CLIENTS) as simulator:
        yield simulator


@contextmanager
def line(host: str, authorities: str, identity: Held | None, clock: Clock | None = None) -> Iterator[Transport]:
    """Provide a transport that shows `identity`."""
    transport = Transport(host, clock=clock or SystemClock(), certificate_authorities=authorities, identity=identity)
    try:
        yield transport
    finally:
        transport.close()


def test_a_certificate_of_the_authority_gets_in(simulator: Simulator) -> None:
    """And one connection serves several requests."""
    with line(simulator.host, simulator.ca_pem, Held(OWN)) as transport:
        assert [send(transport, target="/nothing").status for _ in range(2)] == [404, 404]


@pytest.mark.parametrize(
    ("shown", "code"),
    [
        (None, "client_certificate_missing"),
        (FOREIGN, "client_certificate_refused"),
        (ENDED, "client_certificate_refused"),
        (NO_CLIENT, "client_certificate_refused"),
    ],
    ids=["none", "foreign", "ended", "a server's"],
)
def test_nobody_else_gets_in_and_events_are_held(simulator: Simulator, shown: Certificate | None, code: str) -> None:
    """It is for a person to mend. Nothing was done: the server has not looked at the request."""
    before = len(simulator.calls)
    with line(simulator.host, simulator.ca_pem, Held(shown)) as transport, pytest.raises(CredentialsError) as caught:
        send(transport)
    assert caught.value.code == code
    assert len(simulator.calls) == before


def test_a_transport_that_has_no_identity_says_the_same(simulator: Simulator) -> None:
    """As every deployment without a certificate."""
    with line(simulator.host, simulator.ca_pem, None) as transport, pytest.raises(CredentialsError):
        send(transport)


def test_a_certificate_that_was_stored_meanwhile_is_taken(simulator: Simulator) -> None:
    """By environments that have run for hours; it is looked for once a minute at most."""
    clock, held = FakeClock(), Held(ENDED)
    with line(simulator.host, simulator.ca_pem, held, clock) as transport:
        for _ in range(3):
            with pytest.raises(CredentialsError):
                send(transport)
        assert held.renewals == 1
        held.later = OWN
        clock.advance(RENEWAL_SECONDS)
        with pytest.raises(CredentialsError):
            send(transport)
        assert send(transport, target="/nothing").status == 404
    assert held.renewals == 2


def demanding(version: ssl.TLSVersion) -> ssl.SSLContext:
    """Return a server's context that asks for a client certificate by one version of TLS."""
    context = tls_context(issue(authority()))
    context.minimum_version = context.maximum_version = version
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=CLIENTS.certificate_pem)
    return context


@pytest.mark.parametrize(
    ("version", "shown"),
    [
        (ssl.TLSVersion.TLSv1_2, OWN),
        (ssl.TLSVersion.TLSv1_2, FOREIGN),
        (ssl.TLSVersion.TLSv1_3, OWN),
        (ssl.TLSVersion.TLSv1_3, FOREIGN),
        (ssl.TLSVersion.TLSv1_3, None),
    ],
)
def test_both_versions_of_tls_tell_a_refusal(version: ssl.TLSVersion, shown: Certificate | None) -> None:
    """1.2 refuses within the handshake, 1.3 when the client is done with it."""
    with (
        RawServer(until_closed(), tls=demanding(version)) as server,
        line(server.host, authority().certificate_pem, Held(shown)) as transport,
    ):
        if shown is OWN:
            assert send(transport).status == 200
        else:
            with pytest.raises(CredentialsError, match=r"client certificate|client's certificate"):
                send(transport)


def test_the_old_version_does_not_say_that_a_certificate_is_missing() -> None:
    """It has one alert for whatever a handshake fails of, so the doctor names this cause among others."""
    with (
        RawServer(until_closed(), tls=demanding(ssl.TLSVersion.TLSv1_2)) as server,
        line(server.host, authority().certificate_pem, Held()) as transport,
        pytest.raises(NotSentError) as caught,
    ):
        send(transport)
    assert caught.value.code == "tls_refused"


def test_a_server_that_does_not_ask_sees_nothing() -> None:
    """A certificate names its holder, who need not be known everywhere."""
    seen: list[object] = []

    def talk(connection: socket.socket) -> None:
        assert isinstance(connection, ssl.SSLSocket)
        seen.append(connection.getpeercert(binary_form=True))
        until_closed()(connection)

    with (
        RawServer(talk) as server,
        line(server.host, authority().certificate_pem, Held(OWN)) as transport,
    ):
        assert send(transport).status == 200
    assert seen == [None]


def test_a_proxy_that_asks_sees_nothing_either() -> None:
    """The certificate is for ServiceNow."""
    seen: list[object] = []
    context = demanding(ssl.TLSVersion.TLSv1_3)
    context.verify_mode = ssl.CERT_OPTIONAL

    def talk(connection: socket.socket) -> None:
        assert isinstance(connection, ssl.SSLSocket)
        with suppress(OSError):
            connection.recv(1000)
        seen.append(connection.getpeercert(binary_form=True))

    with RawServer(talk, tls=context) as proxy:
        transport = Transport(
            "example.service-now.com",
            clock=SystemClock(),
            certificate_authorities=authority().certificate_pem,
            proxy_url=f"https://{proxy.host}",
            identity=Held(OWN),
        )
        with pytest.raises(NotSentError):
            send(transport)
    assert seen == [None]
