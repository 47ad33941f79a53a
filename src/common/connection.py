"""One TLS connection whose time is bounded as a whole: what `transport.py` keeps a few of.

urllib3 sets a socket's timeout once before it sends and once before it reads. A plain socket would start that
limit anew with each of the many reads of an answer, so a server that sends a byte now and then could hold a
caller for ever. Here the limit covers everything until it is set again, without a thread that watches.

What a server says without being asked would be taken for the answer to the next request. It can wait in three places:
read ahead from the socket, decrypted by OpenSSL, and in the kernel. A pool that asks the kernel alone sees the last.
"""

import errno
import io
import socket
import ssl
import time
from http.client import HTTPException
from typing import Any

from urllib3.connection import HTTPSConnection
from urllib3.exceptions import HTTPError

from common.client_certificate import ClientCertificate
from common.errors import ConfigurationError

SHORTEST_TIMEOUT = 0.001
"""Seconds: what is left to a step that is late."""

TLS_RECORD = 16 * 1024
"""Bytes: the most that one record of TLS holds (RFC 8446, section 5.1)."""

BROKEN = (OSError, HTTPException, HTTPError, ValueError)
"""Everything with which a connection can fail. A ValueError can quote a header: never pass it on."""


def seconds_until(ends: float) -> float:
    """Return the seconds until a moment of the monotonic clock, at least a moment: zero would mean no limit."""
    return max(ends - time.monotonic(), SHORTEST_TIMEOUT)


class _BoundedSocket(socket.socket):
    """A socket whose timeout bounds all that follows together."""

    surplus = False
    """Whether more than one answer was read ahead; known once an answer has been read to its end."""
    _ends: float | None = None
    _reads_nothing = False

    def makefile(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 (the base's types depend on the mode)
        """Return what `http.client` reads an answer from: it tells this socket what is left of it at its end."""
        file = super().makefile(*arguments, **options)
        return _AnswerReader(self, file.detach()) if isinstance(file, io.BufferedReader) else file

    def left_over(self, reader: io.BufferedReader) -> bool:
        """Return whether `reader` holds bytes, or has failed, without reading any more of them."""
        self._reads_nothing = True
        try:
            return bool(reader.peek())
        except OSError:
            return True
        finally:
            self._reads_nothing = False

    def settimeout(self, value: float | None, /) -> None:
        """Let everything from here on end within `value` seconds; None removes the limit."""
        self._ends = None if value is None else time.monotonic() + value
        super().settimeout(value)

    def gettimeout(self) -> float | None:
        """Return the seconds that are left, so that a socket wrapped around this one inherits them."""
        return None if self._ends is None else seconds_until(self._ends)

    def _shrink(self) -> None:
        if self._ends is not None:
            left = self._ends - time.monotonic()
            if left <= 0:
                raise TimeoutError
            super().settimeout(left)

    def recv(self, *arguments: Any) -> bytes:  # noqa: ANN401 (passed on as it comes)
        """Receive within what is left."""
        self._shrink()
        return super().recv(*arguments)

    def recv_into(self, *arguments: Any) -> int:  # noqa: ANN401 (passed on as it comes)
        """Receive within what is left."""
        if self._reads_nothing:
            raise BlockingIOError(errno.EAGAIN, "only what has been read already counts")
        self._shrink()
        return super().recv_into(*arguments)

    def send(self, *arguments: Any) -> int:  # noqa: ANN401 (passed on as it comes)
        """Send within what is left."""
        self._shrink()
        return super().send(*arguments)


class _AnswerReader(io.BufferedReader):
    """Reads an answer ahead, as any buffered reader, and does not forget what else it has read when it is closed."""

    def __init__(self, source: _BoundedSocket, raw: io.RawIOBase) -> None:
        """Read from `raw`, which belongs to `source`."""
        super().__init__(raw)
        self._source = source

    def close(self) -> None:
        """Tell the socket whether something is left."""
        if not self.closed:
            self._source.surplus |= self._source.left_over(self)
        super().close()


class _BoundedTLSSocket(_BoundedSocket, ssl.SSLSocket):
    """The same over TLS. `SSLContext.sslsocket_class` is the documented way to have it made."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 (the base's signature)
        """Shake hands within what is left; the base would start the limit anew afterwards."""
        ends = self._ends
        super().do_handshake(block)
        self._ends = ends


class Connection(HTTPSConnection):
    """A connection that knows whether anything of its request has left, and since when it is idle.

    `begin` is called before a request. `idle_since` holds wall clock and monotonic clock, in seconds.
    """

    auto_open = 0
    sent = False
    idle_since: tuple[float, float] = (0.0, 0.0)
    _head = b""
    _awaits_body = False

    def _new_conn(self) -> socket.socket:
        """Try the host's addresses in turn, each with its share of the time that is left."""
        ends = time.monotonic() + float(self.timeout or 0)
        addresses = socket.getaddrinfo(self._dns_host, self.port, type=socket.SOCK_STREAM)
        failure: OSError = socket.gaierror()
        for position, (family, kind, protocol, _, address) in enumerate(addresses):
            left = seconds_until(ends)
            try:
                connection = _BoundedSocket(family, kind, protocol)
            except OSError as error:
                failure = error
                continue
            try:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection.settimeout(left / (len(addresses) - position))
                connection.connect(address)
            except OSError as error:
                failure = error
                connection.close()
            else:
                connection.settimeout(seconds_until(ends))
                return connection
        raise failure

    @property
    def is_quiet(self) -> bool:
        """Whether the server is there and has said nothing that nobody asked for, so that a request can follow.

        Where that can't be known (a connection within the TLS connection to a proxy), it is not so.
        """
        own = self.sock
        if not isinstance(own, _BoundedTLSSocket):
            return False
        return not (own.surplus or own.pending()) and self.is_connected

    def last_word(self) -> Exception | None:
        """Return the error that the server left behind in a connection to which nothing can be written any more."""
        try:
            if self.sock is not None:
                self.sock.recv(1)
        except BROKEN as error:
            return error
        return None

    def begin(self, *, with_body: bool) -> None:
        """Get ready for a request: nothing of it is `sent`."""
        self.sent = False
        self._head = b""
        self._awaits_body = with_body

    def send(self, data: Any) -> None:  # noqa: ANN401 (the base's type)
        """Send, and note that something was; headers and body leave together where one TLS record holds both.

        Where the first piece fails, the server lacks the end of it (a record is read whole or not at all) and has no
        request to act on.
        """
        if self._awaits_body:
            self._awaits_body = False
            self._head = data
            return
        head, self._head = self._head, b""
        if len(head) + len(data) > TLS_RECORD:
            super().send(head)
            self.sent = True
            head = b""
        super().send(head + data)
        self.sent = True


def tls_context(certificate_authorities: str, certificate: ClientCertificate | None = None) -> ssl.SSLContext:
    """Return a context as `ssl.create_default_context` makes it, but deaf to SSLKEYLOGFILE.

    `certificate_authorities` holds certificates (PEM) that are trusted beside those of the system. A server that asks
    who the client is gets to see `certificate`.
    Raises ConfigurationError where they can't be read.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VERIFY_X509_STRICT
    context.sslsocket_class = _BoundedTLSSocket
    context.load_default_certs()
    if certificate_authorities:
        try:
            context.load_verify_locations(cadata=certificate_authorities)
        except (ssl.SSLError, ValueError) as error:
            raise ConfigurationError(
                "CertificateAuthorities holds no readable certificate.",
                action="Set it to certificates in PEM form, each whole, one after the other.",
            ) from error
    if certificate is not None:
        certificate.load(context)
    return context
