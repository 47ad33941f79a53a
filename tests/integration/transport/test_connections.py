import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from common.clock import SystemClock
from common.connection import TLS_RECORD, Connection
from common.errors import ConfigurationError
from common.transport import IDLE_SECONDS, NotSentError, Transport, UnansweredError
from local.certificates import create_authority, issue
from tests.support.clock import FakeClock
from tests.support.lines import BUDGET, TOLERANCE, always, line_to, send, transport_to, until_closed
from tests.support.raw_server import RawServer, Requests, answer, authority, drip, tls_context


class TestKeptConnections:
    """A function may have been frozen since it last spoke."""

    def test_one_that_the_server_has_ended_is_replaced(self) -> None:
        """The request is sent once, on a new one."""
        requests = Requests()
        ended = threading.Event()

        def talk(connection: socket.socket) -> None:
            requests.read(connection)
            connection.sendall(answer())
            connection.close()
            ended.set()

        with line_to(talk) as (server, line):
            send(line)
            assert ended.wait(30)
            send(line)
            assert (server.connections, len(requests.raw)) == (2, 2)

    @pytest.mark.parametrize("passing", ["advance", "jump"])
    def test_one_that_was_idle_for_long_is_replaced(self, passing: str) -> None:
        """ServiceNow ends it after 20 s; a frozen function's monotonic clock may not show them."""
        clock = FakeClock()
        with line_to(until_closed(), clock=clock) as (server, line):
            send(line)
            getattr(clock, passing)(IDLE_SECONDS - 0.1)
            send(line)
            assert server.connections == 1
            getattr(clock, passing)(IDLE_SECONDS)
            send(line)
            assert server.connections == 2

    def test_one_that_breaks_before_anything_left_is_replaced(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The server can't have seen the request."""
        with line_to(until_closed()) as (server, line):
            send(line)
            kept = line._idle[0]
            monkeypatch.setattr(kept, "send", _broken_pipe)
            assert send(line).status == 200
            assert server.connections == 2

    def test_a_new_one_that_breaks_before_anything_left_is_reported(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """There is no reason to think that the next would not break."""
        monkeypatch.setattr(Connection, "send", _broken_pipe)
        with line_to(until_closed()) as (_, line), pytest.raises(NotSentError, match="BrokenPipeError"):
            send(line, budget=BUDGET)  # in which it waits for a last word

    def test_one_that_breaks_within_the_only_record_is_replaced(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Headers and body of a small request are one TLS record, which the server reads whole or not at all."""
        with line_to(until_closed()) as (server, line):
            send(line)
            kept = line._idle[0]
            monkeypatch.setattr(kept.sock, "sendall", _broken_pipe)
            assert send(line).status == 200
            assert server.connections == 2

    def test_one_that_breaks_when_something_left_is_not_replaced(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The headers of a large request leave first, and nobody knows what became of the rest."""
        with line_to(until_closed()) as (server, line):
            send(line)
            kept = line._idle[0]
            _break_after_one_piece(monkeypatch, kept.sock)
            with pytest.raises(UnansweredError, match="BrokenPipeError"):
                send(line, body=b"x" * TLS_RECORD)
            assert server.connections == 1


def _break_after_one_piece(monkeypatch: pytest.MonkeyPatch, sock: Any) -> None:  # noqa: ANN401 (a socket, patched)
    original = sock.sendall

    def once(data: bytes) -> None:
        original(data)
        monkeypatch.setattr(sock, "sendall", _broken_pipe)

    monkeypatch.setattr(sock, "sendall", once)


def _broken_pipe(*_: object) -> None:
    raise BrokenPipeError


class TestProxy:
    """A proxy that is asked to CONNECT."""

    @pytest.mark.parametrize(("scheme", "connections"), [("http", 1), ("https", 2)])
    def test_it_carries_what_it_can_not_read(self, scheme: str, connections: int) -> None:
        """TLS is with the instance, through the proxy; within TLS to the proxy a connection serves one request."""
        asked = Requests()
        carried: list[bytes] = []

        def carry(connection: socket.socket) -> None:
            request = asked.read(connection)
            port = int(request.split()[1].rpartition(b":")[2])
            with socket.create_connection(("127.0.0.1", port)) as onward:
                connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                back = threading.Thread(target=_pump, args=(onward, connection, []), daemon=True)
                back.start()
                _pump(connection, onward, carried)

        tls = "valid" if scheme == "https" else None
        with (
            RawServer(until_closed()) as server,
            RawServer(carry, tls=tls) as proxy,
            transport_to(server, proxy_url=f"{scheme}://{proxy.host}") as line,
        ):
            assert [send(line).status, send(line).status] == [200, 200]
        assert len(asked.raw) == connections
        assert asked.raw[0].startswith(f"CONNECT {server.host} ".encode())
        assert carried
        assert b"hidden" not in asked.raw[0] + b"".join(carried)

    def test_one_that_refuses_is_told(self) -> None:
        """Nothing was sent to the instance."""
        with (
            RawServer(always(answer(b"", status="403 Forbidden")), tls=None) as proxy,
            transport_to(proxy, proxy_url=f"http://{proxy.host}") as line,
            pytest.raises(NotSentError, match="No connection"),
        ):
            send(line)

    @pytest.mark.parametrize("tls", ["valid", None], ids=["https", "http"])
    def test_one_that_drips_ends_with_the_budget(self, tls: str | None) -> None:
        """The same limit covers it."""
        requests = Requests()

        def talk(connection: socket.socket) -> None:
            requests.read(connection)
            drip(connection, b"HTTP/1.1 200 OK\r\nX-Drop: " + b"x" * 1000)

        scheme = "https" if tls else "http"
        with RawServer(talk, tls=tls) as proxy, transport_to(proxy, proxy_url=f"{scheme}://{proxy.host}") as line:
            started = time.monotonic()
            with pytest.raises(NotSentError):
                send(line, budget=BUDGET)
            assert time.monotonic() - started < BUDGET + TOLERANCE

    def test_one_that_takes_long_over_tls_and_then_drips_ends_with_the_budget(self) -> None:
        """The handshake is part of it: what it took is not given back afterwards."""
        context = tls_context(issue(authority()))

        def talk(connection: socket.socket) -> None:
            time.sleep(0.75 * BUDGET)
            with context.wrap_socket(connection, server_side=True) as inside:
                Requests().read(inside)
                drip(inside, b"HTTP/1.1 200 OK\r\nX-Drop: " + b"x" * 1000)

        with RawServer(talk, tls=None) as proxy, transport_to(proxy, proxy_url=f"https://{proxy.host}") as line:
            started = time.monotonic()
            with pytest.raises(NotSentError):
                send(line, budget=BUDGET)
            assert time.monotonic() - started < 1.5 * BUDGET


def _pump(source: socket.socket, sink: socket.socket, seen: list[bytes]) -> None:
    try:
        while piece := source.recv(65_536):
            seen.append(piece)
            sink.sendall(piece)
    except OSError:
        return


class TestTrust:
    """Whom the one TLS context trusts."""

    def test_authorities_of_the_company_are_added_to_those_of_the_system(self) -> None:
        """They do not replace them."""
        without = Transport("example.service-now.com", clock=SystemClock())._handshake.context()
        added = Transport(
            "example.service-now.com",
            clock=SystemClock(),
            certificate_authorities=authority().certificate_pem + create_authority().certificate_pem,
        )._handshake.context()
        assert added.cert_store_stats()["x509"] == without.cert_store_stats()["x509"] + 2

    @pytest.mark.parametrize(
        "pem", ["no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
    )
    def test_what_is_no_certificate_is_a_setting_that_is_wrong(self, pem: str) -> None:
        """It names the setting."""
        with pytest.raises(ConfigurationError, match="CertificateAuthorities"):
            Transport("example.service-now.com", clock=SystemClock(), certificate_authorities=pem)

    def test_session_keys_are_written_nowhere(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Whoever can set an environment variable could read the traffic."""
        keys = tmp_path / "keys"
        monkeypatch.setenv("SSLKEYLOGFILE", str(keys))
        with line_to(until_closed()) as (_, line):
            send(line)
        assert not keys.exists()
