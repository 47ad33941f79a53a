import json
import time

import pytest
from urllib3.exceptions import HTTPError, ProtocolError, ReadTimeoutError

from local.simulator import Fault, Simulator
from local.simulator.times import written
from tests.integration.simulator.caller import Caller, refusal

TABLE = "/api/now/table/incident"
BODY = {"short_description": "x"}


def descriptions(simulator: Simulator) -> list[str]:
    """Return what was committed."""
    return [row["short_description"] for row in simulator.records("incident")]


@pytest.mark.parametrize("commit", [True, False])
@pytest.mark.parametrize("status", [403, 409, 429, 499, 500, 502, 503])
def test_an_error_before_or_after_the_commit(
    simulator: Simulator, caller: Caller, status: int, *, commit: bool
) -> None:
    """Any status can hide a write that succeeded, once."""
    simulator.add_fault(Fault(method="POST", status=status, commit=commit, headers={"Retry-After": "7"}))
    answer = caller.api("POST", TABLE, BODY)
    assert (answer.status, answer.headers["Retry-After"]) == (status, "7")
    assert refusal(answer)[0] == status
    assert descriptions(simulator) == (["x"] if commit else [])
    assert simulator.calls[-1].committed is commit
    assert caller.api("POST", TABLE, BODY).status == 201


@pytest.mark.parametrize("commit", [True, False])
@pytest.mark.parametrize("connection", ["close", "abort"])
def test_the_connection_ends_without_an_answer(
    simulator: Simulator, caller: Caller, connection: str, *, commit: bool
) -> None:
    """Before or after the commit."""
    caller.api("GET", TABLE)
    simulator.add_fault(Fault(connection=connection, commit=commit))  # type: ignore[arg-type] # parametrized
    with pytest.raises(ProtocolError):
        caller.api("POST", TABLE, BODY)
    assert descriptions(simulator) == (["x"] if commit else [])
    assert simulator.calls[-1].status is None


@pytest.mark.parametrize("commit", [True, False])
def test_no_answer_at_all(simulator: Simulator, caller: Caller, *, commit: bool) -> None:
    """The caller's own timeout ends it."""
    caller.api("GET", TABLE)
    caller.gives_up_after(0.1)
    simulator.add_fault(Fault(connection="hang", commit=commit))
    with pytest.raises(ReadTimeoutError):
        caller.api("POST", TABLE, BODY)
    assert descriptions(simulator) == (["x"] if commit else [])


def test_a_write_commits_later_than_its_answer(simulator: Simulator, caller: Caller) -> None:
    """It lands at its own time, behind what was written in between."""
    sys_id = caller.create(short_description="first")["sys_id"]
    simulator.add_fault(Fault(method="PATCH", status=504, commit_after=45.0))
    late = caller.api("PATCH", f"{TABLE}/{sys_id}", {"short_description": "late", "work_notes": "late"})
    caller.api("PATCH", f"{TABLE}/{sys_id}", {"short_description": "newer"})
    assert (late.status, descriptions(simulator)) == (504, ["newer"])
    assert [call.committed for call in simulator.calls[-2:]] == [False, True]
    simulator.clock_offset = 50.0
    assert descriptions(simulator) == ["late"]
    assert simulator.journal(sys_id, "work_notes") == ["late"]
    assert [call.committed for call in simulator.calls[-2:]] == [True, True]
    (row,) = simulator.records("incident")
    assert row["sys_updated_on"] == written(simulator.calls[-2].started + 45)


def test_a_secret_that_is_written_late_counts_from_then_on(simulator: Simulator, caller: Caller) -> None:
    """As one that was written in time: the client authenticates with it, and nobody reads it in the registry."""
    simulator.insert("sys_user_has_role", {"user": "AWS Bridge", "role": "oauth_admin"})
    [record] = caller.found("", "oauth_entity")
    simulator.add_fault(Fault(method="PATCH", status=504, commit_after=45.0))
    caller.api("PATCH", f"/api/now/table/oauth_entity/{record['sys_id']}", {"client_secret": "newer"})
    assert caller.ask_for_token("newer").status == 401
    simulator.clock_offset = 45.0
    assert caller.ask_for_token("newer").status == 200
    assert caller.found("", "oauth_entity")[0]["client_secret"] == ""


def test_a_late_write_was_authenticated_when_it_came(simulator: Simulator, caller: Caller) -> None:
    """A token that is revoked meanwhile does not stop it; one that was wrong from the start does."""
    for _ in range(2):
        simulator.add_fault(Fault(connection="close", commit_after=45.0))
    with pytest.raises(ProtocolError):
        caller.api("POST", TABLE, BODY)
    with pytest.raises(ProtocolError):
        caller.send("POST", TABLE, BODY, {"Authorization": "Bearer nonsense"})
    simulator.revoke_tokens()
    simulator.clock_offset = 45.0
    assert descriptions(simulator) == ["x"]


