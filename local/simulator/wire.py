"""From an answer to bytes: the headers, cookies and compression of an instance."""

import gzip
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus

from .messages import Answer, Request

_COMPRESSED_FROM = 128
_COOKIES = ("JSESSIONID", "glide_user_route", "glide_session_store", "BIGipServerpool_instance")


@dataclass(frozen=True, slots=True)
class WireAnswer:
    """An answer with everything that goes over the wire; `body` is compressed already."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def head(self, extra: Iterable[tuple[str, str]] = ()) -> bytes:
        """Return the status line and the headers, with the empty line behind them."""
        lines = [f"HTTP/1.1 {self.status} {reason(self.status)}"]
        lines += [f"{name}: {value}" for name, value in (*self.headers, *extra)]
        return "\r\n".join([*lines, "", ""]).encode("utf-8", "replace")


def on_the_wire(request: Request, answer: Answer, now: float) -> WireAnswer:
    """Add an instance's headers, compress where the caller takes gzip, set cookies on new sessions."""
    headers = {
        "Server": "ServiceNow",
        "Date": formatdate(now, usegmt=True),
        "X-Transaction-ID": secrets.token_hex(6),
        "X-Is-Logged-In": "false" if answer.status == HTTPStatus.UNAUTHORIZED else "true",
        "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
        "Cache-Control": "no-cache,no-store,must-revalidate,max-age=-1",
        "Pragma": "no-store,no-cache",
        "Server-Timing": "wall;dur=12, sem_wait;dur=0",
        "Keep-Alive": "timeout=20",
    }
    body = answer.body
    if answer.content_type and (body or answer.status != HTTPStatus.NO_CONTENT):
        headers["Content-Type"] = answer.content_type
    compressible = len(body) >= _COMPRESSED_FROM and "Content-Encoding" not in answer.headers
    if compressible and "gzip" in request.headers.get("accept-encoding", "").lower():
        body = gzip.compress(body, compresslevel=1)
        headers["Content-Encoding"] = "gzip"
    cookies = [] if "JSESSIONID=" in request.headers.get("cookie", "") else _new_cookies()
    return WireAnswer(answer.status, (*(headers | answer.headers).items(), *cookies), body)


def reason(status: int) -> str:
    """Return the standard phrase of a status, or a neutral one."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def _new_cookies() -> list[tuple[str, str]]:
    values = (
        secrets.token_hex(16).upper(),
        f"glide.{secrets.token_hex(16)}",
        secrets.token_hex(16).upper(),
        "0",
    )
    return [
        ("Set-Cookie", f"{name}={value}; Path=/; HttpOnly; Secure")
        for name, value in zip(_COOKIES, values, strict=True)
    ]
