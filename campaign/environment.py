"""One execution environment of a function: the real module, its connections, and hands on what it sends."""

import socket
import time
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any, Literal

from common.clock import Deadline, SystemClock
from common.transport import Response, Transport
from tests.support.clock import FakeClock
from tests.support.raw_server import Unanswering

LEAST_LEFT = 1.0
"""Seconds of a function's time that must be left when it answers."""

OVERRUN_ALLOWED = 0.5
"""Seconds that a call may take longer than it may."""

SCALE = 20.0
"""A call that is made to hang is cut off after a twentieth of its limit; the campaign's clock moves by all of it.

All others have their limit in real time, and the clock moves by the processor's time that they took: a machine that
is busy with something else makes no call late.
"""

_SHORTEST = 0.4
_REAL = SystemClock()

type When = Literal["before", "after"]


class KilledError(BaseException):
    """The function's process ends here: nothing catches this, as nothing catches the end of a process."""


class Context:
    """The part of Lambda's context that the functions read, by the campaign's clock."""

    def __init__(self, clock: FakeClock, seconds: float) -> None:
        """End `seconds` from now."""
        self._clock = clock
        self._ends = clock.monotonic() + seconds

    def get_remaining_time_in_millis(self) -> int:
        """Return milliseconds."""
        return max(0, int(1000 * (self._ends - self._clock.monotonic())))


class Environment:
    """A module under `src/handlers` as an environment has imported it. `tokens` are those that it sent.

    `kill` says at which request it is killed; then it `is_alive` no more.
    """

    def __init__(self, function: ModuleType, clock: FakeClock, hangs: Callable[[str, str], bool]) -> None:
        """Take the function's transport in hand; `hangs` tells of a method and a target whether nothing will come."""
        self.function = function
        self.clock = clock
        self._hangs = hangs
        self.is_alive = True
        self.tokens: set[str] = set()
        self.requests = 0
        self.kill: tuple[When, str] | None = None
        self.dies_of: bytes | None = None
        self._late: list[str] = []
        self._overrun = 0.0
        if hasattr(self.parts, "transport"):
            self._send = self.parts.transport.send
            self.parts.transport.send = self._sent  # the campaign stands in between

    @property
    def parts(self) -> Any:  # noqa: ANN401 (Access, Bridge, Api or Actions)
        """What the function is put together from."""
        names = ("bridge", "follow_ups", "watch", "access", "actions")
        return next(getattr(self.function, name) for name in names if hasattr(self.function, name))

    @property
    def transport(self) -> Transport:
        """Its connections."""
        transport: Transport = self.parts.transport
        return transport

    def call(self, event: Mapping[str, Any], seconds: float) -> Any:  # noqa: ANN401 (what it answers)
        """Invoke the function, which has so many seconds, and return its answer. Raises KilledError where it dies."""
        context = Context(self.clock, seconds)
        try:
            answer = self.function.handler(event, context)
        except KilledError:
            self.is_alive = False
            self.close()
            raise
        left = context.get_remaining_time_in_millis() / 1000
        if left < min(LEAST_LEFT, seconds):
            self._late.append(f"{left:.2f} s were left of {seconds:.0f} s")
        return answer

    @property
    def over_budget(self) -> list[str]:
        """What took longer than it may."""
        if self._overrun <= OVERRUN_ALLOWED:
            return self._late
        return [*self._late, f"a call took {self._overrun:.2f} s more than it may"]

    def unreachable(self) -> None:
        """Let its instance be a port on which no connection is ever made."""
        self._nowhere, self._hangs_before = Unanswering(), self._hangs
        self._hangs = lambda _method, _target: True
        self._address = (self.transport._host, self.transport._port)
        self.transport._host, self.transport._port = "127.0.0.1", self._nowhere.port

    def reachable(self) -> None:
        """Take `unreachable` back."""
        self._nowhere.__exit__()
        self._hangs = self._hangs_before
        self.transport._host, self.transport._port = self._address

    def break_connections(self) -> None:
        """Let every kept connection be dead, as after a long sleep."""
        for connection in self.transport._idle:
            if connection.sock is not None:
                # Below TLS: the peer has gone without a word.
                socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)

    def reprs(self) -> Iterator[str]:
        """Yield what the parts show of themselves to a debugger."""
        parts = self.parts
        yield repr(parts)
        tokens = getattr(parts, "tokens", None)
        transport = getattr(parts, "transport", None)
        for holder in (tokens, getattr(tokens, "_memory", None), getattr(tokens, "_client", None), transport):
            yield repr(holder)
            yield repr(vars(holder)) if hasattr(holder, "__dict__") else ""

    def close(self) -> None:
        """Close the connections, where it has any."""
        if hasattr(self.parts, "transport"):
            self.transport.close()

    def _sent(  # noqa: PLR0913 (a request has that many parts)
        self,
        method: str,
        target: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None,
        deadline: Deadline,
        size_limit: int,
    ) -> Response:
        scheme, _, token = headers.get("Authorization", "").partition(" ")
        if scheme == "Bearer":
            self.tokens.add(token)
        if self.dies_of is not None and self.dies_of in (body or b""):
            raise KilledError
        self._die("before", method)
        left = deadline.remaining()
        limit = min(left, max(left / SCALE, _SHORTEST)) if self._hangs(method, target) else left
        started, used = time.monotonic(), time.process_time()
        try:
            answer: Response = self._send(
                method,
                target,
                headers=headers,
                body=body,
                deadline=Deadline(_REAL, started + limit),
                size_limit=size_limit,
            )
        finally:
            took = time.monotonic() - started
            self.requests += 1
            self._overrun = max(self._overrun, took - limit)
            self.clock.advance(max(left, 0.0) if took >= limit else min(took, time.process_time() - used))
        self._die("after", method)
        return answer

    def _die(self, when: When, method: str) -> None:
        if self.kill == (when, method):
            self.kill = None
            raise KilledError