def test_a_slow_request_does_not_reach_into_the_next_test(simulator: Simulator, caller: Caller) -> None:
    """After a reset it is dropped."""
    caller.api("GET", TABLE)
    caller.gives_up_after(0.05)
    simulator.add_fault(Fault(delay=0.15))
    with pytest.raises(ReadTimeoutError):
        caller.api("POST", TABLE, BODY)
    simulator.reset()
    time.sleep(0.2)
    assert simulator.records("incident") == []


def test_a_delay_still_carries_out_the_request(simulator: Simulator, caller: Caller) -> None:
    """A slow answer is the true answer."""
    simulator.add_fault(Fault(delay=0.1))
    started = time.monotonic()
    assert caller.api("POST", TABLE, BODY).status == 201
    assert time.monotonic() - started >= 0.1


def test_a_slow_request_commits_after_its_caller_has_gone(simulator: Simulator, caller: Caller) -> None:
    """The instance does not notice that nobody waits."""
    caller.api("GET", TABLE)
    caller.gives_up_after(0.05)
    simulator.add_fault(Fault(delay=0.2))
    with pytest.raises(ReadTimeoutError):
        caller.api("POST", TABLE, BODY)
    assert descriptions(simulator) == []
    deadline = time.monotonic() + 5
    while simulator.calls[-1].ended is None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert descriptions(simulator) == ["x"]


@pytest.mark.parametrize("fault", [Fault(drip_headers=2000.0), Fault(drip_body=3000.0)])
def test_headers_or_body_drip(simulator: Simulator, caller: Caller, fault: Fault) -> None:
    """Bytes come slowly, and in the end the answer is whole."""
    caller.api("GET", TABLE)
    simulator.add_fault(fault)
    started = time.monotonic()
    answer = caller.api("POST", TABLE, BODY)
    assert (answer.status, answer.json()["result"]["short_description"]) == (201, "x")
    assert time.monotonic() - started > 0.25


def test_a_truncated_body(simulator: Simulator, caller: Caller) -> None:
    """The announced length never arrives, though the write was committed."""
    simulator.add_fault(Fault(truncate=10))
    with pytest.raises(HTTPError):
        caller.api("POST", TABLE, BODY)
    assert descriptions(simulator) == ["x"]


def test_bodies_that_are_meant_to_hurt(simulator: Simulator, caller: Caller) -> None:
    """A bomb, depth, size, and bytes that are no text."""
    for content in ("gzip_bomb", "huge", "deep_json", "not_utf8"):
        simulator.add_fault(Fault(content=content, size=2_000_000))
    bomb = caller.send("GET", TABLE)
    caller.pool.clear()
    raw = caller.pool.request("GET", f"https://{simulator.host}{TABLE}", preload_content=False)
    assert bomb.headers["Content-Encoding"] == "gzip"
    assert (int(bomb.headers["Content-Length"]) < 10_000, len(bomb.data) > 1_900_000) == (True, True)
    assert len(raw.read(decode_content=False)) == 2_000_000
    with pytest.raises(RecursionError):
        json.loads(caller.send("GET", TABLE).data)
    with pytest.raises(UnicodeDecodeError):
        caller.send("GET", TABLE).data.decode()


def test_successes_that_are_none(simulator: Simulator, caller: Caller) -> None:
    """202 with nothing, 200 with an error, 200 without a result, HTML, another content type."""
    for content in ("empty", "error_in_success", "without_result", "maintenance", "hibernating"):
        simulator.add_fault(Fault(content=content))
    assert (caller.api("POST", TABLE, BODY).status, simulator.records("incident")) == (202, [])
    assert refusal(caller.api("POST", TABLE, BODY))[:2] == (200, "Operation Failed")
    assert "result" not in caller.api("POST", TABLE, BODY).json()
    assert caller.api("POST", TABLE, BODY).status == 503
    assert b"Hibernating" in caller.api("POST", TABLE, BODY).data
    simulator.add_fault(Fault(content_type="text/plain"))
    assert caller.api("POST", TABLE, BODY).headers["Content-Type"] == "text/plain"
    assert descriptions(simulator) == ["x"]


def test_a_quota_cancel_is_appended_to_a_started_answer(simulator: Simulator, caller: Caller) -> None:
    """A 200 with result, error and failure at once; sometimes it is no JSON."""
    simulator.insert("incident", BODY)
    simulator.add_fault(Fault(content="quota_cancel"))
    simulator.add_fault(Fault(content="quota_cancel_malformed"))
    content = caller.api("GET", TABLE).json()
    assert (len(content["result"]), content["status"]) == (1, "failure")
    assert content["error"]["message"] == "Transaction cancelled: maximum execution time exceeded"
    with pytest.raises(json.JSONDecodeError):
        json.loads(caller.api("GET", TABLE).data)


