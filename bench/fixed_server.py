"""An HTTPS server that sends one fixed answer.

Run as `python -m bench.fixed_server <certificate> <key> <record> <seconds>`.
"""

import json
import re
import socket
import ssl
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bench.servers import served_by, stay
from local.certificates import create_authority, issue

_RECORD = {
    "sys_id": "0123456789abcdef0123456789abcdef",
    "number": "INC0010001",
    "state": "1",
    "correlation_id": "0123456789abcdef0123456789abcdef-0123456789abcdef",
    "correlation_display": "0123456789abcdef",
    "short_description": "errors (123456789012, eu-west-1)",
    "close_code": "",
    "sys_created_on": "2030-01-01 00:00:00",
    "sys_updated_on": "2030-01-01 00:00:00",
}
# The headers that an instance sends with a record that it has just made.
_HEAD = (
    b"HTTP/1.1 201 Created\r\n"
    b"Location: https://localhost/api/now/table/incident/0123456789abcdef0123456789abcdef\r\n"
    b"X-Transaction-ID: 0123456789ab\r\nX-Is-Logged-In: true\r\n"
    b"Set-Cookie: JSESSIONID=0123456789abcdef; Path=/; HttpOnly; Secure\r\n"
    b"Set-Cookie: glide_user_route=glide.0123456789abcdef; Path=/; HttpOnly; Secure\r\n"
    b"Cache-Control: no-cache,no-store,must-revalidate,max-age=-1\r\nPragma: no-store,no-cache\r\n"
    b"Server-Timing: wall;dur=42\r\nDate: Tue, 01 Jan 2030 00:00:00 GMT\r\nKeep-Alive: timeout=20\r\n"
    b"Strict-Transport-Security: max-age=63072000; includeSubDomains\r\nServer: ServiceNow\r\n"
    b"Content-Type: application/json;charset=UTF-8\r\n"
    b"Content-Length: "
)
_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)
_PIECE = 1 << 16


@contextmanager
def fixed_server(changes: Mapping[str, str] | None = None, seconds: float = 0.0) -> Iterator[tuple[str, str]]:
    """Run the server; yield host and port, and the certificate (PEM) of the authority to trust.

    `changes` replaces fields of the record that it shows; an answer takes so many seconds.
    """
    authority = create_authority()
    with tempfile.TemporaryDirectory() as directory:
        files = issue(authority).write(Path(directory), "server")
        record = json.dumps({**_RECORD, **(changes or {})})
        with served_by("bench.fixed_server", *map(str, files), record, str(seconds)) as port:
            yield f"localhost:{port}", authority.certificate_pem


def _main(certificate: str, key: str, record: str, seconds: str) -> None:
    body = json.dumps({"result": json.loads(record)}).encode()
    answer = _HEAD + str(len(body)).encode() + b"\r\n\r\n" + body
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=_accept, args=(listener, context, answer, float(seconds)), daemon=True).start()
    stay(listener.getsockname()[1])


def _accept(listener: socket.socket, context: ssl.SSLContext, answer: bytes, seconds: float) -> None:
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=_serve, args=(connection, context, answer, seconds), daemon=True).start()


def _serve(connection: socket.socket, context: ssl.SSLContext, answer: bytes, seconds: float) -> None:
    with context.wrap_socket(connection, server_side=True) as tls:
        received = b""
        while piece := tls.recv(_PIECE):
            received += piece
            head, end_of_head, body = received.partition(b"\r\n\r\n")
            length = _LENGTH.search(head)
            if end_of_head and len(body) >= (int(length[1]) if length else 0):
                time.sleep(seconds)
                tls.sendall(answer)
                received = b""


if __name__ == "__main__":
    _main(*sys.argv[1:])
