"""What an answer of the token endpoint means. Pure. ServiceNow's own words are read, never repeated.

The bodies that ServiceNow sends, and what is known to cause them: docs/servicenow-facts.toml.
"""

import math
from collections.abc import Mapping
from typing import Any, Final

from common.errors import BridgeError, ConfigurationError, CredentialsError, TransientError
from common.oauth.signed import seconds_left
from common.oauth.token import LONGEST_LIFE, LONGEST_VALUE, AccessToken, is_bearer_value
from common.retry import retry_after
from common.transport import Response

ASSUMED_LIFE: Final = 300.0
"""Seconds that a token is taken to live where the endpoint says nothing about it that makes sense."""

SHORTEST_LIFE: Final = 5.0
"""Seconds that any token is taken to live, so that one about to end is not asked for on every call."""

ASSERTION_REFUSED: Final = "assertion_refused"
"""The code of the refusal of a client that signs, whatever ServiceNow calls it."""

_OK = 200
_REDIRECTS = range(300, 400)
_SERVER_FAILURES = range(500, 600)
_FORBIDDEN = 403
_TOO_MANY_REQUESTS = 429
_PASSING_STATUSES = frozenset({408, 425, _TOO_MANY_REQUESTS})
_NO_GRANT_STATUSES = frozenset({_FORBIDDEN, 404, 405, 406, 410, 415})

_GRANT_PROPERTY = "glide.oauth.inbound.client.credential.grant_type.enabled"
_WAIT = "Nothing, unless it goes on: then look at the state of the ServiceNow instance."
_CHECK_ALL = (
    f"Check in ServiceNow that the system property {_GRANT_PROPERTY} is true; that client id and secret are "
    "those of the OAuth registry record; that its OAuth Application User is active, not locked out and not "
    "marked 'Password needs reset'; and that OAuthScope is empty or names a scope of the record."
)
_CHECK_SCOPE = "Check OAuthScope against the scopes of the OAuth registry record, or leave it empty."

_CHECK_ASSERTION = (
    "Check in ServiceNow that the registry record has a JWT verifier map whose Kid is the secret's key_id and whose "
    "certificate is of the secret's signing_key; that the secret's subject is in the record's User field of one active "
    "user, who is no administrator; and, unless the record is a public client, that the secret holds client_secret."
)
_OF_THE_ASSERTION = frozenset({"", "server_error", "access_denied", "invalid_client", "invalid_grant"})

# The code under `error` → what it means here, and what to do about it.
_REFUSALS: Mapping[str, tuple[str, str]] = {
    "server_error": ("refuses the client credentials, or the grant is switched off", _CHECK_ALL),
    "access_denied": ("refuses the client credentials, or the grant is switched off", _CHECK_ALL),
    "invalid_client": (
        "does not accept the client id with this client secret",
        "Copy both again from the OAuth registry record into the secret.",
    ),
    "invalid_grant": ("refuses the user that the grant stands for", _CHECK_ALL),
    "unauthorized_client": (
        "has no OAuth Application User for this client id",
        "Set OAuth Application User on the record under System OAuth > Application Registry.",
    ),
    "unsupported_grant_type": (
        "does not offer the client-credentials grant",
        f"Create the system property {_GRANT_PROPERTY}, true. Vancouver and older do not have the grant.",
    ),
    "invalid_scope": ("does not grant the scope that was asked for", _CHECK_SCOPE),
}


class PassingError(TransientError):
    """Trouble that may be over in a second or two: worth another try within the same call."""


class EndedTokenError(PassingError):
    """The endpoint hands out a token whose own end has come: nobody can use it, and it stands in a new one's way."""

    def __init__(self, value: str) -> None:
        """Keep the token itself in `value`, out of every message."""
        super().__init__(
            "The token endpoint answered with a signed token that has ended.",
            action="Set Token Format to Opaque on the OAuth registry record.",
            code="token_ended",
        )
        self.value = value


