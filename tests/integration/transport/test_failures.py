import socket
import ssl
from datetime import UTC, datetime, timedelta

import pytest

from common.clock import SystemClock
from common.errors import BridgeError, PermanentError
from common.transport import NotSentError, Transport, UnansweredError
from local.certificates import create_authority, issue, issue_self_signed
from tests.support.lines import always, line_to, send, transport_to, until_closed
from tests.support.raw_server import RawServer, Requests, answer, authority, tls_context


class TestUnanswered:
    """Sent, but what became of it?"""

    @pytest.mark.parametrize(
        "reply",
        [
            b"",
            b"HTTP/1.",
            b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\nabc",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab",
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
            b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n" + b"X: 1\r\n" * 200 + b"\r\n",
            b"SMTP ready\r\n\r\n",
            b"HTTP/1.1 103 Early Hints\r\n\r\n",
        ],
        ids=[
            "nothing",
            "half a status",
            "half a body",
            "two lengths",
            "half a chunk",
            "no chunk",
            "no gzip",
            "long header",
            "many headers",
            "no HTTP",
            "interim",
        ],
    )
    def test_what_is_no_whole_answer_leaves_it_open(self, reply: bytes) -> None:
        """And the connection is not used again."""
        with line_to(always(reply)) as (server, line):
            with pytest.raises(UnansweredError) as caught:
                send(line)
            assert "SMTP" not in str(caught.value)
            with pytest.raises(UnansweredError):
                send(line)
            assert server.connections == 2

    def test_a_reset_after_reading_leaves_it_open(self) -> None:
        """The server may have crashed before or after its work."""

        def talk(connection: socket.socket) -> None:
            Requests().read(connection)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

        with line_to(talk) as (_, line), pytest.raises(UnansweredError):
            send(line)


class TestNotSent:
    """Provably nothing was done."""

    @pytest.mark.parametrize(
        ("context", "code"),
        [
            (lambda: tls_context(issue(authority(), valid_until=datetime.now(UTC) - timedelta(days=1))), "10"),
            (lambda: tls_context(issue(authority(), ["other.example"])), "64"),
            (lambda: tls_context(issue(create_authority())), "20"),
            (lambda: tls_context(issue_self_signed()), "18"),
        ],
        ids=["expired", "another host", "another authority", "self-signed"],
    )
    def test_a_certificate_that_is_not_trusted_gets_no_byte(self, context: object, code: str) -> None:
        """The error says which check failed and where a company's own authority belongs."""
        requests = Requests()
        tls: ssl.SSLContext = context()  # type: ignore[operator]
        with (
            line_to(always(answer(), requests=requests), tls=tls) as (_, line),
            pytest.raises(NotSentError, match=f"code {code}") as caught,
        ):
            send(line)
        assert "CertificateAuthorities" in caught.value.action
        assert requests.raw == []

    def test_what_speaks_no_tls_gets_no_byte(self) -> None:
        """Nor does what only speaks an old one."""
        received: list[bytes] = []

        def talk(connection: socket.socket) -> None:
            received.append(connection.recv(10_000))
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        with line_to(talk, tls=None) as (_, line), pytest.raises(NotSentError, match="No TLS connection"):
            send(line)
        assert b"hidden" not in b"".join(received)

    def test_old_versions_of_tls_are_refused(self) -> None:
        """1.2 is the least."""
        with line_to(until_closed()) as (_, line):
            assert line._handshake.context().minimum_version is ssl.TLSVersion.TLSv1_2
            assert line._handshake.context().verify_mode is ssl.CERT_REQUIRED
            assert line._handshake.context().check_hostname

    def test_a_closed_port_is_told(self) -> None:
        """The action names what to look at."""
        with RawServer(until_closed()) as server:
            pass
        with transport_to(server) as line, pytest.raises(NotSentError, match="ConnectionRefusedError") as caught:
            send(line)
        assert "security group" in caught.value.action

    @pytest.mark.parametrize("name", ["does-not-exist.invalid", "a" * 64 + ".example"])
    def test_a_name_that_can_not_be_resolved_is_told(self, name: str) -> None:
        """Also one that is no name."""
        line = Transport(name, clock=SystemClock())
        with pytest.raises(NotSentError, match="could not be resolved"):
            send(line)

    def test_the_next_address_is_tried_with_what_time_is_left(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """One dead address of two must not cost the call."""
        with line_to(until_closed()) as (server, line):
            here = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", server.port))
            nowhere = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 1))
            impossible = (255, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 1))
            for addresses, outcome in (
                ([impossible, nowhere, here], "200"),
                ([nowhere, impossible], "No connection"),
                ([], "could not be resolved"),
            ):
                monkeypatch.setattr(socket, "getaddrinfo", lambda *_, found=addresses, **__: found)
                line.close()
                try:
                    seen = str(send(line).status)
                except NotSentError as error:
                    seen = error.message
                assert outcome in seen

    @pytest.mark.parametrize(
        ("headers", "target"),
        [
            ({"Authorization": "Bearer hidden-token\n"}, "/api"),
            ({"Authorization": "Bearer hidden-token\u20ac"}, "/api"),
            ({"X\r\nInjected": "hidden-token"}, "/api"),
            ({}, "/api hidden-token\r\nHost: elsewhere"),
        ],
    )
    def test_what_is_no_http_is_refused_without_being_shown(self, headers: dict[str, str], target: str) -> None:
        """The library's own exceptions quote the header."""
        with line_to(until_closed()) as (_, line), pytest.raises(PermanentError) as caught:
            send(line, headers=headers, target=target)
        error: BaseException | None = caught.value
        assert isinstance(error, BridgeError)
        assert error.__cause__ is None
        assert error.__context__ is None
        assert "hidden-token" not in str(error)
