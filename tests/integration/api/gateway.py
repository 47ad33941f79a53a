"""What API Gateway does between a caller and a function (REST API, Lambda proxy, binary media types */*)."""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

from tests.support.deployment import ACCOUNT, Context

ALICE = f"arn:aws:iam::{ACCOUNT}:user/alice"
BOB = f"arn:aws:iam::{ACCOUNT}:user/bob"
DISK = {"short_description": "The disk is full"}
_numbers = count(1)

type Handler = Callable[[dict[str, Any], Context], dict[str, Any]]


@dataclass(frozen=True)
class Reply:
    """What a caller gets to see. Names of headers are lower case."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> dict[str, Any]:
        """The body, which must be a JSON object."""
        document = json.loads(self.text)
        assert isinstance(document, dict)
        return document

    @property
    def kind(self) -> str:
        """The last part of a problem's type."""
        assert self.headers["content-type"] == "application/problem+json"
        return str(self.json["type"]).removeprefix("urn:servicenow-bridge:problem:")

    @property
    def problem(self) -> tuple[int, str]:
        """Status and kind of a problem."""
        return self.status, self.kind


class Gateway:
    """Calls a function as API Gateway would for a caller that signs its requests."""

    def __init__(self, handler: Handler) -> None:
        """Call `handler`."""
        self._handler = handler

    def call(  # noqa: PLR0913 (what a request consists of)
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        caller: str | None = ALICE,
        remaining: int = 28_000,
        changes: Mapping[str, object] | None = None,
    ) -> Reply:
        """Send one request; `changes` replace members of the event. A body that is no text or bytes becomes JSON."""
        sent = {} if body is None else {"Content-Type": "application/json"}
        sent |= {} if key is None else {"Idempotency-Key": key}
        sent |= headers or {}
        event = request_event(method, path, body, sent, query or {}, caller) | dict(changes or {})
        return reply_of(self._handler(event, Context(remaining)))


def request_event(  # noqa: PLR0913, PLR0917 (the same)
    method: str, path: str, body: object, headers: Mapping[str, str], query: Mapping[str, str], caller: str | None
) -> dict[str, Any]:
    """Return the event of a request."""
    data = body if isinstance(body, str | bytes | None) else json.dumps(body)
    encoded = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    return {
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": method,
        "headers": dict(headers) or None,
        "multiValueHeaders": {name: [value] for name, value in headers.items()} or None,
        "queryStringParameters": dict(query) or None,
        "multiValueQueryStringParameters": {name: [value] for name, value in query.items()} or None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {
            "accountId": ACCOUNT,
            "httpMethod": method,
            "identity": {"userArn": caller},
            "path": f"/v1{path}",
            "requestId": f"request-{next(_numbers)}",
            "stage": "v1",
        },
        "body": None if encoded is None else base64.b64encode(encoded).decode(),
        "isBase64Encoded": encoded is not None,
    }


def reply_of(answer: Mapping[str, Any]) -> Reply:
    """Return what a function's answer becomes."""
    headers = dict(answer.get("headers") or {})
    headers |= {name: ", ".join(values) for name, values in (answer.get("multiValueHeaders") or {}).items()}
    assert answer["isBase64Encoded"] is False
    return Reply(answer["statusCode"], {name.lower(): value for name, value in headers.items()}, answer["body"])


def create(api: Gateway, key: str = "k", *, caller: str = ALICE, **fields: str) -> Reply:
    """Open an incident: the disk is full."""
    return api.call("POST", "/incidents", DISK | fields, key=key, caller=caller)


def taken(accepted: int, *, refused: int = 0, truncated: int = 0) -> dict[str, int]:
    """Return the answer to alerts and webhooks."""
    return {"accepted": accepted, "refused": refused, "truncated": truncated}
