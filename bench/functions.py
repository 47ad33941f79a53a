"""The real functions in this process, as they start with some settings, and what calls them."""

import contextlib
import importlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

from common.clock import SystemClock
from common.oauth.token import AccessToken

TOKEN = "t" * 86
SETTINGS: Mapping[str, str] = {
    "API_INCIDENT_FIELDS": "short_description,description,impact,urgency",
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_REGION": "eu-west-1",
    "AWS_SECRET_ACCESS_KEY": "bench",
    "DEAD_LETTER_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/dead-letters",
    "DEPLOYMENT": "bench",
    "LEDGER_TABLE": "ledger",
    "POWERTOOLS_LOG_LEVEL": "INFO",
    "QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/events",
    "SERVICENOW_INSTANCE_HOST": "example.service-now.com",
    "SERVICENOW_SECRET_ID": "credentials",
    "TOKEN_KEY_ID": "key",
    "TOKEN_PARAMETER": "/servicenow-bridge/bench/access-token",
}

type Handler = Callable[[dict[str, Any], Any], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Context:
    """What a function sees of its invocation."""

    seconds: float
    aws_request_id: str = "bench"

    def get_remaining_time_in_millis(self) -> int:
        """Return milliseconds."""
        return round(self.seconds * 1000)


@contextlib.contextmanager
def started(handler: str, **settings: str) -> Iterator[ModuleType]:
    """Import a handler anew, with SETTINGS and others. Log lines and metrics are written as ever, and not shown."""
    with (
        Path(os.devnull).open("w", encoding="utf-8") as nowhere,
        patch.dict(os.environ, {**SETTINGS, **settings}),
        contextlib.redirect_stdout(nowhere),
    ):
        sys.modules.pop(f"handlers.{handler}", None)
        function = importlib.import_module(f"handlers.{handler}")
        yield function
        function.bridge.transport.close()


def give_token(function: ModuleType) -> None:
    """Give a function the token that its first request would have fetched."""
    now = SystemClock().now()
    function.bridge.tokens._memory.take(AccessToken(TOKEN, issued=now, expires=now + 1800, asked=now))  # noqa: SLF001


def post(handler: Handler, path: str, body: str, headers: Mapping[str, str], identity: Mapping[str, str]) -> None:
    """Call a function as API Gateway does. Raises RuntimeError where it does not succeed."""
    answer = handler(
        {
            "resource": path,
            "path": path,
            "httpMethod": "POST",
            "headers": headers,
            "multiValueHeaders": {name: [value] for name, value in headers.items()},
            "queryStringParameters": None,
            "multiValueQueryStringParameters": None,
            "pathParameters": None,
            "stageVariables": None,
            "requestContext": {
                "accountId": "123456789012",
                "identity": identity,
                "path": f"/v1{path}",
                "requestId": "00000000-0000-4000-8000-000000000000",
                "stage": "v1",
            },
            "body": body,
            "isBase64Encoded": False,
        },
        Context(28.0),
    )
    if not HTTPStatus(answer["statusCode"]).is_success:
        raise RuntimeError(answer["body"])
