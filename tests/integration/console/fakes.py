"""The AWS side of a console under test, and a caller of its HTTP interface."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import urllib3

from local.console import Console
from local.processes import LocalStackError
from local.stack import DeadLetter, QueueDepth

CLIENT_ID = "bridge"
CLIENT_SECRET = "the first secret"


@dataclass
class FakeCloud:
    """Remembers what it is told; fails if `broken`."""

    alarms: list[tuple[str, str, str]] = field(default_factory=list)
    secrets: list[str | None] = field(default_factory=list)
    depth: QueueDepth = field(default_factory=lambda: QueueDepth(0, 0, 0))
    letters: list[DeadLetter] = field(default_factory=list)
    broken: bool = False
    findings: int = 0
    changes: list[dict[str, Any]] = field(default_factory=list)

    def put_alarm(self, state: str, *, name: str, severity: str = "") -> dict[str, Any]:
        """Remember the alarm."""
        self._check()
        self.alarms.append((state, name, severity))
        return {}

    def put_finding(self) -> dict[str, Any]:
        """Count the finding."""
        self._check()
        self.findings += 1
        return {}

    def record_changes(self) -> list[dict[str, Any]]:
        """Return what the test says, once."""
        self._check()
        taken, self.changes = self.changes, []
        return taken

    def store_credentials(self, client_secret: str | None = None) -> None:
        """Remember the secret."""
        self._check()
        self.secrets.append(client_secret)

    def queue_depth(self) -> QueueDepth:
        """Return what the test says."""
        self._check()
        return self.depth

    def peek_dead_letters(self) -> list[DeadLetter]:
        """Return what the test says."""
        return self.letters

    def _check(self) -> None:
        if self.broken:
            raise LocalStackError("It was unplugged.")


class Caller:
    """Speaks to a console as its own page does, unless told otherwise."""

    def __init__(self, console: Console, pool: urllib3.PoolManager) -> None:
        self.url = console.url.rstrip("/")
        self.pool = pool
        found = re.search('name="console-token" content="([^"]+)"', self.get("/").data.decode())
        assert found is not None
        self.token = found[1]

    @property
    def own_headers(self) -> dict[str, str]:
        """What the page sends with a change."""
        return {"Origin": self.url, "X-Console-Token": self.token, "Content-Type": "application/json"}

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> urllib3.BaseHTTPResponse:
        """Read something."""
        return self.pool.request("GET", self.url + path, headers=headers)

    def post(
        self, path: str, content: object = None, headers: Mapping[str, str] | None = None
    ) -> urllib3.BaseHTTPResponse:
        """Change something."""
        body = content if isinstance(content, bytes) else json.dumps(content or {}).encode()
        return self.pool.request("POST", self.url + path, body=body, headers=headers or self.own_headers)

    def snapshot(self) -> dict[str, Any]:
        """Return the first message of the stream of events."""
        with self.pool.request("GET", f"{self.url}/events", preload_content=False) as answer:
            text = b""
            while not text.endswith(b"\n\n"):
                text += answer.read(1)
            answer.close()
        snapshot: dict[str, Any] = json.loads(text.removeprefix(b"data: "))
        return snapshot
