"""Whether a webhook proves that it comes from its source: pure, and in constant time.

The signatures are those of PagerDuty (https://developer.pagerduty.com/docs/verifying-signatures), Sentry
(https://docs.sentry.io/organization/integrations/integration-platform/webhooks/) and GitHub
(https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries): SHA-256 over the body alone. None of
them covers a time, so a body that is sent again proves itself again; it becomes the same event.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

SHORTEST = 16
"""The least characters of a secret; a shorter one opens nothing."""

_MOST_PRESENTED = 8
_NOBODYS = secrets.token_urlsafe(32)


class Way(StrEnum):
    """How a source shows its secret."""

    BEARER = "bearer"
    BASIC = "basic"
    HEADER = "header"
    HMAC = "hmac"
    QUERY = "query"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSecret:
    """What a source proves itself with.

    While a secret is rotated, `next` opens the door as `current` does. `name` is the header of `Way.HEADER` and
    `Way.HMAC`, the user of `Way.BASIC` and the parameter of `Way.QUERY`; `prefix` is what stands before the hexadecimal
    digits of a signature.
    """

    way: Way
    current: str = field(repr=False)
    next: str = field(default="", repr=False)
    name: str = ""
    prefix: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One request as it came. Names of headers are lower case."""

    headers: Mapping[str, str] = field(repr=False)
    query: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


def is_proven(secret: SourceSecret | None, delivery: Delivery) -> bool:
    """Return whether a delivery shows one of the two secrets; never without a secret.

    Nothing of the body is understood for it. A source without a secret takes the same steps as one with a wrong secret.
    """
    known = secret or SourceSecret(way=Way.HMAC, current=_NOBODYS, name="x-nobody")
    both = [text if len(text) >= SHORTEST else "" for text in (known.current, known.next)]
    # Both forms are always made, so that the way of a source can't be told from the time that a refusal takes.
    signatures = [hmac.digest(text.encode(), delivery.body, "sha256").hex() for text in both]
    expected = signatures if known.way is Way.HMAC else both
    shown = _shown(known, delivery)
    proven = False
    for candidate in (*shown, *[""] * (_MOST_PRESENTED - len(shown))):
        for text, right in zip(both, expected, strict=True):
            proven |= _is_equal(candidate, right) and bool(text) and bool(candidate)
    return proven and secret is not None


def _is_equal(one: str, other: str) -> bool:
    """Compare hashes: the time tells neither where two texts differ nor how long they are."""
    first, second = (hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() for text in (one, other))
    return hmac.compare_digest(first, second)


def _shown(secret: SourceSecret, delivery: Delivery) -> Sequence[str]:
    match secret.way:
        case Way.BEARER:
            scheme, _, token = delivery.headers.get("authorization", "").partition(" ")
            return [token.strip()] if scheme.lower() == "bearer" else []
        case Way.BASIC:
            return _password(secret.name, delivery.headers.get("authorization", ""))
        case Way.QUERY:
            return [delivery.query.get(secret.name or "token", "")]
        case Way.HEADER:
            return [delivery.headers.get(secret.name.lower(), "")]
        case Way.HMAC:
            # PagerDuty signs with each of its secrets while one is rotated, and separates the signatures by commas.
            parts = delivery.headers.get(secret.name.lower(), "").split(",")[:_MOST_PRESENTED]
            return [
                part.strip().removeprefix(secret.prefix).lower()
                for part in parts
                if part.strip().startswith(secret.prefix)
            ]


def _password(user: str, authorization: str) -> Sequence[str]:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return []
    try:
        name, _, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except ValueError:
        return []
    return [password] if _is_equal(name, user) else []
