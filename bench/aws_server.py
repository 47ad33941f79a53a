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
    command = [sys.executable, "-m", "bench.aws_server", secret]
    process = subprocess.Popen(  # noqa: S603 (a fixed command)
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the server has no pipes")
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        process.stdin.close()


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


def _main(secret: str) -> None:
    _Exchange.secret = secret
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Exchange)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(f"{server.server_address[1]}\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    _main(*sys.argv[1:])
