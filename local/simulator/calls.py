"""What is remembered of every request. Credentials and tokens are never part of it."""

import json
import re
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlencode

from .messages import Request
from .token_api import REVOKE_PATH, TOKEN_PATH

_TABLE = re.compile(r"/api/now/(?:v\d+/)?table/([a-z0-9_]+)")
_SECRET_PARAMETERS = frozenset({"token", "access_token", "refresh_token", "client_secret", "password"})


@dataclass(slots=True)
class Call:
    """One request and what became of it.

    `status` is None as long as nothing was answered, and for good where the caller never got an answer.
    `committed` tells whether a record was changed. `started` and `ended` are epoch seconds of the simulator's
    clock. `body` is the JSON object that was sent to the API, None for everything else.
    """

    method: str
    path: str
    query: str = ""
    table: str = ""
    token_request: bool = False
    status: int | None = None
    body: dict[str, Any] | None = field(default=None, repr=False)
    committed: bool = False
    started: float = 0.0
    ended: float | None = None
    fault: bool = False

    @classmethod
    def of(cls, request: Request, started: float) -> Self:
        """Record the beginning of a request."""
        pairs = [(name, "***" if name in _SECRET_PARAMETERS else value) for name, value in request.query]
        oauth = request.path in {TOKEN_PATH, REVOKE_PATH}
        return cls(
            method=request.method,
            path=request.path,
            query=urlencode(pairs),
            table=table_of(request),
            token_request=request.path == TOKEN_PATH,
            body=None if oauth else _json_object(request.body),
            started=started,
        )


def table_of(request: Request) -> str:
    """Return the table that a Table API request is about, else an empty text."""
    found = _TABLE.match(request.path)
    return found[1] if found else ""


def _json_object(body: bytes) -> dict[str, Any] | None:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None
