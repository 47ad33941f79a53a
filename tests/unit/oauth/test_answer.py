import json
import math
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from urllib3 import HTTPHeaderDict

from common.errors import BridgeError, ConfigurationError, CredentialsError, TransientError
from common.oauth.answer import ASSUMED_LIFE, SHORTEST_LIFE, PassingError, lifetime, token_of, unusable_token
from common.oauth.token import LONGEST_LIFE
from common.transport import Response

NOW = 1_900_000_000.0
GRANTED = {"access_token": "a-token", "scope": "useraccount", "token_type": "Bearer", "expires_in": 1799}
JSON_TYPE = "application/json;charset=utf-8"


def answer(content: object, status: int = 200, content_type: str = JSON_TYPE, **headers: str) -> Response:
    """Return an answer of the endpoint; `content` is its JSON, or its raw body."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Response(status, HTTPHeaderDict({"content-type": content_type} | headers), body)


def failure(response: Response) -> BridgeError:
    """Return the error that an answer ends with."""
    with pytest.raises(BridgeError) as caught:
        token_of(response, asked=NOW)
    return caught.value


def test_a_granted_token_lives_from_when_it_was_asked_for() -> None:
    """What the network took is not added to its life."""
    token = token_of(answer(GRANTED), asked=NOW)
    assert (token.value, token.issued, token.expires, token.asked) == ("a-token", NOW, NOW + 1799, NOW)
    assert token.renewable


@pytest.mark.parametrize("kind", ["Bearer", "bearer", "BEARER"])
def test_the_token_type_is_read_in_any_case(kind: str) -> None:
    """RFC 6749, section 5.1."""
    assert token_of(answer(GRANTED | {"token_type": kind}), asked=NOW).value == "a-token"


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
def test_trouble_that_may_pass_soon_is_worth_another_try(status: int) -> None:
    """Also where the page that comes with it is HTML."""
    error = failure(answer(b"<html>", status, "text/html", **{"Retry-After": "7"}))
    assert isinstance(error, PassingError)
    assert error.retry_after == 7.0


def test_a_failure_of_the_server_that_names_nobody_can_pass() -> None:
    """ServiceNow words a refusal as a failure of its own; only its description tells them apart."""
    for body in ({"error": "server_error"}, {"error": "something else"}, {"error": ["x"]}):
        assert isinstance(failure(answer(body, 500)), PassingError)


def test_a_wait_until_a_time_of_day_counts_from_when_it_was_asked_for() -> None:
    """ServiceNow may send seconds or a date."""
    until = format_datetime(datetime.fromtimestamp(NOW + 90, UTC), usegmt=True)
    assert failure(answer(b"", 503, **{"Retry-After": until})).retry_after == 90.0


def test_a_page_instead_of_an_answer_is_trouble_that_takes_longer() -> None:
    """A hibernating instance answers every request with one, and with status 200."""
    error = failure(answer(b"<html><title>Instance Hibernating page</title>", 200, "text/html"))
    assert type(error) is TransientError
    assert "hibernates" in error.action


@pytest.mark.parametrize(
    "body",
    [b"", b'{"access_token":"a-to', b"[]", b"null", b'"text"', b"\xff\xfe{}", b"1" * 5000, b"[" * 60_000],
    ids=["empty", "cut off", "list", "null", "text", "no UTF-8", "long number", "deep"],
)
def test_what_is_no_json_object_is_trouble_that_takes_longer(body: bytes) -> None:
    """Neither its text nor a foreign exception comes out."""
    assert type(failure(answer(body))) is TransientError


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_a_setting_that_is_wrong(status: int) -> None:
    """It names the settings to look at, not the address that was sent."""
    error = failure(answer(b"", status, Location="https://elsewhere.example/"))
    assert isinstance(error, ConfigurationError)
    assert "InstanceHost" in error.action
    assert "elsewhere" not in str(error)


@pytest.mark.parametrize("status", [403, 404, 405, 406, 410, 415])
def test_no_endpoint_at_the_path_is_a_setting_that_is_wrong(status: int) -> None:
    """Re-reading the secret would not help."""
    assert isinstance(failure(answer(b"<html>", status, "text/html")), ConfigurationError)


@pytest.mark.parametrize(
    ("status", "body", "advice"),
    [
        (
            401,
            {"error_description": "access_denied", "error": "server_error"},
            "glide.oauth.inbound.client.credential.grant_type.enabled",
        ),
        (
            400,
            {"error": "unauthorized_client", "error_description": "integration user is not configured for OAuth:1"},
            "OAuth Application User",
        ),
        (401, {"error": "invalid_client"}, "Copy both again"),
        (500, {"error": "server_error", "error_description": "access_denied"}, "system property"),
        (503, {"error": "invalid_client"}, "Copy both again"),
        (400, {"error": "unsupported_grant_type"}, "Vancouver"),
        (400, {"error": "invalid_grant"}, "Password needs reset"),
        (400, {"error": ["of", "no", "known", "kind"]}, "OAuth registry record"),
        (401, {}, "OAuth registry record"),
        (200, {"error": "server_error", "access_token": "a-token", "token_type": "Bearer"}, "system property"),
    ],
)
def test_a_refusal_says_what_to_check_in_servicenow(status: int, body: object, advice: str) -> None:
    """In our words: what ServiceNow wrote is never repeated."""
    error = failure(answer(body, status))
    assert isinstance(error, CredentialsError)
    assert advice in error.action
    assert "access_denied" not in str(error)
    assert "integration user" not in str(error)


def test_a_refused_scope_is_a_setting_that_is_wrong() -> None:
    """The secret is not at fault."""
    error = failure(answer({"error": "invalid_scope"}, 400))
    assert isinstance(error, ConfigurationError)
    assert "OAuthScope" in error.action


@pytest.mark.parametrize(
    ("response", "code"),
    [
        (answer(b"", 302, Location="https://elsewhere.example/"), "no_endpoint"),
        (answer(b"<html>", 404, "text/html"), "no_endpoint"),
        (answer(b"<html>", 200, "text/html"), "no_json"),
        (answer({"error": "invalid_client"}, 401), "invalid_client"),
        (answer({"error": "invalid_scope"}, 400), "invalid_scope"),
    ],
)
def test_causes_that_a_program_tells_apart_have_a_code(response: Response, code: str) -> None:
    """The doctor looks up by it what the failure can mean."""
    assert failure(response).code == code


def test_a_token_that_the_api_refuses_has_a_code_too() -> None:
    """It is no answer of the token endpoint."""
    assert unusable_token().code == "token_unusable"


@pytest.mark.parametrize("status", [200, 400, 401])
def test_a_refusal_names_the_status(status: int) -> None:
    """Support asks for it first."""
    assert f"(status {status})" in failure(answer({"error": "invalid_client"}, status)).message


def test_an_answer_that_does_not_say_what_it_holds_is_no_json() -> None:
    """Whatever it looks like."""
    response = Response(200, HTTPHeaderDict(), json.dumps(GRANTED).encode())
    assert type(failure(response)) is TransientError


@pytest.mark.parametrize("value", [None, "", "line\nbreak", "x" * 65_000, 12345, ["a"]])
def test_a_token_that_can_not_be_sent_is_refused_without_being_shown(value: object) -> None:
    """Its characters would break the header it is put into."""
    error = failure(answer(GRANTED | {"access_token": value}))
    assert type(error) is TransientError
    assert str(value) not in str(error) or value in ("", None)


@pytest.mark.parametrize("kind", ["mac", "", None, 1, "N_A"])
def test_a_token_of_another_type_is_held(kind: object) -> None:
    """We would not know how to use it."""
    assert isinstance(failure(answer(GRANTED | {"token_type": kind})), ConfigurationError)


@pytest.mark.parametrize(
    ("expires_in", "seconds"),
    [
        (1799, 1799.0),
        ("1800", 1800.0),
        (12.5, 12.5),
        (0, SHORTEST_LIFE),
        (1, SHORTEST_LIFE),
        (10**12, LONGEST_LIFE),
        (10**400, ASSUMED_LIFE),
        (-1, ASSUMED_LIFE),
        (True, ASSUMED_LIFE),
        (None, ASSUMED_LIFE),
        ("soon", ASSUMED_LIFE),
        ([], ASSUMED_LIFE),
        (math.nan, ASSUMED_LIFE),
        (math.inf, ASSUMED_LIFE),
    ],
)
def test_a_lifetime_is_bounded_whatever_was_sent(expires_in: object, seconds: float) -> None:
    """Too short a life would ask for every call, too long a one would use a dead token."""
    assert lifetime(expires_in) == seconds


@given(st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers()))
def test_no_lifetime_ever_leaves_its_bounds(expires_in: object) -> None:
    """Hypothesis looks for the number that nobody thought of."""
    assert SHORTEST_LIFE <= lifetime(expires_in) <= LONGEST_LIFE


@given(st.binary(max_size=200), st.integers(100, 599), st.sampled_from([JSON_TYPE, "text/html", ""]))
def test_nothing_but_our_own_errors_comes_out(body: bytes, status: int, content_type: str) -> None:
    """Whatever the endpoint sends."""
    assert isinstance(failure(answer(body, status, content_type)), BridgeError)
