"""Servers in processes of their own, so that they cost every client the same.

Each prints its port, and ends with its standard input.
"""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@contextmanager
def served_by(module: str, *arguments: str) -> Iterator[int]:
    """Run a module that calls `serve` or `stay`, and yield its port on this machine."""
    process = subprocess.Popen(  # noqa: S603 (a fixed command)
        [sys.executable, "-m", module, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the server has no pipes")
        yield int(process.stdout.readline())
        process.stdin.close()


def stay(port: int) -> None:
    """Print the port, and return when the standard input ends."""
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    sys.stdin.read()


def serve(exchange: type[BaseHTTPRequestHandler]) -> None:
    """Answer HTTP requests until the standard input ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), exchange)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    stay(server.server_address[1])


class Exchange(BaseHTTPRequestHandler):
    """Reads requests and sends answers on a kept connection, each in one piece."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_POST(self) -> None:
        """Read a request, and answer it."""
        self.answer(self.rfile.read(int(self.headers["Content-Length"])))

    def answer(self, body: bytes) -> None:
        """Answer a request with that body."""
        raise NotImplementedError

    def send(self, content: bytes, media_type: str, **headers: str) -> None:
        """Send an answer; an underscore in the name of a header stands for a hyphen."""
        self.send_response(200)
        for name, value in {**headers, "Content_Type": media_type, "Content_Length": str(len(content))}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""
