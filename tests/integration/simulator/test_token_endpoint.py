from urllib.parse import urlencode

import pytest

from local.simulator import Simulator
from tests.integration.simulator.caller import CLIENT_ID, CLIENT_SECRET, FORM, Caller, basic

REFUSED = {"error_description": "access_denied", "error": "server_error"}


def test_a_token_is_opaque_and_has_no_refresh_token(caller: Caller) -> None:
    """The answer has the four keys of the grant and 86 url-safe characters."""
    answer = caller.ask_for_token()
    granted = answer.json()
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("application/json")
    assert granted.pop("access_token").replace("-", "").replace("_", "").isalnum()
    assert granted == {"scope": "useraccount", "token_type": "Bearer", "expires_in": 1799}


def test_an_opaque_token_has_86_characters_and_a_jwt_three_parts(simulator: Simulator, caller: Caller) -> None:
    """The token format is a switch."""
    assert len(caller.ask_for_token().json()["access_token"]) == 86
    simulator.revoke_tokens()
    simulator.configure(token_format="jwt")
    assert caller.ask_for_token().json()["access_token"].count(".") == 2


@pytest.mark.parametrize(
    ("behaviour", "same", "expires_in"), [("sliding", True, 1799), ("fixed", True, 799), ("fresh", False, 1799)]
)
def test_a_second_request_inside_the_lifetime(
    simulator: Simulator, caller: Caller, behaviour: str, *, same: bool, expires_in: int
) -> None:
    """The three behaviours differ in token and in remaining seconds."""
    simulator.configure(token_behaviour=behaviour)
    first = caller.ask_for_token().json()
    simulator.clock_offset = 1000.0
    second = caller.ask_for_token().json()
    assert (first["access_token"] == second["access_token"]) is same
    assert abs(second["expires_in"] - expires_in) <= 1


@pytest.mark.parametrize(("behaviour", "status"), [("sliding", 200), ("fixed", 401)])
def test_only_a_sliding_token_outlives_its_first_lifetime(
    simulator: Simulator, caller: Caller, behaviour: str, status: int
) -> None:
    """Asking again moves the end of a sliding token and of no other."""
    simulator.configure(token_behaviour=behaviour)
    caller.api("GET", "/api/now/table/incident")
    simulator.clock_offset = 1000.0
    caller.ask_for_token()
    simulator.clock_offset = 2000.0
    assert caller.api("GET", "/api/now/table/incident").status == status


def test_fresh_tokens_are_all_valid(simulator: Simulator, caller: Caller) -> None:
    """A new token does not end the one before."""
    simulator.configure(token_behaviour="fresh")
    assert caller.api("GET", "/api/now/table/incident").status == 200
    caller.ask_for_token()
    assert caller.api("GET", "/api/now/table/incident").status == 200


@pytest.mark.parametrize("switch", [{"property_enabled": False}, {"user_locked": True}])
def test_missing_set_up_answers_401_server_error(simulator: Simulator, caller: Caller, switch: dict[str, bool]) -> None:
    """The property and the user's lock are refused alike, with the keys in the captured order."""
    simulator.configure(**switch)
    answer = caller.ask_for_token()
    assert answer.status == 401
    assert answer.data == b'{"error_description":"access_denied","error":"server_error"}'


def test_a_wrong_secret_answers_401(simulator: Simulator, caller: Caller) -> None:
    """The measured shape is the default, that of RFC 6749 a switch."""
    assert (caller.ask_for_token("wrong").status, caller.ask_for_token("wrong").json()) == (401, REFUSED)
    simulator.configure(wrong_secret_error="invalid_client")
    assert caller.ask_for_token("wrong").json()["error"] == "invalid_client"


def test_a_record_without_a_user_names_itself(simulator: Simulator, caller: Caller) -> None:
    """Without an OAuth Application User the answer is 400 unauthorized_client with the record's sys_id."""
    simulator.configure(user_configured=False)
    answer = caller.ask_for_token()
    assert (answer.status, answer.json()["error"]) == (400, "unauthorized_client")
    assert len(answer.json()["error_description"].rpartition("OAuth:")[2]) == 32


def test_a_token_of_guest_opens_nothing(simulator: Simulator, caller: Caller) -> None:
    """Old releases grant a token that every API call then refuses."""
    simulator.configure(guest=True)
    assert caller.ask_for_token().status == 200
    assert caller.api("GET", "/api/now/table/incident").status == 401


def test_other_grants_and_clients_are_refused(caller: Caller) -> None:
    """Grant type and client id have errors of their own."""
    password = caller.ask_for_token(grant_type="password")
    stranger = caller.ask_for_token(client_id="stranger")
    assert (password.status, password.json()["error"]) == (400, "unsupported_grant_type")
    assert (stranger.status, stranger.json()["error"]) == (401, "invalid_client")


