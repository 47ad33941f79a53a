"""Probes of the token endpoint."""

import json
import re
from urllib.parse import quote

from common.oauth.answer import token_of
from tests.contract.instance import TOKEN_PATH, Instance, content_of
from tests.contract.verdict import expect, observable, probe

_NO_SECRET = "no-such-secret"
_REFUSED = {"error_description": "access_denied", "error": "server_error"}


@probe("token-form")
def form(instance: Instance) -> None:
    """The bridge's own reader takes the answer to the documented form, and path, as a grant."""
    answer = instance.ask_for_token()
    expect(answer.status == 200, f"status {answer.status}")
    expect(bool(token_of(answer, asked=0.0).value), "no token")


@probe("token-no-json")
def no_json(instance: Instance) -> None:
    """The same values as JSON get no token."""
    client = {"client_id": instance.target.client_id, "client_secret": instance.target.client_secret}
    body = json.dumps({"grant_type": "client_credentials", **client}).encode()
    answer = instance.send("POST", TOKEN_PATH, body, {"Content-Type": "application/json"})
    expect(400 <= answer.status < 500, f"status {answer.status}")
    expect(b"access_token" not in answer.body, "a token was granted")


@probe("token-basic")
def basic(instance: Instance) -> None:
    """Client id and secret in an Authorization header."""
    expect("access_token" in content_of(instance.ask_for_token(basic=True), 200), "no token was granted")


@probe("token-scope-optional")
def scope_optional(instance: Instance) -> None:
    """A request with and one without a scope are both answered."""
    granted = content_of(instance.ask_for_token(), 200)
    scope = str(granted.get("scope") or "useraccount")
    expect("access_token" in content_of(instance.ask_for_token(scope=scope), 200), "not with a scope")


@probe("token-answer")
def answer(instance: Instance) -> None:
    """Exactly the keys of the grant."""
    granted = content_of(instance.ask_for_token(), 200)
    names = {"access_token", "scope", "token_type", "expires_in"}
    expect(set(granted) == names, f"the keys are {sorted(granted)}")
    expect(granted["token_type"] == "Bearer", "the token is of another type")


@probe("token-lifetime")
def lifetime(instance: Instance) -> None:
    """A whole number of seconds, as a JSON number."""
    seconds = content_of(instance.ask_for_token(), 200).get("expires_in")
    expect(isinstance(seconds, int), f"expires_in is a {type(seconds).__name__}")
    expect(0 < int(str(seconds)) <= 1800, f"expires_in is {seconds}")
    observable(int(str(seconds)) >= 1799, f"a token with {seconds} s left: somebody uses this client id already")


@probe("token-scope-empty")
def scope_text(instance: Instance) -> None:
    """A text, whatever it holds."""
    expect(isinstance(content_of(instance.ask_for_token(), 200).get("scope"), str), "scope is no text")


@probe("token-opaque")
def opaque(instance: Instance) -> None:
    """86 characters, or three parts."""
    token = instance.token
    is_jwt = token.count(".") == 2
    expect(is_jwt or re.fullmatch(r"[A-Za-z0-9_-]{86}", token) is not None, f"a token of {len(token)} characters")


@probe("token-again")
def again(instance: Instance) -> None:
    """Two requests, one token."""
    first, second = (content_of(instance.ask_for_token(), 200)["access_token"] for _ in range(2))
    expect(first == second, "a second request gets another token")


@probe("token-again-sliding")
def sliding(instance: Instance) -> None:
    """The seconds that are left do not shrink."""
    first = content_of(instance.ask_for_token(), 200)
    instance.pause(3.0)
    second = content_of(instance.ask_for_token(), 200)
    observable(first["access_token"] == second["access_token"], "a second request gets another token")
    left = int(second["expires_in"])
    expect(left > int(first["expires_in"]) - 2, f"{left} s are left of {first['expires_in']} after 3 s")


@probe("token-wrong-secret")
def wrong_secret(instance: Instance) -> None:
    """The measured words, and the bridge takes them for a refusal of credentials."""
    refused = instance.ask_for_token(client_secret=_NO_SECRET)
    expect(content_of(refused, 401) == _REFUSED, "other words")


@probe("token-invalid-client")
def invalid_client(instance: Instance) -> None:
    """A client id that nobody has."""
    refused = content_of(instance.ask_for_token(client_id="0" * 32), 401)
    expect(refused.get("error") == "invalid_client", f"error is {refused.get('error')}")


@probe("token-unsupported-grant")
def unsupported_grant(instance: Instance) -> None:
    """A grant type that nobody has."""
    refused = content_of(instance.ask_for_token(grant_type="urn:example:none"), 400)
    expect(refused.get("error") == "unsupported_grant_type", f"error is {refused.get('error')}")


@probe("token-post-only")
def post_only(instance: Instance) -> None:
    """A GET gets no token, and is no success of a JSON kind."""
    answer = instance.send("GET", TOKEN_PATH)
    expect(b"access_token" not in answer.body and answer.status != 200, f"status {answer.status}")


@probe("token-reads-any-user")
def reads_users(instance: Instance) -> None:
    """What the doctor does with a new token."""
    parameters = {"sysparm_limit": "1", "sysparm_fields": "sys_id"}
    rows = content_of(instance.api("GET", "/api/now/table/sys_user", **parameters), 200)["result"]
    expect(isinstance(rows, list), "result is no list")


@probe("token-revoke-open", writes=True)
def revoke_open(instance: Instance) -> None:
    """Whoever knows a token can end it; another one can be had at once."""
    revoked = instance.send("GET", f"/oauth_revoke_token.do?token={quote(instance.token)}")
    expect(revoked.status == 200, f"status {revoked.status}")
    refused = instance.api("GET", "/api/now/table/sys_user", sysparm_limit="1")
    instance.forget_token()
    expect(refused.status == 401, "the token still works")
    expect(instance.token != "", "no new token")
