"""Stands in for `common.connection.Connection`: no socket, but a note of everything that a transport does with it."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import pytest

from common.clock import Deadline
from common.transport import Response, Transport
from tests.support.clock import FakeClock


@dataclass
class Answer:
    """An answer that arrives. `closed` says that all of it was read, `wanted` up to how many bytes of it."""

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    closed: bool = True
    fails: Exception | None = None
    given_up: bool = False
    wanted: int = 0

    def read(self, amount: int) -> bytes:
        """Return no more of the body than was asked for."""
        self.wanted = amount
        if self.fails is not None:
            raise self.fails
        return self.body[:amount]

    def close(self) -> None:
        """Note that the rest of it is not wanted."""
        self.given_up = True


@dataclass
class Plan:
    """How one connection behaves. Times are in seconds, errors are raised by the step that they are named after."""

    connecting: Exception | None = None
    connecting_takes: float = 0.0
    sending: Exception | None = None
    sending_takes: float = 0.0
    something_left: bool = True
    last_word: Exception | None = None
    """What the server left behind, where sending failed."""
    says_more: bool = False
    """Whether something comes that no request asked for, after an answer."""
    answering: Exception | None = None
    answers: tuple[Answer, ...] = ()
    ends_after_answer: bool = False
    while_sending: Callable[[], object] = lambda: None
    """Done once, in the middle of the first request."""


class FakeConnection:
    """One connection. `timeouts` holds the limits that were in force when it connected, sent and received.

    `received` holds the answers that it gave out: copies of the plan's, so that plans can be shared by tests.
    """

    sent = False

    def __init__(self, network: "Network", arguments: tuple[Any, ...], options: dict[str, Any]) -> None:
        self.network = network
        self.plan = replace(network.plans.popleft()) if network.plans else Plan()
        self.arguments = arguments
        self.options = options
        self.timeout: float = options["timeout"]
        self.idle_since = (0.0, 0.0)
        self.is_connected = False
        self.is_closed = False
        self.tunnel: tuple[Any, ...] | None = None
        self.timeouts: list[float] = []
        self.requests: list[tuple[Any, ...]] = []
        self.received: list[Answer] = []
        self.announced_bodies: list[bool] = []

    def set_tunnel(self, host: str, port: int, *, scheme: str) -> None:
        """Note what a proxy is asked for."""
        self.tunnel = (host, port, scheme)

    def connect(self) -> None:
        """Connect as planned."""
        self.timeouts.append(self.timeout)
        self.network.clock.advance(self.plan.connecting_takes)
        if self.plan.connecting is not None:
            raise self.plan.connecting
        self.is_connected = True

    @property
    def is_quiet(self) -> bool:
        """Connected, and nothing came but answers."""
        return self.is_connected and not self.plan.says_more

    def begin(self, *, with_body: bool) -> None:
        """Note whether a body is announced, and that nothing is sent yet."""
        self.announced_bodies.append(with_body)
        self.sent = False

    def request(self, *parts: Any, preload_content: bool = True) -> None:  # noqa: ANN401 (as the real one)
        """Send as planned."""
        assert not preload_content, "urllib3 would read the whole body, however large"
        assert not self.sent
        self.timeouts.append(self.timeout)
        self.requests.append(parts)
        meanwhile, self.plan.while_sending = self.plan.while_sending, lambda: None
        meanwhile()
        self.network.clock.advance(self.plan.sending_takes)
        self.sent = self.plan.something_left
        if self.plan.sending is not None:
            raise self.plan.sending

    def last_word(self) -> Exception | None:
        """Say what is planned."""
        assert self.plan.sending is not None, "a server that may be asked would be waited for"
        return self.plan.last_word

    def getresponse(self) -> Answer:
        """Answer as planned."""
        self.timeouts.append(self.timeout)
        if self.plan.answering is not None:
            raise self.plan.answering
        if self.plan.ends_after_answer:
            self.close()
        answers = self.plan.answers[len(self.received) :]
        self.received.append(replace(answers[0]) if answers else Answer())
        return self.received[-1]

    def close(self) -> None:
        """Note that it is over."""
        self.is_closed, self.is_connected = True, False


class Network:
    """Where a transport's connections come from: each behaves by the next plan, and well where there is none."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *plans: Plan) -> None:
        """Take the place of connections, TLS contexts and time."""
        self.clock = FakeClock()
        self.plans = deque(plans)
        self.made: list[FakeConnection] = []
        self.contexts: list[str] = []
        monkeypatch.setattr("common.transport.Connection", self._connection)
        monkeypatch.setattr("common.handshake.tls_context", self._context)
        for module in ("transport", "connection"):
            monkeypatch.setattr(f"common.{module}.time", self.clock)

    def _connection(self, *arguments: Any, **options: Any) -> FakeConnection:  # noqa: ANN401 (as the real one)
        self.made.append(FakeConnection(self, arguments, options))
        return self.made[-1]

    def _context(self, certificate_authorities: str) -> str:
        self.contexts.append(certificate_authorities)
        return f"trusts {certificate_authorities}"

    @cached_property
    def usual(self) -> Transport:
        """Provide the transport through which `send` sends where it is given none."""
        return self.transport()

    def transport(self, host: str = "example.service-now.com", /, **options: Any) -> Transport:  # noqa: ANN401 (as it has)
        """Return a transport that goes by this network's clock."""
        return Transport(host, clock=self.clock, **options)

    def send(
        self,
        transport: Transport | None = None,
        *,
        budget: float = 10.0,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = b"body",
        size_limit: int = 100,
    ) -> Response:
        """Send a request that has `budget` seconds."""
        deadline = Deadline.after(self.clock, budget)
        return (transport or self.usual).send(
            "POST", "/api?x=1", headers=headers or {}, body=body, deadline=deadline, size_limit=size_limit
        )
