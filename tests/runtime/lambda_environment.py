"""An execution environment of Lambda: a process under AWS's own runtime client, and the Runtime API that it asks.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Self

_STARTS_WITHIN = 30.0


@dataclass(frozen=True)
class Invocation:
    """What the runtime reported for one event; `seconds_left` is what remained of the function's timeout."""

    answer: Any
    failed: bool
    seconds_left: float


class _RuntimeApi(ThreadingHTTPServer):
    """Hands out events, takes answers, and keeps a snapshot waiting until it is restored."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Exchange)
        self.events: SimpleQueue[tuple[str, float] | None] = SimpleQueue()
        self.answers: SimpleQueue[tuple[str, Any]] = SimpleQueue()
        self.snapshot_taken = threading.Event()
        self.restored = threading.Event()

    def handle_error(self, *_: object) -> None:
        """Keep quiet where the process ends in the middle of an exchange."""


class _Exchange(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body leave in one write, otherwise every answer seems to take 44 ms
    server: _RuntimeApi

    def do_GET(self) -> None:
        if self.path.endswith("/restore/next"):
            self.server.snapshot_taken.set()
            self.server.restored.wait()
            return self._reply(200)
        waiting = self.server.events.get()
        if waiting is None:
            return None
        event, deadline = waiting
        return self._reply(
            200,
            event.encode(),
            {
                "Content-Type": "application/json",  # without it the client's native part crashes
                "Lambda-Runtime-Aws-Request-Id": "00000000-0000-4000-8000-000000000000",
                "Lambda-Runtime-Deadline-Ms": str(int(deadline * 1000)),
                "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-west-1:123456789012:function:test",
            },
        )

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self._reply(202)
        # …/invocation/<id>/response, …/invocation/<id>/error, …/init/error
        self.server.answers.put((self.path.rpartition("/")[2], json.loads(body)))

    def _reply(self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


class LambdaEnvironment:
    """One environment of a function; inside `with` it takes one event after the other."""

    def __init__(  # noqa: PLR0913 (what an environment consists of)
        self,
        handler: str,
        *,
        task_root: Path,
        runtime: Path,
        log: Path,
        environment: Mapping[str, str],
        snapshot: bool = False,
    ) -> None:
        """Start `handler` of the package in `task_root`, with nothing beside it but what is in `runtime`."""
        self._api = _RuntimeApi()
        self._thread = threading.Thread(target=self._api.serve_forever, args=(0.05,))
        self._thread.start()
        self._log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-S", "-m", "awslambdaric", handler],
                cwd=task_root,
                env={
                    **environment,
                    "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
                    "AWS_LAMBDA_FUNCTION_NAME": "test",
                    "AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start" if snapshot else "on-demand",
                    "AWS_LAMBDA_LOG_FORMAT": "JSON",
                    "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._api.server_address[1]}",
                    "LAMBDA_TASK_ROOT": str(task_root),
                    "PYTHONDONTWRITEBYTECODE": "1",  # the package is read-only there
                    "PYTHONPATH": f"{task_root}:{runtime}",
                    "_HANDLER": handler,
                },
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        threading.Thread(target=self._tell_end, daemon=True).start()

    def _tell_end(self) -> None:
        status = self._process.wait()
        self._api.answers.put(("end", status))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._api.events.put(None)
        self._api.restored.set()
        self._api.shutdown()
        self._api.server_close()
        self._thread.join()

    def invoke(self, event: Mapping[str, Any], *, timeout: float = 60.0) -> Invocation:
        """Hand over an event of which `timeout` seconds are left, and return what the runtime reports."""
        deadline = time.time() + timeout
        self._api.events.put((json.dumps(event), deadline))
        try:
            kind, answer = self._api.answers.get(timeout=max(timeout, _STARTS_WITHIN))
        except Empty:
            raise AssertionError(f"no answer came\n{self.log()}") from None
        assert kind in {"response", "error"}, f"{kind} {answer}\n{self.log()}"
        return Invocation(answer, kind == "error", deadline - time.time())

    def wait_for_snapshot(self) -> None:
        """Return once the function is initialised and waits to be restored."""
        assert self._api.snapshot_taken.wait(_STARTS_WITHIN), self.log()

    def restore(self) -> None:
        """Let it go on as if restored from the snapshot."""
        self._api.restored.set()

    def log(self) -> str:
        """Return everything that it wrote, metrics included."""
        return self._log.read_text()
