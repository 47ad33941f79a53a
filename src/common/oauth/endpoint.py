"""The token request: of the client-credentials grant (RFC 6749, section 4.4), or with a signed assertion (RFC 7523)."""

from contextlib import suppress
from typing import Final
from urllib.parse import urlencode

from common.clock import Clock, Deadline
from common.errors import AmbiguousError, BridgeError, TransientError
from common.oauth.answer import EndedTokenError, PassingError, token_of
from common.oauth.assertion import Signer, grant_of
from common.oauth.credentials import ClientCredentials
from common.oauth.token import AccessToken
from common.retry import LONGEST_PAUSE, full_jitter
from common.telemetry import Telemetry
from common.transport import Sender

ANSWER_LIMIT: Final = 64 * 1024
"""Bytes. A token answer has a few hundred."""

TRY_SECONDS: Final = 5.0
"""The longest that one try may take."""

_TRIES = 3
_TOKEN_PAGE = "oauth_token.do"  # noqa: S105 (a page)
_REVOKE_PAGE = "oauth_revoke_token.do"
_FIRST_PAUSE = 0.25
_FEWEST_SECONDS_FOR_A_TRY = 0.5
_HEADERS = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}


class TokenEndpoint:
    """Asks ServiceNow for an access token."""

    def __init__(  # noqa: PLR0913 (what it asks with, and how)
        self, transport: Sender, *, signer: Signer, clock: Clock, telemetry: Telemetry, path: str, scope: str = ""
    ) -> None:
        """Ask at `path` of the host that `transport` reaches; an empty `scope` is left out of the request.

        `signer` signs for clients that have no secret to tell.
        """
        self._signer = signer
        self._transport = transport
        self._clock = clock
        self._telemetry = telemetry
        self._path = path
        self._scope = scope

    def request(self, credentials: ClientCredentials, deadline: Deadline) -> AccessToken:
        """Return the token that the endpoint answers with, which may be one that it gave out before.

        What may pass in a moment is tried again, within the deadline. Raises CredentialsError where
        ServiceNow refuses the client, ConfigurationError where something else that a person has set can't be
        right, and TransientError for everything that can pass; its `retry_after` is what the server asked for.
        """
        attempt = 0
        while True:
            try:
                return self._try(credentials, deadline.within(TRY_SECONDS))
            except PassingError as error:
                attempt += 1
                if isinstance(error, EndedTokenError) and attempt < _TRIES:
                    self.revoke(error.value, deadline)
                    continue
                pause = error.retry_after
                if pause is None:
                    pause = full_jitter(attempt, base=_FIRST_PAUSE, cap=LONGEST_PAUSE)
                too_late = deadline.remaining() < pause + _FEWEST_SECONDS_FOR_A_TRY
                if attempt == _TRIES or pause > LONGEST_PAUSE or too_late:
                    raise
            self._clock.sleep(pause)

    def revoke(self, value: str, deadline: Deadline) -> None:
        """Give up a token that ServiceNow refuses, so that the next request brings another. Never raises a BridgeError.

        Everybody who has it loses it, so this is only for a token that is of no use to anybody.
        """
        if not self._path.endswith(_TOKEN_PAGE):
            return
        self._telemetry.count("TokensRevoked")
        target = self._path.removesuffix(_TOKEN_PAGE) + _REVOKE_PAGE
        with suppress(BridgeError):
            self._transport.send(
                "POST",
                target,
                headers=_HEADERS,
                body=urlencode({"token": value}).encode(),
                deadline=deadline.within(TRY_SECONDS),
                size_limit=ANSWER_LIMIT,
            )

    def _form(self, credentials: ClientCredentials, now: float) -> bytes:
        if credentials.signing is None:
            form = {
                "grant_type": "client_credentials",
                "client_id": credentials.client_id,
                "client_secret": credentials.client_secret,
            }
        else:
            form = grant_of(credentials, credentials.signing, self._signer, now)
        if self._scope:
            form["scope"] = self._scope
        return urlencode(form).encode()

    def _try(self, credentials: ClientCredentials, deadline: Deadline) -> AccessToken:
        self._telemetry.count("TokenRequests")
        asked = self._clock.now()
        try:
            body = self._form(credentials, asked)
            response = self._transport.send(
                "POST", self._path, headers=_HEADERS, body=body, deadline=deadline, size_limit=ANSWER_LIMIT
            )
        except (AmbiguousError, TransientError) as error:
            # Asking twice for a token does no harm, so an unanswered request is repeated like one not sent.
            raise PassingError(error.message, action=error.action, code=error.code) from error
        return token_of(response, asked=asked, signed=credentials.signing is not None)
