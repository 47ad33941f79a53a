import socket
import ssl
from collections.abc import Iterator, Mapping
from http.client import HTTPConnection
from typing import Any

import pytest

from common.connection import SHORTEST_TIMEOUT, TLS_RECORD, Connection, _BoundedSocket, _BoundedTLSSocket, tls_context
from common.errors import ConfigurationError
from local.certificates import create_authority
from tests.support.clock import FakeClock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    """Let limits go by a clock that a test moves."""
    clock = FakeClock()
    monkeypatch.setattr("common.connection.time", clock)
    return clock


@pytest.fixture
def pair() -> Iterator[tuple[_BoundedSocket, socket.socket]]:
    """Return both ends of a connection within this process."""
    near, far = socket.socketpair()
    with far, _BoundedSocket(near.family, near.type, near.proto, fileno=near.detach()) as bounded:
        yield bounded, far


def test_without_a_limit_it_is_a_socket_like_any_other(pair: tuple[_BoundedSocket, socket.socket]) -> None:
    """Nothing is bounded before the first timeout, or after it was taken away."""
    near, far = pair
    far.sendall(b"abc")
    assert near.recv(1) == b"a"
    near.settimeout(5.0)
    near.settimeout(None)
    assert near.gettimeout() is None
    assert near.recv_into(bytearray(1)) == 1
    assert near.send(b"x") == 1


def test_a_limit_is_for_all_that_follows_together(pair: tuple[_BoundedSocket, socket.socket]) -> None:
    """Data that is there already does not help once it is over."""
    near, far = pair
    far.sendall(b"abc")
    near.settimeout(5.0)
    assert near.recv(1) == b"a"
    left = near.gettimeout()
    assert left is not None
    assert 0 < left < 5.0
    near._ends = 0.0
    for operation in (lambda: near.recv(1), lambda: near.recv_into(bytearray(1)), lambda: near.send(b"x")):
        with pytest.raises(TimeoutError):
            operation()


def test_a_socket_wrapped_around_it_inherits_at_least_a_moment(pair: tuple[_BoundedSocket, socket.socket]) -> None:
    """Zero would make it non-blocking, which TLS refuses with another error."""
    near, _ = pair
    near.settimeout(5.0)
    near._ends = 0.0
    assert near.gettimeout() == 0.001


def test_each_wait_is_bounded_by_what_is_left(pair: tuple[_BoundedSocket, socket.socket], clock: FakeClock) -> None:
    """To its very end, and not beyond."""
    near, far = pair
    far.sendall(b"ab")
    near.settimeout(5.0)
    assert socket.socket.gettimeout(near) == 5.0
    clock.advance(4.5)
    assert near.recv(1) == b"a"
    assert socket.socket.gettimeout(near) == 0.5
    clock.advance(0.5)
    with pytest.raises(TimeoutError):
        near.recv(1)


@pytest.mark.parametrize(("arguments", "blocks"), [((), False), ((False,), False), ((True,), True)])
def test_a_handshake_does_not_give_its_time_back(
    monkeypatch: pytest.MonkeyPatch, arguments: tuple[bool, ...], *, blocks: bool
) -> None:
    """The base sets the same limit anew when it is done."""
    asked = []

    def shake(self: _BoundedTLSSocket, block: bool) -> None:  # noqa: FBT001 (as the real one)
        asked.append(block)
        self._ends = 999.0

    monkeypatch.setattr(ssl.SSLSocket, "do_handshake", shake)
    over_tls = _BoundedTLSSocket.__new__(_BoundedTLSSocket)
    over_tls._ends = 7.0
    over_tls.do_handshake(*arguments)
    assert over_tls._ends == 7.0
    assert asked == [blocks]


