"""What goes in and out of the simulated instance: requests, answers, errors. No sockets here."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

JSON_TYPE = "application/json;charset=UTF-8"
HTML_TYPE = "text/html;charset=UTF-8"
type Json = str | int | float | bool | list[Json] | dict[str, Json] | None


@dataclass(frozen=True, slots=True)
class Request:
    """One request as the instance sees it: header names in lower case, path and query percent-decoded."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    host: str = "localhost"
    target_length: int = 0

    @classmethod
    def of(cls, method: str, url: str, headers: Mapping[str, str], body: bytes, host: str) -> Self:
        """Build a request from a relative URL, as the items of a batch carry them."""
        parts = urlsplit(url)
        lower = {name.lower(): value for name, value in headers.items()}
        query = tuple(parse_qsl(parts.query, keep_blank_values=True))
        return cls(method.upper(), unquote(parts.path), query, lower, body, host, len(url))

    def parameter(self, name: str, default: str = "") -> str:
        """Return the last value of a query parameter."""
        return dict(self.query).get(name, default)

    def flag(self, name: str) -> bool:
        """Tell whether a query parameter is `true`."""
        return self.parameter(name).lower() == "true"


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer before cookies, compression and the common headers are added.

    `wrote` tells whether the request changed a record.
    """

    status: int
    body: bytes = field(default=b"", repr=False)
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    content_type: str = JSON_TYPE
    wrote: bool = False


class ApiError(Exception):
    """An answer that is an error; `detail` may be None, which the instance writes as null."""

    def __init__(
        self, status: int, message: str, detail: str | None = None, headers: dict[str, str] | None = None
    ) -> None:
        """Keep what the answer will carry."""
        super().__init__(f"{status} {message}")
        self.status = status
        self.message = message
        self.detail = detail
        self.headers = headers or {}


def not_simulated(what: str) -> ApiError:
    """Return an answer that no ServiceNow gives: the simulator lacks something that a real instance has."""
    return ApiError(501, "Not simulated", f"{what} works on a real instance, and not in this simulator")


def json_answer(status: int, content: object, headers: dict[str, str] | None = None, *, wrote: bool = False) -> Answer:
    """Answer with compact JSON."""
    return Answer(status, encode(content), headers or {}, wrote=wrote)


def error_answer(error: ApiError, order: int = 0) -> Answer:
    """Render the error envelope; `order` chooses between the key orders that were seen in the field."""
    inner: dict[str, str | None] = {"message": error.message, "detail": error.detail}
    if order % 2:
        inner = {"detail": error.detail, "message": error.message}
    envelope: dict[str, object] = {"error": inner, "status": "failure"}
    if order // 2 % 2:
        envelope = {"status": "failure", "error": inner}
    return Answer(error.status, encode(envelope), dict(error.headers))


def encode(content: object) -> bytes:
    """Encode as compact JSON in UTF-8.

    Half a surrogate pair becomes a question mark, as in a database column.
    """
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def decode_first(body: bytes) -> dict[str, Json]:
    """Decode a JSON object, or the first one of a list, as an insert does."""
    if body.lstrip()[:1] != b"[":
        return decode_object(body)
    try:
        first = json.loads(body)[0]
    except (ValueError, RecursionError, IndexError) as error:
        detail = f"The payload is not valid JSON. {type(error).__name__}"
        raise ApiError(400, "Exception while reading request", detail) from error
    return decode_object(encode(first))


def objects_in(content: Any) -> list[dict[str, Any]]:  # noqa: ANN401 (JSON that a caller sent)
    """Return the objects of a list and leave out its other parts; where it is no list there are none."""
    return [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []


def decode_object(body: bytes) -> dict[str, Json]:
    """Decode a JSON object; an empty body counts as `{}`. Raises ApiError 400 for everything else."""
    if not body.strip():
        return {}
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        detail = f"The payload is not valid JSON. {type(error).__name__}"
        raise ApiError(400, "Exception while reading request", detail) from error
    if not isinstance(content, dict):
        raise ApiError(400, "Exception while reading request", "The payload is not a JSON object")
    return content
