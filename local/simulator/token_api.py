"""The token endpoint `/oauth_token.do` and `/oauth_revoke_token.do`."""

import base64
import binascii
import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from .assertions import CLIENT_ASSERTION, JWT_BEARER, AssertionDesk, Verifiers
from .messages import Answer, Request, json_answer
from .scopes import may_ask_for
from .switches import Switches
from .tokens import INTEGRATION_USER, TokenDesk

TOKEN_PATH = "/oauth_token.do"  # noqa: S105 -- a path
REVOKE_PATH = "/oauth_revoke_token.do"
_FORM = "application/x-www-form-urlencoded"
_NO_USER = "Received client_credentials grant_type request however integration user is not configured for OAuth:"
_REFUSED = {"error_description": "access_denied", "error": "server_error"}


@dataclass(slots=True)
class OAuthRecord:
    """A client's record in the application registry. `further_secrets` are taken beside its own."""

    client_id: str
    client_secret: str = field(repr=False)
    sys_id: str
    further_secrets: tuple[str, ...] = field(default=(), repr=False)
    verifiers: Verifiers = field(default_factory=Verifiers)

    def accepts(self, secret: str) -> bool:
        """Tell whether `secret` is one of this client's."""
        known = (self.client_secret, *self.further_secrets)
        return any(hmac.compare_digest(secret.encode(), own.encode()) for own in known)


@dataclass(frozen=True, slots=True)
class TokenEndpoint:
    """The token endpoint of an instance as it stands: what it hands out, what it checks, and the time."""

    desk: TokenDesk
    assertions: AssertionDesk
    switches: Switches
    now: float

    def answer(self, records: Iterable[OAuthRecord], request: Request) -> Answer:
        """Answer a token request; credentials count only in a form body or as HTTP Basic, never in the URL."""
        if request.method != "POST":
            return _token_error(405, "invalid_request", "the token endpoint takes POST")
        form = _form(request)
        client_id, client_secret = _client(request, form)
        record = next((record for record in records if record.client_id == client_id), None)
        if record is not None and form.get("grant_type") == JWT_BEARER:
            return self._exchanged(record, client_secret, form)
        if record is not None and self._signs(record, form, request.host):
            client_secret = record.client_secret
        refusal = _refusal(record, client_id, client_secret, form, self.switches)
        return refusal or self._granted(client_id, INTEGRATION_USER)

    def _exchanged(self, record: OAuthRecord, client_secret: str, form: dict[str, str]) -> Answer:
        """Answer a request in which a signed assertion is the grant (RFC 7523, section 2.1)."""
        client_id, verifiers = record.client_id, record.verifiers
        may_omit_secret = verifiers.public_client and not client_secret
        subject = self.assertions.subject(form.get("assertion", ""), client_id, verifiers, client_id, now=self.now)
        user = self.assertions.user(verifiers.user_field, subject) if subject else ""
        is_let_in = user and (may_omit_secret or record.accepts(client_secret))
        if not is_let_in or not may_ask_for(form.get("scope", ""), self.switches):
            return json_answer(401, _REFUSED)
        return self._granted(client_id, user)

    def _signs(self, record: OAuthRecord, form: dict[str, str], host: str) -> bool:
        """Tell whether the client authenticates with a signed assertion (section 2.2)."""
        if not self.switches.private_key_jwt or form.get("client_assertion_type") != CLIENT_ASSERTION:
            return False
        assertion, client_id = form.get("client_assertion", ""), record.client_id
        endpoint = f"https://{host}{TOKEN_PATH}"
        return self.assertions.subject(assertion, client_id, record.verifiers, endpoint, now=self.now) == client_id

    def _granted(self, client_id: str, user: str) -> Answer:
        token, expires_in = self.desk.issue(client_id, self.now, self.switches, user)
        granted = {"access_token": token, "scope": self.switches.token_scope, "token_type": "Bearer"}
        return json_answer(200, {**granted, "expires_in": expires_in})


def handle_revoke(desk: TokenDesk, request: Request) -> Answer:
    """Revoke the token that the query or the form names; nobody has to authenticate for that."""
    token = request.parameter("token") or _form(request).get("token", "")
    return Answer(200) if desk.revoke(token) else _token_error(400, "invalid_request", "unknown token")


def _refusal(
    record: OAuthRecord | None, client_id: str, client_secret: str, form: dict[str, str], switches: Switches
) -> Answer | None:
    right = record is not None and record.accepts(client_secret)
    hides = record is not None and switches.wrong_secret_error == "server_error"  # noqa: S105 -- a mode
    if not client_id or (hides and not right):
        return json_answer(401, _REFUSED)
    if record is None or not right:
        return _token_error(401, "invalid_client", "client authentication failed")
    if form.get("grant_type") != "client_credentials":
        return _token_error(400, "unsupported_grant_type", "grant type not supported")
    if not switches.property_enabled or switches.user_locked:
        return json_answer(401, _REFUSED)
    if not may_ask_for(form.get("scope", ""), switches):
        refused = switches.wrong_scope_error == "server_error"
        return json_answer(401, _REFUSED) if refused else _token_error(400, "invalid_scope", "unknown scope")
    return None if switches.user_configured else _token_error(400, "unauthorized_client", _NO_USER + record.sys_id)


def _form(request: Request) -> dict[str, str]:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        return {}
    pairs = parse_qs(request.body.decode("utf-8", "replace"), keep_blank_values=True)
    return {name: values[-1] for name, values in pairs.items()}


def _client(request: Request, form: dict[str, str]) -> tuple[str, str]:
    if "client_id" in form:
        return form["client_id"], form.get("client_secret", "")
    return basic_credentials(request)


def basic_credentials(request: Request) -> tuple[str, str]:
    """Return user and password of an `Authorization: Basic` header, empty if there is none.

    They are taken as they stand: public integrations do not form-encode them as RFC 6749 wants.
    """
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return user, password


def _token_error(status: int, error: str, description: str) -> Answer:
    return json_answer(status, {"error": error, "error_description": description})