def test_a_redirect_leads_away(simulator: Simulator, caller: Caller) -> None:
    """Status and Location as given; nothing is written."""
    simulator.add_fault(Fault(redirect="https://elsewhere.invalid/", status=307))
    answer = caller.api("POST", TABLE, BODY)
    assert (answer.status, answer.headers["Location"]) == (307, "https://elsewhere.invalid/")
    assert descriptions(simulator) == []


@pytest.mark.parametrize("literal", ["NaN", "1e999", "-1", "true", '"1800"', "1000000000000"])
def test_a_token_answer_of_any_shape(simulator: Simulator, caller: Caller, literal: str) -> None:
    """Text goes out as it was given."""
    body = f'{{"access_token":"a","token_type":"Bearer","expires_in":{literal}}}'
    simulator.add_fault(Fault(on="token", body=body))
    assert caller.ask_for_token().data == body.encode()


def test_keys_of_a_true_answer_can_be_changed(simulator: Simulator, caller: Caller) -> None:
    """The token stays valid whatever the answer says about it."""
    simulator.add_fault(Fault(on="token", merge={"token_type": "mac"}, remove=("expires_in",)))
    granted = caller.ask_for_token().json()
    assert set(granted) == {"access_token", "scope", "token_type"}
    assert granted["token_type"] == "mac"
    headers = {"Authorization": f"Bearer {granted['access_token']}"}
    assert caller.send("GET", TABLE, None, headers).status == 200


def test_faults_choose_their_requests(simulator: Simulator, caller: Caller) -> None:
    """By endpoint, method, table and path, after some, for some, and in the order in which they came."""
    simulator.add_fault(Fault(on="token", status=503))
    assert caller.send("GET", TABLE).status == 401
    assert caller.ask_for_token().status == 503
    simulator.add_fault(Fault(method="PATCH", table="incident", status=500, times=None))
    simulator.add_fault(Fault(path=r"/sys_user$", status=502, skip=1, times=2))
    assert caller.api("POST", TABLE, BODY).status == 201
    assert [caller.api("PATCH", f"{TABLE}/1", {}).status for _ in range(3)] == [500, 500, 500]
    statuses = [caller.api("GET", "/api/now/table/sys_user").status for _ in range(4)]
    assert statuses == [200, 502, 502, 200]
    simulator.clear_faults()
    assert caller.api("PATCH", f"{TABLE}/1", {}).status == 404
    assert [call.fault for call in simulator.calls].count(True) == 6


def test_probability_is_repeatable(simulator: Simulator, caller: Caller) -> None:
    """The seed decides which requests are met."""

    def draw() -> list[int]:
        simulator.clear_faults()
        simulator.add_fault(Fault(status=503, probability=0.5, times=None))
        return [caller.api("GET", TABLE).status for _ in range(12)]

    first = draw()
    assert set(first) == {200, 503}
    assert draw() == first


def test_a_call_tells_what_was_sent_and_what_became_of_it(simulator: Simulator, caller: Caller) -> None:
    """Method, path, query, table, body, status, commit and times."""
    caller.api("POST", TABLE, BODY, sysparm_fields="number")
    call = simulator.calls[-1]
    assert (call.method, call.path, call.query, call.table) == ("POST", TABLE, "sysparm_fields=number", "incident")
    assert (call.body, call.status, call.committed, call.token_request) == (BODY, 201, True, False)
    assert call.ended is not None
    assert 0 <= call.ended - call.started < 5


def test_reset_is_a_new_instance(simulator: Simulator, caller: Caller) -> None:
    """Records, tokens, faults, switches and clock are gone; numbers start again."""
    caller.create()
    simulator.configure(hibernating=True)
    simulator.add_fault(Fault(status=500, times=None))
    simulator.rotate_secret("new")
    simulator.reset()
    assert (simulator.records("incident"), simulator.calls, simulator.clock_offset) == ([], [], 0.0)
    assert caller.api("GET", TABLE).status == 401
    again = Caller(simulator)
    assert again.create()["number"] == "INC0010001"
    again.pool.clear()


def test_gzip_of_a_true_answer_is_whole(simulator: Simulator, caller: Caller) -> None:
    """Raw answers are compressed like all others."""
    simulator.add_fault(Fault(drip_body=100_000.0))
    headers = {"Accept-Encoding": "gzip"}
    caller.ask_for_token()
    answer = caller.api("POST", TABLE, BODY, headers)
    assert json.loads(answer.data)["result"]["short_description"] == "x"
    assert answer.headers["Content-Encoding"] == "gzip"
