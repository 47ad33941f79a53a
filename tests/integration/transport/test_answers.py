import gzip
import socket
import threading
import time
import tracemalloc

import pytest

from common.transport import NotSentError, UnansweredError
from tests.support.lines import BUDGET, TOLERANCE, always, line_to, send, until_closed
from tests.support.raw_server import RawServer, Requests, Talk, answer, drip


class TestAnswers:
    """What comes back."""

    def test_an_answer_is_returned_whatever_its_status(self) -> None:
        """Headers are found in any case."""
        with line_to(always(answer(b"no", "Retry-After: 7", status="503 Away"))) as (_, line):
            response = send(line)
        assert (response.status, response.body) == (503, b"no")
        assert response.headers["retry-after"] == response.headers["RETRY-AFTER"] == "7"
        assert "body" not in repr(response)

    def test_a_connection_is_kept_and_used_again(self) -> None:
        """One TLS handshake serves many requests."""
        with line_to(until_closed()) as (server, line):
            for _ in range(5):
                send(line)
            assert server.connections == 1

    def test_a_server_that_ends_the_connection_is_believed(self) -> None:
        """The next request opens another one."""
        with line_to(always(answer(b"{}", "Connection: close"))) as (server, line):
            send(line)
            send(line)
            assert server.connections == 2

    def test_chunks_are_put_together(self) -> None:
        """And the connection is kept after the last one."""
        chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
        with line_to(until_closed(chunked)) as (server, line):
            assert send(line).body == b"{}"
            assert send(line).body == b"{}"
            assert server.connections == 1

    def test_no_redirect_is_followed(self) -> None:
        """The body, which holds a secret, goes nowhere else."""
        with RawServer(until_closed()) as elsewhere:
            moved = answer(b"", f"Location: https://{elsewhere.host}/", status="307 Moved")
            with line_to(always(moved)) as (_, line):
                assert send(line).status == 307
            assert elsewhere.connections == 0

    def test_no_cookie_is_kept(self) -> None:
        """Session cookies pin a node and make ServiceNow drop requests."""
        requests = Requests()
        cookies = answer(b"{}", "Set-Cookie: JSESSIONID=1; Path=/", "Set-Cookie: glide_user_route=2")
        with line_to(always(cookies, cookies, requests=requests)) as (_, line):
            send(line)
            send(line)
        assert len(requests.raw) == 2
        assert b"cookie" not in requests.raw[1].lower()

    def test_the_connections_of_many_threads_are_kept_up_to_the_limit(self) -> None:
        """The pool holds two here."""
        with line_to(until_closed()) as (_, line):
            gate = threading.Barrier(6)

            def work() -> None:
                gate.wait()
                send(line)

            threads = [threading.Thread(target=work) for _ in range(6)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert len(line._idle) <= 2


class TestBounds:
    """How much, and for how long."""

    def test_a_body_of_just_the_limit_is_taken(self) -> None:
        """One byte more is not."""
        with line_to(always(answer(b"x" * 100), answer(b"x" * 101))) as (_, line):
            assert len(send(line, limit=100).body) == 100
            with pytest.raises(UnansweredError, match="larger than 100"):
                send(line, limit=100)

    def test_a_bomb_does_not_fill_the_memory(self) -> None:
        """50 MB of zeros in 50 kB of gzip cost less than 8 MB."""
        bomb = answer(gzip.compress(b"\0" * 50_000_000), "Content-Encoding: gzip")
        with line_to(always(bomb)) as (_, line):
            tracemalloc.start()
            tracemalloc.reset_peak()
            before, _ = tracemalloc.get_traced_memory()
            with pytest.raises(UnansweredError, match="larger"):
                send(line, limit=65_536)
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
        assert peak - before < 8_000_000

    def test_gzip_is_understood(self) -> None:
        """ServiceNow uses it."""
        packed = answer(gzip.compress(b'{"result":1}'), "Content-Encoding: gzip")
        with line_to(always(packed)) as (_, line):
            assert send(line).body == b'{"result":1}'

    @pytest.mark.parametrize(
        "talk",
        [
            lambda connection: drip(connection, b"HTTP/1.1 200 OK\r\nX-Drop: " + b"x" * 1000),
            lambda connection: drip(connection, b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
            lambda connection: drip(connection, b"x" * 1000, after=b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"),
            lambda connection: drip(
                connection, b"1\r\nx\r\n" * 1000, after=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            ),
            lambda connection: connection.recv(1),
        ],
        ids=["headers", "interim answers", "body", "chunks", "silence"],
    )
    def test_an_answer_that_drips_ends_with_the_budget(self, talk: Talk) -> None:
        """A limit for each read would start anew with each byte."""
        requests = Requests()

        def serve(connection: socket.socket) -> None:
            requests.read(connection)
            talk(connection)

        with line_to(serve) as (_, line):
            started = time.monotonic()
            with pytest.raises(UnansweredError):
                send(line, budget=BUDGET)
            assert BUDGET <= time.monotonic() - started < BUDGET + TOLERANCE

    def test_an_answer_that_drips_and_then_stops_ends_with_the_budget(self) -> None:
        """Each wait is bounded by what is left, not by the whole."""

        def talk(connection: socket.socket) -> None:
            Requests().read(connection)
            drip(connection, b"x" * 9, after=b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", every=BUDGET / 10)
            connection.recv(1)

        with line_to(talk) as (_, line):
            started = time.monotonic()
            with pytest.raises(UnansweredError):
                send(line, budget=BUDGET)
            assert time.monotonic() - started < 1.5 * BUDGET

    def test_a_handshake_that_drips_ends_with_the_budget(self) -> None:
        """Nothing was sent by then."""
        with line_to(lambda connection: drip(connection, b"\x16\x03\x03\x40\x00xxxx" * 99), tls=None) as (_, line):
            started = time.monotonic()
            with pytest.raises(NotSentError, match="TimeoutError"):
                send(line, budget=BUDGET)
            assert time.monotonic() - started < BUDGET + TOLERANCE

    def test_a_server_that_does_not_read_ends_with_the_budget(self) -> None:
        """The headers have left, so it may have acted."""
        go_on = threading.Event()

        def talk(_: socket.socket) -> None:
            go_on.wait(30)

        with line_to(talk) as (_, line):
            started = time.monotonic()
            with pytest.raises(UnansweredError, match="while a request was sent"):
                send(line, budget=BUDGET, body=b"x" * 50_000_000)
            assert time.monotonic() - started < BUDGET + TOLERANCE
            go_on.set()

    def test_no_time_left_means_not_sent(self) -> None:
        """Nobody is even connected to."""
        with line_to(until_closed()) as (server, line):
            with pytest.raises(NotSentError, match="no time left"):
                send(line, budget=0.0)
            assert server.connections == 0