def token_of(response: Response, *, asked: float, signed: bool = False) -> AccessToken:
    """Return the token that `response` grants. `asked` is when the request left, in seconds since the epoch.

    With `signed` the client signed an assertion, and a refusal says what to look at then.

    Raises CredentialsError where ServiceNow refuses the client, ConfigurationError where something else that
    a person has set can't be right, PassingError or plain TransientError for everything that can pass.
    """
    status = response.status
    if status == _OK:
        return _granted(response, asked, signed=signed)
    said = response.json_object() or {}
    if status in _PASSING_STATUSES or (status in _SERVER_FAILURES and not _is_refused(said)):
        raise PassingError(
            f"The token endpoint answered with status {status}.",
            action=_WAIT,
            retry_after=retry_after(response.headers, asked),
            code="rate_limited" if status == _TOO_MANY_REQUESTS else "server_failure",
        )
    if status in _REDIRECTS:
        raise ConfigurationError(
            f"The token endpoint answered with a redirect (status {status}), which is never followed.",
            action="Set InstanceHost and OAuthTokenPath to where the endpoint really is.",
            code="no_endpoint",
        )
    if status in _NO_GRANT_STATUSES:
        raise ConfigurationError(
            f"There is no token endpoint to be used here (status {status}).",
            action="Check InstanceHost and OAuthTokenPath, and that no IP address rule of the "
            "instance keeps the function out.",
            code="blocked" if status == _FORBIDDEN else "no_endpoint",
        )
    raise _refusal(status, said, signed=signed)


def unusable_token(*, by_policy: bool = False) -> CredentialsError:
    """Return the error for a token that the API refuses although the endpoint has only just issued it.

    `by_policy` tells that the answer asked for a bearer token, as it does under a REST API access policy.
    """
    return CredentialsError(
        "ServiceNow refuses an access token that it has only just issued (401).",
        action="Check that the OAuth Application User is active, not locked out and may use the REST API, that no API "
        "access policy keeps OAuth out, and that the instance is newer than Vancouver, which issues tokens of guest.",
        code="token_unusable_by_policy" if by_policy else "token_unusable",
    )


def _granted(response: Response, asked: float, *, signed: bool) -> AccessToken:
    content = response.json_object()
    if content is None:
        raise TransientError(
            "The token endpoint answered with something that is no JSON object, such as a page.",
            action="Check whether the instance hibernates or is in maintenance; open it in a browser.",
            code="no_json",
        )
    if "error" in content:
        raise _refusal(response.status, content, signed=signed)
    value = content.get("access_token")
    if not is_bearer_value(value):
        raise _unusable(value)
    kind = content.get("token_type")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise ConfigurationError(
            "The token endpoint answered with a token that is not of the type Bearer.",
            action="Check InstanceHost and OAuthTokenPath: this is not how ServiceNow answers.",
            code="no_token",
        )
    life, left = lifetime(content.get("expires_in")), seconds_left(str(value), response.headers)
    if left is not None and left < SHORTEST_LIFE:
        raise EndedTokenError(str(value))
    return AccessToken(str(value), asked, asked + (life if left is None else min(life, left)), asked)


def lifetime(expires_in: object) -> float:
    """Return the seconds that a token is taken to live, between `SHORTEST_LIFE` and `LONGEST_LIFE`.

    `expires_in` is what the endpoint sent; `ASSUMED_LIFE` where it is no number, negative or not finite.
    """
    if isinstance(expires_in, bool) or not isinstance(expires_in, int | float | str):
        return ASSUMED_LIFE
    try:
        seconds = float(expires_in)
    except (ValueError, OverflowError):
        return ASSUMED_LIFE
    if not math.isfinite(seconds) or seconds < 0:
        return ASSUMED_LIFE
    return min(max(seconds, SHORTEST_LIFE), LONGEST_LIFE)


def _is_refused(content: Mapping[str, Any]) -> bool:
    """Tell whether a client is refused, whatever the status: `server_error` alone may mean a failure, too."""
    error = content.get("error")
    if error == "server_error":
        return content.get("error_description") == "access_denied"
    return isinstance(error, str) and error in _REFUSALS


def _unusable(value: object) -> TransientError:
    if isinstance(value, str) and len(value) > LONGEST_VALUE:
        return TransientError(
            f"The token endpoint answered with an access token of more than {LONGEST_VALUE} characters.",
            action="Set Token Format to Opaque on the OAuth registry record.",
            code="token_too_long",
        )
    return TransientError("The token endpoint answered without a usable access token.", action=_WAIT, code="no_token")


def _refusal(status: int, content: Mapping[str, Any], *, signed: bool) -> BridgeError:
    error = content.get("error")
    code = error if isinstance(error, str) and error in _REFUSALS else ""
    if signed and code in _OF_THE_ASSERTION:
        return CredentialsError(
            f"ServiceNow refuses the assertion that the client signed (status {status}).",
            action=_CHECK_ASSERTION,
            status=status,
            code=ASSERTION_REFUSED,
        )
    meaning, action = _REFUSALS.get(code, ("refuses the token request", _CHECK_ALL))
    kind = ConfigurationError if code == "invalid_scope" else CredentialsError
    return kind(f"ServiceNow {meaning} (status {status}).", action=action, status=status, code=code or "refused")
