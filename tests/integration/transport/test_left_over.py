import io
import socket
from collections.abc import Callable
from itertools import count

import pytest

from tests.support.clock import FakeClock
from tests.support.lines import line_to, send
from tests.support.raw_server import Requests, answer

FORGED = answer(b'{"forged":1}')
INTERIM = b"HTTP/1.1 103 Early Hints\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n{more}\r\n2\r\n{}\r\n0\r\n\r\n"


def _honest() -> bytes:
    return answer(b'{"own":1}')


def _filled(length: int) -> bytes:
    """Return an honest answer and bytes behind it, `length` bytes in all."""
    return _honest() + b"x" * (length - len(_honest()))


LEFT_OVER = {
    "a whole answer in the same record": lambda: _honest() + FORGED,
    "a whole answer behind what one read takes": lambda: _filled(io.DEFAULT_BUFFER_SIZE) + FORGED,
    "one byte behind what one read takes": lambda: _filled(io.DEFAULT_BUFFER_SIZE) + b"H",
    "one byte": lambda: _honest() + b"H",
    "an interim answer": lambda: _honest() + INTERIM,
    "behind the last chunk": lambda: CHUNKED.replace(b"{more}", b"") + FORGED,
    "behind an answer without a body": lambda: b"HTTP/1.1 204 No Content\r\n\r\n" + FORGED,
    "two ends of one answer": lambda: CHUNKED.replace(b"{more}", b"Content-Length: 17\r\n"),
}


@pytest.mark.parametrize("first", LEFT_OVER.values(), ids=LEFT_OVER.keys())
@pytest.mark.attack
def test_what_nobody_asked_for_answers_no_request(first: Callable[[], bytes]) -> None:
    """The connection ends, and the next request gets its own answer from another one."""
    connections = count()
    requests = Requests()

    def talk(connection: socket.socket) -> None:
        reply = first() if next(connections) == 0 else _honest()
        while requests.read(connection):
            connection.sendall(reply)
            reply = FORGED

    with line_to(talk) as (server, line):
        assert b"forged" not in send(line).body
        assert send(line).body == b'{"own":1}'
        assert server.connections == 2


@pytest.mark.attack
def test_what_comes_while_a_connection_is_idle_answers_no_request() -> None:
    """It is looked for once more before the connection is used again."""
    requests = Requests()
    connections = count()
    sent: list[socket.socket] = []

    def talk(connection: socket.socket) -> None:
        if next(connections) == 0:
            sent.append(connection)
        while requests.read(connection):
            connection.sendall(_honest())

    with line_to(talk, clock=FakeClock()) as (server, line):
        send(line)
        sent[0].sendall(FORGED)
        assert send(line).body == b'{"own":1}'
        assert server.connections == 2


def test_a_long_answer_is_read_in_many_pieces_and_its_connection_kept() -> None:
    """Reading ahead is no mistake where it ends with the answer."""
    requests = Requests()
    long = answer(b"y" * 9_000)

    def talk(connection: socket.socket) -> None:
        while requests.read(connection):
            for start in range(0, len(long), 1_000):
                connection.sendall(long[start : start + 1_000])

    with line_to(talk) as (server, line):
        assert [len(send(line).body) for _ in range(3)] == [9_000] * 3
        assert server.connections == 1
