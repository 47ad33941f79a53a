"""The body of a webhook becomes one event in the shape of EventBridge's: pure."""

import json
import zlib
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

from common.errors import PermanentError
from common.strict_json import is_deeper, no_constant

SOURCE = "webhook."
"""What the source of an event from a webhook begins with."""

DETAIL_TYPE = "Webhook"

DEEPEST = 64
"""The most levels of a body."""

LARGEST = 4 * 1024 * 1024
"""The most bytes of a body, also of one that was compressed: as much as the gateway lets through."""

_MOST_COUNTED = 1_000_000_000
_GZIP = b"\x1f\x8b"
_FORM = "application/x-www-form-urlencoded"
_MOST_FIELDS = 1000


def webhook_event(  # noqa: PLR0913 (what an event consists of)
    source: str, body: bytes, content_type: str, *, account: str, region: str, now: datetime
) -> dict[str, Any]:
    """Return the event of a body; `now` is in UTC. The same body of the same source is the same event.

    A body may be compressed by gzip. Raises PermanentError that says why a body can't be one.
    """
    body = _plain(source, body)
    digest = sha256(source.encode() + b"\0" + body).digest()
    detail = _detail(source, body, content_type.partition(";")[0].strip().lower())
    return envelope(source, detail, account=account, region=region, now=now) | {
        "id": str(UUID(bytes=digest[:16], version=5))
    }


def envelope(source: str, detail: Mapping[str, Any], *, account: str, region: str, now: datetime) -> dict[str, Any]:
    """Return an event of a source with no id yet; `now` is in UTC."""
    return {
        "version": "0",
        "id": "",
        "source": f"{SOURCE}{source}",
        "detail-type": DETAIL_TYPE,
        "account": account,
        "region": region,
        "time": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "resources": [],
        "detail": detail,
    }


def left_out(detail: Mapping[str, Any]) -> int:
    """Return how many alerts a body says that its tool left out, as those of Alertmanager and Grafana do."""
    return counted(detail.get("truncatedAlerts"))


def counted(value: object) -> int:
    """Return a count that somebody else sent; 0 for what is none, and at most what a metric can hold."""
    return min(value, _MOST_COUNTED) if type(value) is int and value > 0 else 0


def _plain(source: str, body: bytes) -> bytes:
    """Return what gzip compressed. No text begins as gzip does, so that no header has to say so."""
    if not body.startswith(_GZIP):
        return body
    decoder = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        plain = decoder.decompress(body, LARGEST + 1)
    except zlib.error:
        raise _refusal(source, "begins as gzip does and is none") from None
    if len(plain) > LARGEST:
        raise _refusal(source, f"is larger than {LARGEST} bytes without its compression")
    if not decoder.eof or decoder.unused_data:
        raise _refusal(source, "is not one whole gzip stream")
    return plain


def _detail(source: str, body: bytes, media_type: str) -> Mapping[str, Any]:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _refusal(source, "is not UTF-8, plain or compressed by gzip") from None
    if not text.strip():
        raise _refusal(source, "is empty")
    if media_type == _FORM:
        return {"fields": _fields(source, text)}
    try:
        document = parse(text)
    except _TooDeepError:
        raise _refusal(source, f"is nested more than {DEEPEST} levels deep") from None
    except ValueError:
        # Not all tools declare what they send, so only what is declared as JSON has to be JSON.
        if media_type.endswith("json"):
            raise _refusal(source, "is declared as JSON and is none") from None
        return {"text": text}
    if isinstance(document, dict):
        return document
    return {"items": document} if isinstance(document, list) else {"text": text}


def parse(text: str) -> Any:  # noqa: ANN401 (any JSON value)
    """Return the JSON value in `text`. Raises ValueError where there is none, or where it is nested too deeply."""
    try:
        document = json.loads(text, parse_constant=no_constant)
    except RecursionError:
        raise _TooDeepError from None
    if is_deeper(document, DEEPEST):
        raise _TooDeepError
    return document


class _TooDeepError(ValueError):
    pass


def _fields(source: str, text: str) -> dict[str, str | list[str]]:
    try:
        found = parse_qs(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise _refusal(source, f"has more than {_MOST_FIELDS} fields") from None
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def _refusal(source: str, why: str) -> PermanentError:
    return PermanentError(
        f"A webhook of {source} can't be understood: its body {why}.",
        action="Correct what the tool sends (docs/sources.md says which bodies are taken), and send it again.",
    )
