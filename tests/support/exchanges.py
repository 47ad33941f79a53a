"""Stand-ins for what the ServiceNow client calls: a sender with a script, and a source of tokens."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from urllib3 import HTTPHeaderDict

from common.clock import Deadline
from common.errors import BridgeError
from common.oauth.token import AccessToken
from common.transport import Response
from tests.support.clock import FakeClock

JSON = "application/json;charset=UTF-8"


@dataclass(frozen=True)
class Request:
    """What the client sent; `seconds` is the time that it allowed."""

    method: str
    target: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None
    seconds: float
    size_limit: int

    @property
    def token(self) -> str:
        """The bearer token."""
        return self.headers["Authorization"].removeprefix("Bearer ")

    @property
    def fields(self) -> Any:  # noqa: ANN401 (any JSON value)
        """The JSON that was sent."""
        return None if self.body is None else json.loads(self.body)


class ScriptedSender:
    """Answers with what its script says, one step a request; the last step goes on for ever.

    A step is a response, or an error that is raised. Each request takes `takes` seconds of the
    clock, but no longer than it may.
    """

    def __init__(self, clock: FakeClock, *script: Response | BridgeError, takes: float = 0.0) -> None:
        """Follow `script`."""
        self._clock = clock
        self._script = list(script)
        self._takes = takes
        self.requests: list[Request] = []

    def send(  # noqa: PLR0913 (the signature of a sender)
        self,
        method: str,
        target: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None,
        deadline: Deadline,
        size_limit: int,
    ) -> Response:
        """Note the request and take the next step."""
        seconds = deadline.remaining()
        self.requests.append(Request(method, target, headers, body, seconds, size_limit))
        self._clock.advance(min(self._takes, max(seconds, 0.0)))
        step = self._script.pop(0) if len(self._script) > 1 else self._script[0]
        if isinstance(step, BridgeError):
            raise step
        return step


class ListedTokens:
    """Gives out the tokens `token-1`, `token-2` …: another one after each refusal.

    `troubles` are raised first by `rejected`, one a call.
    """

    def __init__(self, *troubles: BridgeError) -> None:
        """Begin with the first."""
        self._troubles = list(troubles)
        self._number = 1
        self.refused: list[str] = []
        self.seconds: list[float] = []

    def token(self, deadline: Deadline) -> AccessToken:
        """Return the current token."""
        self.seconds.append(deadline.remaining())
        return AccessToken(f"token-{self._number}", issued=0.0, expires=4e9, asked=0.0)

    def rejected(self, token: AccessToken, deadline: Deadline) -> AccessToken:
        """Return another one."""
        self.refused.append(token.value)
        if self._troubles:
            raise self._troubles.pop(0)
        self._number += 1
        return self.token(deadline)


def answer(status: int, content: object = b"", *, content_type: str = JSON, **headers: str) -> Response:
    """Return a response; `content` is JSON unless it is bytes. Underscores in names of headers become hyphens."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    named = {"Content-Type": content_type} | {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status, HTTPHeaderDict(named), body)


def refusal(status: int, message: str = "Operation Failed", detail: str | None = None, **headers: str) -> Response:
    """Return an error in ServiceNow's envelope."""
    return answer(status, {"error": {"message": message, "detail": detail}, "status": "failure"}, **headers)
