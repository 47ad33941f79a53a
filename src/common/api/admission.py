"""What is checked of a request before anything reads it: path, size, encoding, content type, and who sends it."""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from common.api.callers import WEBHOOK
from common.api.problems import Kind, ProblemError, invalid
from common.strict_json import is_deeper, no_constant

JSON_LIMIT = 256 * 1024
"""The most bytes of a JSON body."""

FILE_LIMIT = 4 * 1024 * 1024
"""The most bytes of an attachment: with base64 around it, as much as Lambda takes."""

DEEPEST = 16
"""The most levels of a JSON body."""

ALERTS_PATH = "/alerts"
"""Where a webhook may bring as many alerts as Lambda takes: its sender would not send them again in smaller parts."""

_JSON_TYPE = re.compile(r"application/json(\s*;\s*charset=\"?utf-8\"?)?", re.IGNORECASE)
_WITH_BODY = frozenset({"POST", "PATCH", "PUT"})
_FILE_ROUTE = re.compile(r"/incidents/[^/]+/attachments/*")
_SUSPICIOUS_PATH = re.compile(r"\.\.|//|[\\\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Admitted:
    """A request that may go on: the event with its body decoded, and the bytes of a file or webhook as they came.

    `caller` is what `caller_of` says.
    """

    event: dict[str, Any]
    caller: str
    file: bytes


def admit(event: Mapping[str, Any], caller: str) -> Admitted:
    """Return the request of a caller that an event of API Gateway (REST, proxy integration) holds.

    Raises ProblemError.
    """
    path = str(event.get("path") or "")
    if _SUSPICIOUS_PATH.search(unquote(path)):
        raise invalid("The path holds .., // or a character that no path of this API has.")
    bare = {**event, "body": None, "isBase64Encoded": False}
    if event.get("httpMethod") not in _WITH_BODY:
        return Admitted(bare, caller, b"")
    if caller.startswith(WEBHOOK) or _FILE_ROUTE.fullmatch(path):
        return Admitted(bare, caller, _body(event, FILE_LIMIT))
    data = _body(event, FILE_LIMIT if path.rstrip("/") == ALERTS_PATH else JSON_LIMIT)
    if not _JSON_TYPE.fullmatch(content_type(event)):
        raise ProblemError(
            Kind.MEDIA_TYPE, "The body is not declared as JSON.", action="Send Content-Type: application/json."
        )
    try:
        return Admitted({**bare, "body": data.decode()}, caller, b"")
    except UnicodeDecodeError:
        raise invalid("The body is not UTF-8.") from None


def content_type(event: Mapping[str, Any]) -> str:
    """Return the Content-Type header of a request, empty where there is none."""
    headers = event.get("headers") or {}
    return next((str(value).strip() for name, value in headers.items() if name.lower() == "content-type"), "")


def parse_json(text: str) -> dict[str, Any]:
    """Return the JSON object in `text`. Raises ProblemError where it is none, or nested too deeply."""
    try:
        document = _DECODER.decode(text)
    except _TwiceError:
        raise invalid(
            "The body names a member twice.", "Send each once: programs differ in which one they take."
        ) from None
    except (ValueError, RecursionError):
        raise invalid("The body is not JSON.") from None
    if not isinstance(document, dict):
        raise invalid("The body is not a JSON object.")
    if text.count("{") + text.count("[") > DEEPEST and is_deeper(document, DEEPEST):
        raise invalid(f"The body is nested more than {DEEPEST} levels deep.")
    return document


class _TwiceError(ValueError):
    pass


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _TwiceError
    return members


_DECODER = json.JSONDecoder(parse_constant=no_constant, object_pairs_hook=_each_once)


def _body(event: Mapping[str, Any], limit: int) -> bytes:
    body = str(event.get("body") or "")
    if not event.get("isBase64Encoded"):
        data = body.encode("utf-8", "surrogatepass")
    elif len(body) > limit * 4 // 3 + 4:
        raise _too_large(limit)
    else:
        try:
            data = base64.b64decode(body, validate=True)
        except (binascii.Error, ValueError):
            raise invalid("The body is not proper base64.") from None
    if len(data) > limit:
        raise _too_large(limit)
    return data


def _too_large(limit: int) -> ProblemError:
    return ProblemError(Kind.TOO_LARGE, f"The body is larger than {limit} bytes.", action="Send less at once.")
