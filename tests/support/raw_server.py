"""A server that says byte for byte what a test wants: for what no well-behaved HTTP server can be made to do."""

import contextlib
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Self

from local.certificates import Certificate, create_authority, issue

type Talk = Callable[[socket.socket], None]

_PATIENCE = 30.0


@cache
def authority() -> Certificate:
    """Return the authority that signs the certificates of these servers."""
    return create_authority("Raw test servers")


def tls_context(certificate: Certificate) -> ssl.SSLContext:
    """Return a server's context with `certificate`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as directory:
        context.load_cert_chain(*certificate.write(Path(directory), "server"))
    return context


class RawServer:
    """Lets `talk` speak with each connection, over TLS unless `tls` is None. Stops at the end of `with`."""

    def __init__(self, talk: Talk, *, tls: ssl.SSLContext | str | None = "valid") -> None:
        """Listen on the loopback, on a port that the system chooses."""
        self._talk = talk
        self._tls = tls_context(issue(authority())) if isinstance(tls, str) else tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.port: int = self._listener.getsockname()[1]
        self.connections = 0

    @property
    def host(self) -> str:
        """Host and port, as a setting names the instance."""
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        """Start."""
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        """Close everything and wait until nothing runs any more."""
        # Ends the thread that accepts; closing alone does not wake it.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        for thread in self._threads:
            thread.join(_PATIENCE)

    def _start(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.settimeout(_PATIENCE)
            self._open.append(connection)
            self.connections += 1
            self._start(lambda accepted=connection: self._serve(accepted))  # type: ignore[misc]

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError):
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
                self._open.append(connection)
            self._talk(connection)
        with contextlib.suppress(OSError):
            connection.close()


class Requests:
    """Reads requests from connections and remembers them, raw."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        self.raw: list[bytes] = []

    def read(self, connection: socket.socket) -> bytes:
        """Return the next whole request, or nothing where the connection has ended."""
        received = b""
        while b"\r\n\r\n" not in received:
            piece = connection.recv(65_536)
            if not piece:
                return b""
            received += piece
        head, _, body = received.partition(b"\r\n\r\n")
        missing = _content_length(head) - len(body)
        while missing > 0:
            piece = connection.recv(65_536)
            missing -= len(piece)
            received += piece
        self.raw.append(received)
        return received


def _content_length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


def answer(body: bytes = b"{}", *headers: str, status: str = "200 OK") -> bytes:
    """Return a whole answer."""
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def drip(connection: socket.socket, data: bytes, *, after: bytes = b"", every: float = 0.05) -> None:
    """Send `after` at once and `data` byte by byte, in real time: what is tested is a limit of real time."""
    connection.sendall(after)
    for position in range(len(data)):
        connection.sendall(data[position : position + 1])
        time.sleep(every)


class Unanswering:
    """A port on which no connection is ever made: its queue is full."""

    def __init__(self) -> None:
        """Listen, and fill the queue."""
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=0)
        self.port: int = self._listener.getsockname()[1]
        self._waiting = [socket.socket() for _ in range(4)]
        for waiting in self._waiting:
            waiting.settimeout(0.0)
            waiting.connect_ex(("127.0.0.1", self.port))

    def __enter__(self) -> Self:
        """Be there."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close everything."""
        for waiting in (*self._waiting, self._listener):
            waiting.close()