def test_credentials_count_only_in_a_form_body(caller: Caller) -> None:
    """JSON and the query string are refused."""
    values = {"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    as_json = caller.send("POST", "/oauth_token.do", values)
    in_query = caller.send("POST", "/oauth_token.do", b"", FORM, **values)
    assert (as_json.status, in_query.status) == (401, 401)


def test_basic_client_authentication_is_taken_too(caller: Caller) -> None:
    """Integrations send id and secret as they stand, not form-encoded."""
    body = urlencode({"grant_type": "client_credentials"}).encode()
    answer = caller.send("POST", "/oauth_token.do", body, FORM | basic(CLIENT_ID, CLIENT_SECRET))
    assert answer.status == 200
    quoted = urlencode({"": CLIENT_SECRET})[1:]
    assert caller.send("POST", "/oauth_token.do", body, FORM | basic(CLIENT_ID, quoted)).status == 401


def test_a_scope_can_be_asked_for_where_the_record_has_it(simulator: Simulator, caller: Caller) -> None:
    """A scope that the record does not have looks like a wrong secret, or has RFC 6749's name."""
    simulator.configure(token_scope="incident_read incident_write")
    assert caller.ask_for_token(scope="incident_read").json()["scope"] == "incident_read incident_write"
    refused = caller.ask_for_token(scope="problem_read")
    assert (refused.status, refused.json()) == (401, REFUSED)
    simulator.configure(wrong_scope_error="invalid_scope")
    refused = caller.ask_for_token(scope="problem_read")
    assert (refused.status, refused.json()["error"]) == (400, "invalid_scope")


def test_a_token_outlives_its_secret(simulator: Simulator, caller: Caller) -> None:
    """After a rotation the old secret is refused, the old token is not."""
    caller.api("GET", "/api/now/table/incident")
    simulator.rotate_secret("new")
    assert caller.ask_for_token().status == 401
    assert caller.ask_for_token("new").status == 200
    assert caller.api("GET", "/api/now/table/incident").status == 200


def test_a_client_may_have_several_secrets(simulator: Simulator, caller: Caller) -> None:
    """Each is taken until the next rotation, and all of them get the client's one token."""
    simulator.add_secret("second")
    tokens = {caller.ask_for_token(secret).json()["access_token"] for secret in (CLIENT_SECRET, "second")}
    assert len(tokens) == 1
    assert caller.ask_for_token("third").status == 401
    simulator.rotate_secret("third")
    assert [caller.ask_for_token(secret).status for secret in ("second", "third")] == [401, 200]


def test_each_client_has_its_own_secret_and_token(simulator: Simulator, caller: Caller) -> None:
    """A second record of the application registry."""
    simulator.add_client("another", "its own")
    own, first = caller.ask_for_token("its own", client_id="another"), caller.ask_for_token()
    assert own.json()["access_token"] != first.json()["access_token"]
    assert caller.ask_for_token(client_id="another").status == 401


def test_anyone_can_revoke_a_token(caller: Caller) -> None:
    """The revocation endpoint asks for no credentials."""
    token = caller.ask_for_token().json()["access_token"]
    assert caller.send("GET", "/oauth_revoke_token.do", token=token).status == 200
    answer = caller.send("GET", "/api/now/table/incident", None, {"Authorization": f"Bearer {token}"})
    assert answer.status == 401


def test_a_hibernating_instance_answers_html_everywhere(simulator: Simulator, caller: Caller) -> None:
    """The token endpoint and the API both answer 200 with the same page."""
    simulator.configure(hibernating=True)
    for answer in (caller.ask_for_token(), caller.send("GET", "/api/now/table/incident")):
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("text/html")
        assert b"Instance Hibernating page" in answer.data


def test_no_secret_and_no_token_is_remembered(simulator: Simulator, caller: Caller) -> None:
    """The list of calls can be printed."""
    token = caller.ask_for_token().json()["access_token"]
    caller.api("GET", "/api/now/table/incident")
    caller.send("GET", "/oauth_revoke_token.do", token=token)
    caller.send("POST", "/oauth_token.do", {"client_secret": CLIENT_SECRET}, client_secret=CLIENT_SECRET)
    remembered = repr([(call, call.body, call.query) for call in simulator.calls])
    assert token not in remembered
    assert CLIENT_SECRET not in remembered
    assert urlencode({"": CLIENT_SECRET})[1:] not in remembered
    assert (simulator.token_requests, simulator.api_calls) == (3, 1)


def test_a_jwt_ends_when_it_says_although_its_record_slides(simulator: Simulator, caller: Caller) -> None:
    """The same token comes back with its lifetime renewed, and is refused after the `exp` inside."""
    simulator.configure(token_format="jwt", token_length=6000)
    first = caller.ask_for_token().json()
    assert abs(len(first["access_token"]) - 6000) < 100
    simulator.clock_offset = 1000.0
    again = caller.ask_for_token().json()
    assert (again["access_token"], again["expires_in"]) == (first["access_token"], 1799)

    simulator.clock_offset = 1800.0
    bearer = {"Authorization": f"Bearer {first['access_token']}"}

    assert caller.send("GET", "/api/now/table/incident", None, bearer).status == 401