class Roads:
    """Addresses that can be reached or not, in place of sockets. `seconds` is what trying each costs."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, clock: FakeClock, seconds: Mapping[str, float]) -> None:
        self.clock = clock
        self.seconds = seconds
        self.limits: list[tuple[str, float]] = []
        self.closed: list[str] = []
        self.asked: list[tuple[Any, ...]] = []
        monkeypatch.setattr("common.connection.socket.getaddrinfo", self._addresses)
        monkeypatch.setattr("common.connection._BoundedSocket", self._socket)

    def connect(self, timeout: float | None) -> "Road":
        """Return the one that a connection with that limit ends up with."""
        road = Connection("example.com", 8443, timeout=timeout)._new_conn()
        assert isinstance(road, Road)
        return road

    def _addresses(self, host: str, port: int, *, type: int) -> list[tuple[Any, ...]]:  # noqa: A002 (as the real one)
        self.asked.append((host, port, type))
        return [(name.partition(" ")[2], type, 6, "", (name, port)) for name in self.seconds]

    def _socket(self, family: str, kind: int, protocol: int) -> "Road":
        assert (kind, protocol) == (socket.SOCK_STREAM, 6)
        if family == "impossible":
            raise OSError(family)
        return Road(self)


class Road:
    """One of them."""

    def __init__(self, roads: Roads) -> None:
        self.roads = roads
        self.options: list[tuple[int, ...]] = []
        self.limit = 0.0
        self.name = ""

    def setsockopt(self, *option: int) -> None:
        """Note an option."""
        self.options.append(option)

    def settimeout(self, limit: float) -> None:
        """Note the limit."""
        self.limit = limit

    def connect(self, address: tuple[str, int]) -> None:
        """Take the time that it takes."""
        self.name, port = address
        assert port == 8443
        self.roads.limits.append((self.name, self.limit))
        self.roads.clock.advance(self.roads.seconds[self.name])
        if "dead" in self.name:
            raise ConnectionRefusedError(self.name)

    def close(self) -> None:
        """Note that it was given up."""
        self.roads.closed.append(self.name)


class TestAddresses:
    """A name may have several, and one of them may lead nowhere."""

    def test_each_gets_its_share_of_what_is_left(self, monkeypatch: pytest.MonkeyPatch, clock: FakeClock) -> None:
        """What one leaves over is shared by those that follow; the last may use all of it."""
        roads = Roads(monkeypatch, clock, {"1 dead": 1.0, "2 dead": 2.0, "3": 4.0, "4": 0.0})
        road = roads.connect(timeout=13.0)
        assert roads.limits == [("1 dead", 13.0 / 4), ("2 dead", 12.0 / 3), ("3", 10.0 / 2)]
        assert roads.closed == ["1 dead", "2 dead"]
        assert (road.name, road.limit) == ("3", 6.0)
        assert road.options == [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
        assert roads.asked == [("example.com", 8443, socket.SOCK_STREAM)]

    @pytest.mark.parametrize("timeout", [None, 0.0, 2.0])
    def test_one_that_is_late_still_gets_a_moment(
        self, monkeypatch: pytest.MonkeyPatch, clock: FakeClock, timeout: float | None
    ) -> None:
        """A limit of zero would mean that it must not block, which is another error."""
        roads = Roads(monkeypatch, clock, {"1 dead": 3.0, "2": 3.0})
        assert roads.connect(timeout).limit == SHORTEST_TIMEOUT
        assert roads.limits == [("1 dead", (timeout or SHORTEST_TIMEOUT) / 2), ("2", SHORTEST_TIMEOUT)]

    def test_one_of_a_family_that_this_machine_lacks_is_passed_over(
        self, monkeypatch: pytest.MonkeyPatch, clock: FakeClock
    ) -> None:
        """As IPv6 may be."""
        roads = Roads(monkeypatch, clock, {"1 impossible": 0.0, "2": 0.0})
        assert roads.connect(timeout=5.0).name == "2"

    @pytest.mark.parametrize(
        ("seconds", "error", "message"),
        [
            ({}, socket.gaierror, "^$"),
            ({"1 dead": 0.0}, ConnectionRefusedError, "1 dead"),
            ({"1 dead": 0.0, "2 impossible": 0.0}, OSError, "impossible"),
        ],
    )
    def test_where_none_is_left_the_last_failure_is_told(
        self,
        monkeypatch: pytest.MonkeyPatch,
        clock: FakeClock,
        seconds: dict[str, float],
        error: type[OSError],
        message: str,
    ) -> None:
        """A name without any address is a name that leads nowhere."""
        with pytest.raises(error, match=message) as caught:
            Roads(monkeypatch, clock, seconds).connect(timeout=5.0)
        assert type(caught.value) is error


def test_a_connection_knows_whether_anything_has_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """A piece that failed has not."""
    pieces = []

    def send(_: HTTPConnection, piece: bytes) -> None:
        if piece == b"fails":
            raise BrokenPipeError
        pieces.append(piece)

    monkeypatch.setattr(HTTPConnection, "send", send)
    connection = Connection("example.com", 443)
    with pytest.raises(BrokenPipeError):
        connection.send(b"fails")
    assert not connection.sent
    connection.send(b"leaves")
    assert connection.sent
    assert pieces == [b"leaves"]


class TestPieces:
    """What leaves together: a server reads a TLS record whole or not at all."""

    @pytest.fixture
    def pieces(self, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
        """Provide what leaves, piece by piece, unless it is to fail."""
        pieces: list[bytes] = []

        def send(_: HTTPConnection, piece: bytes) -> None:
            if piece.endswith(b"fails"):
                raise BrokenPipeError
            pieces.append(piece)

        monkeypatch.setattr(HTTPConnection, "send", send)
        return pieces

    def test_headers_wait_for_a_body_that_one_record_holds_with_them(self, pieces: list[bytes]) -> None:
        """To the last byte of the record."""
        connection = Connection("example.com", 443)
        connection.begin(with_body=True)
        connection.send(b"head")
        assert (pieces, connection.sent) == ([], False)
        body = b"x" * (TLS_RECORD - 4)
        connection.send(body)
        assert (pieces, connection.sent) == ([b"head" + body], True)

    def test_headers_go_ahead_of_a_body_that_is_too_large(self, pieces: list[bytes]) -> None:
        """And from then on the server may have read something."""
        connection = Connection("example.com", 443)
        connection.begin(with_body=True)
        connection.send(b"head")
        with pytest.raises(BrokenPipeError):
            connection.send(b"x" * (TLS_RECORD - 4 - 4) + b"fails")
        assert (pieces, connection.sent) == ([b"head"], True)

    def test_nothing_was_sent_where_the_only_record_fails(self, pieces: list[bytes]) -> None:
        """What the server lacks the end of it cannot act on."""
        connection = Connection("example.com", 443)
        connection.begin(with_body=True)
        connection.send(b"head")
        with pytest.raises(BrokenPipeError):
            connection.send(b"fails")
        assert (pieces, connection.sent) == ([], False)

    def test_headers_without_a_body_leave_at_once(self, pieces: list[bytes]) -> None:
        """Whatever an earlier request on the connection left behind."""
        connection = Connection("example.com", 443)
        connection.begin(with_body=True)
        connection.send(b"of an earlier request")
        connection.begin(with_body=False)
        connection.send(b"head")
        assert (pieces, connection.sent) == ([b"head"], True)
        connection.send(b"more")
        assert pieces == [b"head", b"more"]


class TestTrust:
    """What a TLS context insists on."""

    def test_it_is_at_least_as_strict_as_that_of_the_standard_library(self) -> None:
        """And made of sockets whose time is bounded."""
        context, standard = tls_context(""), ssl.create_default_context()
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.check_hostname
        assert context.minimum_version is ssl.TLSVersion.TLSv1_2
        assert context.verify_flags == standard.verify_flags
        assert context.sslsocket_class is _BoundedTLSSocket

    def test_authorities_of_a_company_are_added(self) -> None:
        """Those of the system stay."""
        before, after = tls_context(""), tls_context(create_authority().certificate_pem)
        assert len(after.get_ca_certs()) == len(before.get_ca_certs()) + 1

    @pytest.mark.parametrize("text", ["no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"])
    def test_what_is_no_certificate_is_a_setting_that_is_wrong(self, text: str) -> None:
        """It is named."""
        with pytest.raises(ConfigurationError, match="CertificateAuthorities"):
            tls_context(text)
