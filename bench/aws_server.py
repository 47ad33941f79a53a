"""The calls to AWS that getting a stored token takes, and those of an empty ledger and of a queue, answered at once.

A process of its own: run as `python -m bench.aws_server <secret>`; it prints its port and ends with its standard
input.
"""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@contextmanager
def aws_server(secret: str) -> Iterator[str]:
    """Run the server with one secret and one parameter, which is empty at first; yield its address."""
    with served_by("bench.aws_server", secret) as address:
        yield address


@contextmanager
def served_by(module: str, *arguments: str) -> Iterator[str]:
    """Run a module that calls `serve` in a process of its own, and yield its address."""
    process = subprocess.Popen(  # noqa: S603 (a fixed command)
        [sys.executable, "-m", module, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the server has no pipes")
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        process.stdin.close()


def serve(exchange: type[BaseHTTPRequestHandler]) -> None:
    """Answer until the standard input ends; print the port first."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), exchange)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(f"{server.server_address[1]}\n")
    sys.stdout.flush()
    sys.stdin.read()


class _Exchange(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    secret = ""
    parameter: dict[str, Any] | None = None

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        operation = self.headers["X-Amz-Target"].rpartition(".")[2]
        answer = json.dumps(self._answer(operation, request)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def _answer(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        if operation == "GetSecretValue":
            return {"Name": request["SecretId"], "VersionId": "1" * 32, "SecretString": self.secret}
        if operation == "PutParameter":
            type(self).parameter = {"Version": 1, **request}
            return {"Version": 1, "Tier": "Standard"}
        if operation in ("GetItem", "PutItem"):
            return {}
        if operation == "SendMessageBatch":
            return {"Successful": [{"Id": entry["Id"], "MessageId": "1"} for entry in request["Entries"]], "Failed": []}
        return {"Parameter": self.parameter}

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


if __name__ == "__main__":
    _Exchange.secret = sys.argv[1]
    serve(_Exchange)
