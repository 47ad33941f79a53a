"""Access tokens: who holds one, until when, and what a second request inside the lifetime gets."""

import base64
import json
import math
import secrets
from dataclasses import dataclass, field

from .switches import Switches

INTEGRATION_USER = "aws.bridge"
"""The OAuth Application User of the registry records."""

_SIGNED_CHARACTERS = 570
_OPAQUE_BYTES = 64  # url-safe base64 without padding makes 86 characters of them


@dataclass(slots=True)
class IssuedToken:
    """One access token; times are in epoch seconds. `ends_at` is a JWT's own `exp`, which can't be moved."""

    value: str = field(repr=False)
    expires_at: float
    guest: bool
    user: str
    ends_at: float = math.inf


class TokenDesk:
    """Issues and checks access tokens; each client has its own.

    The behaviours are those that ServiceNow's documents leave open (KB0791140 and the page on OAuth API
    response parameters): the same token with its life renewed, the same token ageing, or a new one on every
    request.
    """

    def __init__(self) -> None:
        """Start without any token."""
        self._valid: dict[str, IssuedToken] = {}
        self._current: dict[tuple[str, str], IssuedToken] = {}

    def issue(self, client_id: str, now: float, switches: Switches, user: str = INTEGRATION_USER) -> tuple[str, int]:
        """Return `user`'s access token for `client_id` and the `expires_in` that the answer states, in seconds."""
        current = self._current.get((client_id, user))
        reusable = (
            switches.token_behaviour != "fresh"  # noqa: S105 -- a mode
            and current is not None
            and current.value in self._valid
            and current.expires_at > now
            and current.guest == switches.guest
        )
        if current is None or not reusable:
            value = _new_value(now, switches)
            end = now + switches.expires_in
            is_signed = switches.token_format == "jwt"  # noqa: S105 -- a format
            current = IssuedToken(value, end, switches.guest, user, end if is_signed else math.inf)
            self._valid[value] = current
            self._current[client_id, user] = current
        elif switches.token_behaviour == "sliding":  # noqa: S105 -- a mode
            # KB0791140: the expiry of the record is moved; what a JWT says inside is signed and stays.
            current.expires_at = now + switches.expires_in
        return current.value, int(current.expires_at - now)

    def user_of(self, value: str, now: float) -> str:
        """Return the user whom a bearer token lets into the API, empty for none; a token of guest never does."""
        token = self._valid.get(value)
        if token is None or token.guest or min(token.expires_at, token.ends_at) <= now:
            return ""
        return token.user

    def revoke(self, value: str) -> bool:
        """Revoke one token; tell whether it was known."""
        return self._valid.pop(value, None) is not None

    def revoke_all(self) -> None:
        """Revoke every token, as an administrator does in the list of OAuth tokens."""
        self._valid.clear()
        self._current.clear()


def _new_value(now: float, switches: Switches) -> str:
    if switches.token_format == "jwt":  # noqa: S105 -- a format
        return _jwt(now, switches)
    return secrets.token_urlsafe(_OPAQUE_BYTES)


def _jwt(now: float, switches: Switches) -> str:
    header = {"kid": secrets.token_hex(16), "typ": "JWT", "alg": "RS256"}
    claims: dict[str, str | int] = {"aud": "now", "iss": "now", "iat": int(now), "exp": int(now) + switches.expires_in}
    claims["sub"] = "x" * max(0, (switches.token_length - _SIGNED_CHARACTERS) * 3 // 4)
    parts = [json.dumps(part).encode() for part in (header, claims)]
    return ".".join(_url_safe(part) for part in (*parts, secrets.token_bytes(256)))


def _url_safe(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
