"""Problem details (RFC 9457): the one place where errors become answers.

A problem says what happened and what to do next. It never holds ServiceNow's words, a stack trace or anything about
the deployment's credentials.
"""

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from http import HTTPStatus
from typing import Any

from common.errors import AmbiguousError, BridgeError, ChangedRequestError, HeldError, PermanentError

MEDIA_TYPE = "application/problem+json"

HEADERS: Mapping[str, str] = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
"""The headers of every answer."""

TYPE_PREFIX = "urn:servicenow-bridge:problem:"
"""What the type of every problem begins with."""

_HELD_RETRY_SECONDS = 300
_SHORTEST_RETRY_SECONDS = 1
_USUAL_RETRY_SECONDS = 5


class Kind(Enum):
    """Every kind of problem: the last part of its type, its status and its title. None is ever renamed."""

    INVALID_REQUEST = ("invalid-request", HTTPStatus.BAD_REQUEST, "The request is not valid.")
    FORBIDDEN = ("forbidden", HTTPStatus.FORBIDDEN, "This is not allowed here.")
    REFUSED = ("refused-by-servicenow", HTTPStatus.FORBIDDEN, "ServiceNow refuses this.")
    NOT_FOUND = ("not-found", HTTPStatus.NOT_FOUND, "There is no such thing.")
    CONFLICT = ("conflict", HTTPStatus.CONFLICT, "The record does not allow this.")
    IN_PROGRESS = ("in-progress", HTTPStatus.CONFLICT, "The same request is still being handled.")
    OUTCOME_UNKNOWN = ("outcome-unknown", HTTPStatus.CONFLICT, "Nobody knows whether this was done.")
    TOO_LARGE = ("too-large", HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The request is too large.")
    MEDIA_TYPE = ("unsupported-media-type", HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The content type is not supported.")
    KEY_REUSED = ("idempotency-key-reused", HTTPStatus.UNPROCESSABLE_ENTITY, "The key was used for something else.")
    TOKEN_USED_UP = ("token-used-up", HTTPStatus.CONFLICT, "Nothing waits with this token.")
    RATE_LIMITED = ("rate-limited", HTTPStatus.TOO_MANY_REQUESTS, "ServiceNow limits the rate of calls.")
    TOO_MANY = ("too-many-requests", HTTPStatus.TOO_MANY_REQUESTS, "This caller has sent too much.")
    INTERNAL = ("internal-error", HTTPStatus.INTERNAL_SERVER_ERROR, "The bridge failed.")
    UNAVAILABLE = ("unavailable", HTTPStatus.SERVICE_UNAVAILABLE, "Nothing was done; it will work later.")
    HELD = ("held", HTTPStatus.SERVICE_UNAVAILABLE, "The bridge waits for a person.")
    NO_ANSWER = ("no-answer", HTTPStatus.GATEWAY_TIMEOUT, "ServiceNow did not answer in time.")

    def __init__(self, name: str, status: HTTPStatus, title: str) -> None:
        """Take the tuple apart."""
        self.type = f"{TYPE_PREFIX}{name}"
        self.status = status
        self.title = title


@dataclass(frozen=True)
class Answer:
    """A finished answer: what API Gateway is given."""

    status: int
    body: str
    media_type: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def for_gateway(self) -> dict[str, Any]:
        """Return it as a Lambda proxy integration must."""
        return {
            "statusCode": self.status,
            "headers": {"Content-Type": self.media_type, **HEADERS, **self.headers},
            "body": self.body,
            "isBase64Encoded": False,
        }


class ProblemError(Exception):
    """A request that ends in a problem.

    `retry_after` is in seconds; `members` are further members of the document, such as `errors`.
    """

    def __init__(
        self, kind: Kind, detail: str, *, action: str = "", retry_after: float | None = None, **members: object
    ) -> None:
        """Say what happened in `detail`, and in `action` what the caller does next."""
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.action = action
        self.retry_after = retry_after
        self.members = members

    def answer(self, request_id: str) -> Answer:
        """Return the answer; `request_id` finds the request in the logs."""
        document: dict[str, object] = {
            "type": self.kind.type,
            "title": self.kind.title,
            "status": int(self.kind.status),
            "detail": self.detail,
            "request_id": request_id,
        }
        if self.action:
            document["action"] = self.action
        headers = {}
        if self.retry_after is not None:
            headers["Retry-After"] = str(max(_SHORTEST_RETRY_SECONDS, math.ceil(self.retry_after)))
        return Answer(int(self.kind.status), json.dumps({**document, **self.members}), MEDIA_TYPE, headers)


def invalid(detail: str, action: str = "Correct the request and send it again.") -> ProblemError:
    """Return the problem of a request that can't be understood."""
    return ProblemError(Kind.INVALID_REQUEST, detail, action=action)


@contextmanager
def harmless_to_repeat() -> Iterator[None]:
    """Let a write of unknown outcome end in the problem that says to make it again. Raises all else as it is."""
    try:
        yield
    except AmbiguousError:
        raise ProblemError(
            Kind.NO_ANSWER,
            "ServiceNow did not answer in time. The change may have been made.",
            action="Repeat the request: making the same change again is harmless.",
            retry_after=_USUAL_RETRY_SECONDS,
        ) from None


def problem_of(error: BridgeError, *, idempotency_key: str | None = None) -> ProblemError:
    """Return the problem that an error of the bridge becomes.

    `idempotency_key` is the key that the caller sent; it is repeated where sending it again is what helps.
    """
    if isinstance(error, HeldError):
        return ProblemError(
            Kind.HELD,
            "The bridge's configuration or credentials need a person. Its operators are told by an alarm.",
            action="Repeat the request later; nothing was done.",
            retry_after=_HELD_RETRY_SECONDS,
        )
    if isinstance(error, AmbiguousError):
        return _no_answer(error, idempotency_key)
    if isinstance(error, PermanentError):
        return _final(error)
    wait = _USUAL_RETRY_SECONDS if error.retry_after is None else error.retry_after
    kind = Kind.RATE_LIMITED if error.status == HTTPStatus.TOO_MANY_REQUESTS else Kind.UNAVAILABLE
    return ProblemError(kind, error.message, action="Repeat the request after Retry-After seconds.", retry_after=wait)


def _no_answer(error: AmbiguousError, idempotency_key: str | None) -> ProblemError:
    detail = "ServiceNow did not answer a write in time; it may have been carried out."
    if idempotency_key is None:
        return ProblemError(Kind.NO_ANSWER, detail, action="Read the record before you repeat the request.")
    return ProblemError(
        Kind.NO_ANSWER,
        detail,
        action="Repeat the request with the same Idempotency-Key: it is not carried out twice.",
        retry_after=_USUAL_RETRY_SECONDS if error.retry_after is None else min(error.retry_after, 30.0),
        idempotency_key=idempotency_key,
    )


def _final(error: PermanentError) -> ProblemError:
    if isinstance(error, ChangedRequestError):
        return ProblemError(Kind.KEY_REUSED, error.message, action=error.action)
    kinds: dict[int | None, Kind] = {
        HTTPStatus.BAD_REQUEST: Kind.INVALID_REQUEST,
        HTTPStatus.FORBIDDEN: Kind.REFUSED,
        HTTPStatus.NOT_FOUND: Kind.NOT_FOUND,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: Kind.TOO_LARGE,
    }
    return ProblemError(kinds.get(error.status, Kind.CONFLICT), error.message, action=error.action)
