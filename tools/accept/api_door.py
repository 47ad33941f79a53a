"""The API round: an incident that a signed caller opens, changes and resolves, and who does not sign."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Protocol
from urllib.parse import quote
from uuid import uuid4

import urllib3

from tools.accept.sheet import MissedError, SkippedError
from tools.signed import Reply

_PAUSE_SECONDS = 0.5
_AGAIN = frozenset(
    {
        HTTPStatus.CONFLICT,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
"""What a caller answers with the same request once more (docs/api.md)."""

_RESOLVED = "6"


class Caller(Protocol):
    """Whoever calls the API."""

    def call(self, method: str, path: str, body: object = None, *, key: str | None = None) -> Reply:
        """Send one request."""


@dataclass(slots=True)
class ApiDoor:
    """What one signed caller and one who does not sign see of the API. `private` tells that it has VPC endpoints."""

    caller: Caller
    stranger: Caller
    patience: float = 120.0
    private: bool = False
    mark: str = field(default_factory=lambda: uuid4().hex[:12])
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    number: str = ""

    def creates(self) -> str:
        """Open an incident twice with one key, and see that ServiceNow has one."""
        key, body = f"accept-{self.mark}", {"short_description": self._title("opened by the API")}
        first = self._ask("POST", "/incidents", body, key=key)
        self.number = first.json["number"]
        again = self._ask("POST", "/incidents", body, key=key)
        if again.json != first.json:
            raise MissedError("the same key got another incident")
        if again.headers.get("Idempotency-Replayed") != "true":
            raise MissedError("the repetition is not marked as one")
        self.counts_one(self.mark)
        return f"{self.number}, both times"

    def reads(self) -> str:
        """Read it."""
        found = self._ask("GET", f"/incidents/{self._opened()}").json
        if self.mark not in found["short_description"]:
            raise MissedError("it reads otherwise than it was written")
        return "as it was written"

    def changes(self) -> str:
        """Give it another short description, and read that."""
        title = self._title("changed by the API")
        self._ask("PATCH", f"/incidents/{self._opened()}", {"short_description": title})
        if self._ask("GET", f"/incidents/{self.number}").json["short_description"] != title:
            raise MissedError("the change is not kept")
        return "changed, and read again"

    def resolves(self) -> str:
        """Resolve it. Closing takes a role that the bridge should not have."""
        body = {"close_notes": "resolved by the acceptance"}
        state = self._ask("POST", f"/incidents/{self._opened()}/resolve", body).json["state"]
        if state != _RESOLVED:
            raise MissedError("it is not resolved: resolve it by hand")
        return f"{self.number} is resolved"

    def counts_one(self, mark: str) -> str:
        """See that exactly one incident, opened meanwhile, has `mark` in its short description."""
        since = quote((self.began - timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ"), safe="")
        rows = self._ask("GET", f"/incidents?limit=100&opened_since={since}").json["records"]
        found = sum(mark in row["short_description"] for row in rows)
        if found != 1:
            raise MissedError(f"ServiceNow has {found} of it")
        return "one incident"

    def uses(self) -> str:
        """Call it, as cheaply as something that reaches ServiceNow can be."""
        self._ask("GET", "/incidents?limit=1")
        return "it answers"

    def refuses_strangers(self) -> str:
        """Call it without a signature."""
        status = self._reach(lambda: self.stranger.call("GET", "/incidents")).status
        if status != HTTPStatus.FORBIDDEN:
            raise MissedError(f"it was answered with {status}")
        return "403"

    def page(self, *, shown: bool) -> str:
        """Look for the page about the API without a signature: whether it is shown follows from one parameter."""
        status = self._reach(lambda: self.stranger.call("GET", "/swagger")).status
        if (status == HTTPStatus.OK) is not shown:
            raise MissedError(f"it was answered with {status}: deploy the stage again")
        return f"{status}, as the parameter says"

    def _title(self, what: str) -> str:
        return f"servicenow-bridge check {self.mark} {what}, please ignore"

    def _opened(self) -> str:
        if not self.number:
            raise SkippedError("no incident was opened")
        return self.number

    def _ask(self, method: str, path: str, body: object = None, *, key: str | None = None) -> Reply:
        """Call, and once more while the API asks for it. Raises SkippedError where the caller has no right."""
        end = time.monotonic() + self.patience
        while True:
            reply = self._reach(lambda: self.caller.call(method, path, body, key=key))
            if reply.status < HTTPStatus.MULTIPLE_CHOICES:
                return reply
            ours = reply.headers.get("Content-Type", "").startswith("application/problem+json")
            if reply.status == HTTPStatus.FORBIDDEN and not ours:
                raise SkippedError(
                    "API Gateway does not let you call it: allow yourself execute-api:Invoke on <ApiArn>/*"
                )
            if reply.status not in _AGAIN or time.monotonic() > end:
                raise MissedError(f"{method} was answered with {reply.status}")
            time.sleep(_PAUSE_SECONDS)

    def _reach(self, call: Callable[[], Reply]) -> Reply:
        try:
            return call()
        except urllib3.exceptions.HTTPError:
            if self.private:
                raise SkippedError("the API is private: call from where its VPC endpoints are reached") from None
            raise MissedError("the API can't be reached from here") from None
