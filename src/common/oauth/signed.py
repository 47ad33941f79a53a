"""What a signed token (JWT, RFC 7519) says about its own end. Nothing is verified: the instance does that.

ServiceNow may hand out the current token again and move the expiry of its record (KB0791140), but not the `exp` inside.
"""

import base64
import binascii
import json
import math
from collections.abc import Mapping

from common.oauth.token import LONGEST_VALUE
from common.retry import http_date

_PARTS = 3


def seconds_left(value: str, headers: Mapping[str, str]) -> float | None:
    """Return how long a token will be accepted by its own `exp`; negative where that has passed.

    The moment is that of the answer's `Date`, because `exp` is of the same clock. None where the token is opaque or
    says nothing that makes sense, or where the answer has no date.
    """
    end = _end(value)
    if end is None:
        return None
    now = http_date(headers.get("Date", ""))
    return None if now is None else end - now


def _end(value: str) -> float | None:
    parts = value.split(".")
    if len(parts) != _PARTS or len(value) > LONGEST_VALUE:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        end = claims["exp"]
        number = float(end) if isinstance(end, int | float) and not isinstance(end, bool) else math.nan
    except (binascii.Error, ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None
    return number if math.isfinite(number) else None
