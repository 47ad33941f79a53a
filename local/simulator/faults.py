"""Faults: which requests they meet and what they make of them. Data and pure functions only."""

import random
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Literal

from .messages import (
    HTML_TYPE,
    JSON_TYPE,
    Answer,
    ApiError,
    Json,
    Request,
    decode_object,
    encode,
    error_answer,
)
from .pages import HIBERNATING, MAINTENANCE
from .token_api import TOKEN_PATH

type Content = Literal[
    "",
    "hibernating",
    "maintenance",
    "deep_json",
    "gzip_bomb",
    "huge",
    "not_utf8",
    "empty",
    "error_in_success",
    "without_result",
    "quota_cancel",
    "quota_cancel_malformed",
]
_CANCELLED = {
    "message": "Transaction cancelled: maximum execution time exceeded",
    "detail": "Transaction cancelled",
}
_KEPT_BY = ("quota_cancel", "quota_cancel_malformed", "")
_REASONS = {429: "Rate limit exceeded", 500: "Transaction cancelled", 503: "Service Unavailable"}
_WRONG_BODIES: Mapping[str, bytes] = {
    "not_utf8": b'{"result":{"short_description":"\xff\xfe\xc3\x28"}}',
    "error_in_success": encode({"error": {"message": "Operation Failed", "detail": None}, "status": "failure"}),
    "without_result": encode({"status": "success"}),
}
_CHUNK = 1 << 16
_DEEPEST = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong, for the requests that it matches.

    Which requests:
        on: requests of the `token` endpoint, of the `api`, or `any`.
        method: the HTTP method, empty for all. path: a regular expression that is searched in the path.
        table: the table of a Table API request.
        times: how many requests it meets, None for ever. skip: how many matching requests pass before.
        probability: share of the matching requests that it meets, drawn from the simulator's seed.

    What becomes of the request:
        delay: real seconds before it is handled.
        commit: True carries it out, False does not. None carries it out if the true answer is what the caller
            gets.
        commit_after: it is carried out that many seconds later, by the simulator's clock, whoever still
            waits.

    The answer (the true one, or the standard error of `status`, unless something else is said):
        status, headers, content_type: replaced or added. body: JSON, text or bytes.
        content: a ready-made body. size: bytes of `huge` and `gzip_bomb`, levels of `deep_json`.
        merge: top-level keys that are put into the true JSON answer. remove: top-level keys that are taken
            out.
        redirect: the `Location` of a redirect; `status` 302 unless given.

    The connection:
        connection: `close` ends it instead of answering, `abort` resets it, `hang` leaves the caller without
            an answer.
        drip_headers, drip_body: bytes a second. truncate: bytes of the body that arrive before the connection
            ends.
    """

    on: Literal["token", "api", "any"] = "api"
    method: str = ""
    path: str = ""
    table: str = ""
    times: int | None = 1
    skip: int = 0
    probability: float = 1.0

    delay: float = 0.0
    commit: bool | None = None
    commit_after: float | None = None

    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = ""
    body: Json | bytes = None
    content: Content = ""
    size: int = 50_000_000
    merge: Mapping[str, Json] = field(default_factory=dict)
    remove: tuple[str, ...] = ()
    redirect: str = ""

    connection: Literal["keep", "close", "abort", "hang"] = "keep"
    drip_headers: float | None = None
    drip_body: float | None = None
    truncate: int | None = None

    def __post_init__(self) -> None:
        """Raise ValueError where `path` is no regular expression."""
        try:
            re.compile(self.path)
        except re.PatternError as error:
            message = f"{self.path!r} is no regular expression: {error}"
            raise ValueError(message) from error

    def meets(self, request: Request, table: str) -> bool:
        """Tell whether a request is one of those that this fault is about."""
        token = request.path == TOKEN_PATH
        return (
            self.on in ("any", "token" if token else "api")
            and self.method.upper() in ("", request.method)
            and self.table in ("", table)
            and re.search(self.path, request.path) is not None
        )

    @property
    def commits(self) -> bool:
        """Tell whether the request is carried out before the answer."""
        if self.commit is not None:
            return self.commit
        replaced = self.status is not None or self.body is not None or self.content not in _KEPT_BY or self.redirect
        return not (replaced or self.connection != "keep" or self.commit_after is not None)

    @property
    def raw(self) -> bool:
        """Tell whether the answer has to be written byte by byte."""
        return self.drip_headers is not None or self.drip_body is not None or self.truncate is not None


class FaultQueue:
    """The faults that are waiting, in the order in which they were added; the first match is taken."""

    def __init__(self, seed: int | None) -> None:
        """Start empty; `seed` makes the draws of probabilities repeatable."""
        self._seed = seed
        self.clear()

    def clear(self) -> None:
        """Forget all faults and start the draws anew."""
        self._waiting: list[tuple[Fault, int]] = []
        self._random = random.Random(self._seed)  # noqa: S311 -- repeatable draws, no secrets

    def add(self, fault: Fault) -> None:
        """Add a fault behind those that wait already."""
        self._waiting.append((fault, 0))

    @property
    def waiting(self) -> list[Fault]:
        """The faults that still wait, first come first."""
        return [fault for fault, _ in self._waiting]

    def take(self, request: Request, table: str) -> Fault | None:
        """Return the fault that a request meets, or None."""
        for index, (fault, seen) in enumerate(self._waiting):
            if not fault.meets(request, table) or self._random.random() >= fault.probability:
                continue
            self._waiting[index] = (fault, seen + 1)
            if seen < fault.skip:
                continue
            if fault.times is not None and seen + 1 >= fault.skip + fault.times:
                del self._waiting[index]
            return fault
        return None


def reply(fault: Fault, true_answer: Answer | None) -> Answer:
    """Return what the caller gets to see; `true_answer` is None where the request was not carried out."""
    if fault.redirect:
        headers = {**fault.headers, "Location": fault.redirect}
        return Answer(fault.status or 302, b"", headers, content_type=HTML_TYPE)
    answer = _base(fault, true_answer)
    if fault.merge or fault.remove:
        merged = decode_object(answer.body) | dict(fault.merge)
        answer = replace(answer, body=encode({key: merged[key] for key in merged if key not in fault.remove}))
    headers = {**answer.headers, **fault.headers}
    return replace(answer, headers=headers, content_type=fault.content_type or answer.content_type)


def _base(fault: Fault, true_answer: Answer | None) -> Answer:
    if fault.body is not None:
        return Answer(fault.status or 200, _body_bytes(fault.body), content_type=JSON_TYPE)
    if fault.content:
        return _ready_made(fault, true_answer)
    if fault.status is None and true_answer is not None:
        return true_answer
    status = fault.status or 503
    if status < 300:  # noqa: PLR2004 -- a success without a body of its own shows the true one
        return replace(true_answer, status=status) if true_answer else Answer(status)
    return error_answer(ApiError(status, _REASONS.get(status, "Operation Failed"), None))


def _ready_made(fault: Fault, true_answer: Answer | None) -> Answer:
    match fault.content:
        case "hibernating":
            made = Answer(200, HIBERNATING.encode(), content_type=HTML_TYPE)
        case "maintenance":
            made = Answer(503, MAINTENANCE.encode(), content_type=HTML_TYPE)
        case "empty":
            made = Answer(202, content_type="")
        case "gzip_bomb":
            made = Answer(200, gzip_bomb(fault.size), {"Content-Encoding": "gzip"})
        case "deep_json" | "huge":
            made = Answer(200, _large(fault.content, fault.size))
        case "quota_cancel" | "quota_cancel_malformed":
            made = Answer(200, _cancelled(true_answer, malformed=fault.content == "quota_cancel_malformed"))
        case _:
            made = Answer(200, _WRONG_BODIES[fault.content])
    return made if fault.status is None else replace(made, status=fault.status)


def _large(content: Content, size: int) -> bytes:
    if content == "huge":
        return b'{"result":"' + b"x" * max(size - 13, 0) + b'"}'
    depth = min(size, _DEEPEST)
    return b'{"result":' + b"[" * depth + b"]" * depth + b"}"


def _cancelled(true_answer: Answer | None, *, malformed: bool) -> bytes:
    started = true_answer.body if true_answer and true_answer.body else b'{"result":[]}'
    kept = started[: len(started) // 2] if malformed else started.removesuffix(b"}")
    return kept + b"," + encode({"error": _CANCELLED, "status": "failure"})[1:]


def _body_bytes(body: Json | bytes) -> bytes:
    if isinstance(body, bytes):
        return body
    return body.encode("utf-8", "surrogatepass") if isinstance(body, str) else encode(body)


@lru_cache(maxsize=2)
def gzip_bomb(size: int) -> bytes:
    """Return a gzip stream of a JSON string that unpacks to about `size` bytes."""
    packer = zlib.compressobj(9, wbits=31)
    parts = [packer.compress(b'{"result":"')]
    parts += [packer.compress(b"x" * _CHUNK) for _ in range(size // _CHUNK)]
    return b"".join([*parts, packer.compress(b'"}'), packer.flush()])
