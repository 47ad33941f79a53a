"""Answers of the token endpoint that instances are reported to give, and tokens of every size: what they come to."""

from typing import Any

import pytest

from common.errors import BridgeError, ConfigurationError, CredentialsError, TransientError
from local.simulator import Fault
from tests.integration.servicenow.line import Line

CALLS = 5
MINUTES = 60
ACCESS_DENIED = {"error_description": "access_denied", "error": "server_error"}
LOGIN = b"<html>login</html>"
RATE_LIMITED = {"error": {"message": "Rate limit exceeded", "detail": "x"}, "status": "failure"}
UNAUTHENTICATED = {"error": {"message": "User Not Authenticated", "detail": "Required"}, "status": "failure"}

ACCEPTED: dict[str, dict[str, Any]] = {
    "a lifetime as a text": {"merge": {"expires_in": "1799"}},
    "a lifetime of a year": {"merge": {"expires_in": 31_536_000}},
    "no lifetime": {"remove": ("expires_in",)},
    "a lifetime of nothing": {"merge": {"expires_in": 0}},
    "a type in lower case": {"merge": {"token_type": "bearer"}},
    "no scope": {"remove": ("scope",)},
    "a refresh token": {"merge": {"refresh_token": "r" * 86}},
    "a format": {"merge": {"format": "json"}},
}
REFUSED: dict[str, tuple[dict[str, Any], type[BridgeError], str]] = {
    "no type": ({"remove": ("token_type",)}, ConfigurationError, "no_token"),
    "200 with an error": ({"status": 200, "body": ACCESS_DENIED}, CredentialsError, "server_error"),
    "400 access_denied": ({"status": 400, "body": ACCESS_DENIED}, CredentialsError, "server_error"),
    "500 access_denied": ({"status": 500, "body": ACCESS_DENIED}, CredentialsError, "server_error"),
    "401 without a body": ({"status": 401, "body": b"", "content_type": "text/html"}, CredentialsError, "refused"),
    "401 with a page": ({"status": 401, "body": LOGIN, "content_type": "text/html"}, CredentialsError, "refused"),
    "401 as of the API": ({"status": 401, "body": UNAUTHENTICATED}, CredentialsError, "refused"),
    "400 invalid_scope": ({"status": 400, "body": {"error": "invalid_scope"}}, ConfigurationError, "invalid_scope"),
    "302 to a login": ({"redirect": "https://x.service-now.com/login.do"}, ConfigurationError, "no_endpoint"),
    "403 by address": ({"status": 403, "body": LOGIN, "content_type": "text/html"}, ConfigurationError, "blocked"),
    "429 for an hour": (
        {"status": 429, "headers": {"Retry-After": "3600"}, "body": RATE_LIMITED},
        TransientError,
        "rate_limited",
    ),
}


def failures(line: Line) -> set[tuple[type[BridgeError], str]]:
    """Make calls one after the other; return the kinds and codes of the errors."""
    found = set()
    for _ in range(CALLS):
        try:
            line.read("0" * 32)
        except BridgeError as error:
            found.add((type(error), error.code))
    return found


@pytest.mark.parametrize("fault", ACCEPTED.values(), ids=list(ACCEPTED))
def test_an_unusual_answer_with_a_token_is_used(line: Line, fault: dict[str, Any]) -> None:
    """And asked for once, whatever it says of its life."""
    line.simulator.add_fault(Fault(on="token", times=None, **fault))
    assert failures(line) == set()
    assert line.simulator.token_requests == 1


@pytest.mark.parametrize(("fault", "kind", "code"), REFUSED.values(), ids=list(REFUSED))
def test_a_refusal_is_told_by_its_kind_and_not_asked_for_again_at_once(
    line: Line, fault: dict[str, Any], kind: type[BridgeError], code: str
) -> None:
    """One request for all calls: asking faster helps nobody."""
    line.simulator.add_fault(Fault(on="token", times=None, **fault))
    [(found, found_code)] = failures(line)
    assert issubclass(found, kind)
    assert (found_code, line.simulator.token_requests) == (code, 1)


def test_an_answer_that_does_not_call_itself_json_can_pass(line: Line) -> None:
    """Something in between may have answered."""
    line.simulator.add_fault(Fault(on="token", times=None, content_type="text/plain"))
    assert failures(line) == {(TransientError, "no_json")}


@pytest.mark.parametrize(
    ("length", "is_used"), [(900, True), (4096, True), (6000, True), (8100, True), (12_000, False)]
)
def test_a_token_is_used_up_to_what_a_header_can_carry(line: Line, length: int, is_used: bool) -> None:  # noqa: FBT001
    """Longer ones are refused with a code that the doctor knows."""
    line.simulator.configure(token_format="jwt", token_length=length)
    assert failures(line) == (set() if is_used else {(TransientError, "token_too_long")})


@pytest.mark.parametrize("behaviour", ["sliding", "fixed", "fresh"])
def test_another_program_that_revokes_the_tokens_of_the_client_costs_one_request(line: Line, behaviour: str) -> None:
    """A call a minute for an hour; in the eleventh somebody with the same client id revokes all."""
    line.simulator.configure(token_behaviour=behaviour)
    for minute in range(MINUTES):
        if minute == 10:
            line.simulator.revoke_tokens()
        assert line.read("0" * 32) is None
        line.clock.advance(60)
    assert line.simulator.token_requests <= 4
