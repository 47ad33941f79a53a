"""The request in hand, as the routes get to it."""

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools.event_handler.api_gateway import Router

from common.api.admission import Admitted
from common.api.callers import account_of
from common.api.requests import Sender
from common.bridge.api import Api
from common.clock import Deadline


@dataclass(frozen=True, slots=True)
class Call:
    """One request, what answers it, and until when. `context` is what the answer to a failure is made from."""

    bridge: Api
    request: Admitted
    deadline: Deadline
    context: dict[str, Any]

    @property
    def account(self) -> str:
        """The account of the API that took the request."""
        return account_of(self.request.event)

    def sender(self, key: str | None = None) -> Sender:
        """Return who sends the request, with its Idempotency-Key, which the answer to a failure names too."""
        if key is not None:
            self.context["idempotency_key"] = key
        return Sender(self.request.caller, key)


# The routers are made once, however many APIs stand in a process, as they do in tests: none may hold a request.
_call: ContextVar[Call] = ContextVar("call")


def begin(call: Call) -> None:
    """Make this the request in hand."""
    _call.set(call)


def in_hand() -> Call:
    """Return the request in hand."""
    return _call.get()


def new_router() -> Router:
    """Return a router without routes."""
    return Router()  # type: ignore[no-untyped-call]  # Powertools gives its constructor no types
