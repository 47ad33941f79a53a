import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import urllib3

from local.simulator import Fault, Simulator
from local.simulator.tables import seed_id
from local.stack import DeadLetter, QueueDepth
from tests.integration.console.fakes import CLIENT_ID, CLIENT_SECRET, Caller, FakeCloud


def ask_for_token(simulator: Simulator, secret: str) -> urllib3.BaseHTTPResponse:
    """Ask the simulated ServiceNow for an access token."""
    form = {"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": secret}
    return send(simulator, "POST", "/oauth_token.do", fields=form, encode_multipart=False)


def send(simulator: Simulator, method: str, path: str, **options: Any) -> urllib3.BaseHTTPResponse:  # noqa: ANN401
    """Send a request to the simulated ServiceNow."""
    with urllib3.PoolManager(ca_cert_data=simulator.ca_pem, retries=False, timeout=10) as pool:
        return pool.request(method, f"https://{simulator.host}{path}", **options)


@contextmanager
def watching(caller: Caller) -> Iterator[None]:
    """Hold a page open, so that the queues are looked at, and wait for the first look."""
    with caller.pool.request("GET", f"{caller.url}/events", preload_content=False) as stream:
        seen(caller, lambda snapshot: snapshot["queue"] is not None)
        yield
        stream.close()


def seen(caller: Caller, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Return the first snapshot for which that holds; there has to be one within ten seconds."""
    end = time.monotonic() + 10
    while not holds(snapshot := caller.snapshot()):
        assert time.monotonic() < end, snapshot
    return snapshot


def add_incident(simulator: Simulator, **values: str) -> str:
    """Insert an incident and return its sys_id."""
    return simulator.insert("incident", {"short_description": "made by hand", **values})


@pytest.mark.parametrize(("state", "word"), [("ALARM", "Fired"), ("OK", "Cleared")])
def test_several_alarms_go_on_the_bus_in_their_order(caller: Caller, cloud: FakeCloud, state: str, word: str) -> None:
    """Blank lines and repetitions are left out."""
    answer = caller.post("/alarms", {"state": state, "names": " second \n\nfirst\nsecond\n", "severity": "high"})
    assert (answer.status, answer.json()) == (200, {"done": f"{word} 2 alarms."})
    assert cloud.alarms == [(state, "second", "high"), (state, "first", "high")]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"state": "ALARM", "names": " \n"}, "Type the name"),
        ({"state": "BROKEN", "names": "one"}, "ALARM or OK"),
        ({"state": "ALARM", "names": "x" * 256}, "255"),
        ({"state": "ALARM", "names": "bell \a"}, "printable"),
        ({"state": "ALARM", "names": "\n".join(map(str, range(51)))}, "50"),
        ({"state": "ALARM", "names": "one", "severity": "worst"}, "critical"),
        ({"state": "ALARM"}, "not understood"),
        (b"[1, 2]", "not understood"),
        (b"{", "not understood"),
        pytest.param(b"[" * 20_000 + b"]" * 20_000, "not understood", id="20 000 levels"),
        pytest.param(b'{"state":' * 20_000 + b"1" + b"}" * 20_000, "not understood", id="20 000 objects"),
    ],
)
def test_what_cannot_be_fired_is_refused_with_a_reason(
    caller: Caller, cloud: FakeCloud, content: object, reason: str
) -> None:
    """Nothing is put on the bus, not even the part that would do."""
    answer = caller.post("/alarms", content)
    assert answer.status == 400
    assert reason in answer.json()["error"]
    assert cloud.alarms == []


def test_a_failure_of_the_aws_side_is_told(caller: Caller, cloud: FakeCloud) -> None:
    """The page shows the reason, and the queue as unknown."""
    cloud.broken = True
    answer = caller.post("/alarms", {"state": "ALARM", "names": "one"})
    assert answer.status == 502
    assert "It was unplugged." in answer.json()["error"]
    assert caller.snapshot()["queue"] is None


def test_a_revoked_token_is_refused(caller: Caller, simulator: Simulator) -> None:
    """The next request with it is answered with 401."""
    token = ask_for_token(simulator, CLIENT_SECRET).json()["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    assert send(simulator, "GET", "/api/now/table/incident", headers=bearer).status == 200

    assert caller.post("/token/revoke").status == 200

    assert send(simulator, "GET", "/api/now/table/incident", headers=bearer).status == 401


def test_a_secret_is_rotated_in_both_places(caller: Caller, simulator: Simulator, cloud: FakeCloud) -> None:
    """What Secrets Manager holds afterwards is what ServiceNow takes."""
    assert caller.post("/secret/rotate", {"in_secrets_manager": True}).status == 200
    (secret,) = cloud.secrets
    assert secret is not None
    assert ask_for_token(simulator, CLIENT_SECRET).status == 401
    assert ask_for_token(simulator, secret).status == 200


def test_a_secret_that_aws_does_not_store_is_not_rotated(
    caller: Caller, simulator: Simulator, cloud: FakeCloud
) -> None:
    """The page says that it failed, and the one before is still good."""
    cloud.broken = True
    assert caller.post("/secret/rotate", {"in_secrets_manager": True}).status == 502
    assert ask_for_token(simulator, CLIENT_SECRET).status == 200


def test_a_secret_is_rotated_in_servicenow_alone(caller: Caller, simulator: Simulator, cloud: FakeCloud) -> None:
    """Secrets Manager keeps the old one, which is refused from now on. No secret is shown."""
    answer = caller.post("/secret/rotate", {"in_secrets_manager": False})
    assert "ServiceNow only" in answer.json()["done"]
    assert cloud.secrets == []
    assert ask_for_token(simulator, CLIENT_SECRET).status == 401


@pytest.mark.parametrize(
    ("condition", "token_status", "api_status"),
    [("healthy", 200, 401), ("limited", 200, 429), ("down", 503, 503)],
)
def test_servicenow_is_brought_into_a_condition(
    caller: Caller, simulator: Simulator, condition: str, token_status: int, api_status: int
) -> None:
    """It stays so for every request, in place of the condition before; the list says what it is."""
    caller.post("/condition", {"condition": "down"})
    assert caller.post("/condition", {"condition": condition}).status == 200
    for _ in range(2):
        assert ask_for_token(simulator, CLIENT_SECRET).status == token_status
        answer = send(simulator, "GET", "/api/now/table/incident")
        assert answer.status == api_status
        assert answer.headers.get("Retry-After") == ("10" if condition == "limited" else None)
    assert caller.snapshot()["condition"]["name"] == condition


def test_a_slow_servicenow_delays_every_answer(caller: Caller, simulator: Simulator) -> None:
    """The delay is less than the ten seconds that a call of the bridge waits."""
    caller.post("/condition", {"condition": "slow"})
    (fault,) = simulator.waiting_faults
    assert (fault.on, fault.delay, fault.times, fault.commits) == ("any", 4.0, None, True)


def test_faults_from_elsewhere_are_shown_and_can_be_cleared(caller: Caller, simulator: Simulator) -> None:
    """Whoever uses the control plane beside the page sees the truth on the page."""
    simulator.add_fault(Fault(status=418))
    assert caller.snapshot()["condition"]["name"] == "other"
    caller.post("/condition", {"condition": "healthy"})
    assert simulator.waiting_faults == []


def test_an_unknown_condition_is_refused(caller: Caller, simulator: Simulator) -> None:
    """What was set before stays."""
    caller.post("/condition", {"condition": "down"})
    assert caller.post("/condition", {"condition": "on fire"}).status == 400
    assert len(simulator.waiting_faults) == 1


@pytest.mark.parametrize(
    ("state", "label"), [("2", "In Progress"), ("3", "On Hold"), ("6", "Resolved"), ("7", "Closed")]
)
def test_a_person_changes_an_incident(caller: Caller, simulator: Simulator, state: str, label: str) -> None:
    """The state moves and the administrator is named as who did it."""
    sys_id = add_incident(simulator)
    answer = caller.post(f"/incidents/{sys_id}", {"state": state})
    assert label in answer.json()["done"]
    record = caller.get(f"/incidents/{sys_id}").json()
    assert (record["state"], record["number"]) == (label, "INC0010001")
    fields = {field["name"]: field["value"] for field in record["fields"]}
    assert fields["sys_updated_by"] == "admin"


def test_a_person_writes_into_the_journal(caller: Caller, simulator: Simulator) -> None:
    """Newest entry first, each with who wrote it."""
    sys_id = add_incident(simulator)
    for note in ("first", " second "):
        assert caller.post(f"/incidents/{sys_id}", {"work_note": note}).status == 200
    journal = caller.get(f"/incidents/{sys_id}").json()["journal"]
    assert [(entry["text"], entry["by"], entry["element"]) for entry in journal] == [
        ("second", "System Administrator", "Work note"),
        ("first", "System Administrator", "Work note"),
    ]


@pytest.mark.parametrize("content", [{"state": "1"}, {"state": "2"}, {"work_note": " "}, {}])
def test_a_change_that_servicenow_does_not_allow_is_refused(
    caller: Caller, simulator: Simulator, content: dict[str, str]
) -> None:
    """A closed incident keeps its state, and an empty note says nothing."""
    sys_id = add_incident(simulator)
    simulator.update("incident", sys_id, {"state": "7"})
    assert caller.post(f"/incidents/{sys_id}", content).status == 400
    assert caller.post(f"/incidents/{seed_id('incident', 'none')}", content).status == 400
    assert caller.get(f"/incidents/{sys_id}").json()["journal"] == []


def test_the_page_is_told_everything_that_it_shows(caller: Caller, simulator: Simulator, cloud: FakeCloud) -> None:
    """Incidents with what people see, newest first; calls without secrets; how full the queues are."""
    add_incident(simulator, impact="1", urgency="1", correlation_id="abc")
    add_incident(simulator)
    ask_for_token(simulator, CLIENT_SECRET)
    send(simulator, "GET", "/api/now/table/incident")
    cloud.depth, cloud.letters = QueueDepth(1, 2, 1), [DeadLetter("{}", "No detail-type.")]

    with watching(caller):
        snapshot = caller.snapshot()

    assert [each["number"] for each in snapshot["incidents"]] == ["INC0010002", "INC0010001"]
    first = snapshot["incidents"][1]
    assert (first["state"], first["priority"], first["correlation_id"]) == ("New", "1 - Critical", "abc")
    assert [(call["path"], call["status"], call["token"]) for call in snapshot["calls"]] == [
        ("/oauth_token.do", 200, True),
        ("/api/now/table/incident", 401, False),
    ]
    assert (snapshot["token_requests"], snapshot["api_calls"], snapshot["incident_count"]) == (1, 1, 2)
    assert snapshot["queue"] == {"waiting": 1, "hidden": 2, "dead": 1}
    assert snapshot["dead_letters"] == [{"body": "{}", "reason": "No detail-type."}]
    assert CLIENT_SECRET not in str(snapshot)


def test_more_incidents_than_the_list_holds_are_counted(caller: Caller, simulator: Simulator) -> None:
    """How many there are, and how many of those are open."""
    for number in range(202):
        simulator.insert("incident", {"state": "2" if number else "8"})
    snapshot = caller.snapshot()
    assert (len(snapshot["incidents"]), snapshot["incident_count"], snapshot["open_count"]) == (200, 202, 201)


def test_a_dead_letter_that_somebody_has_in_hand_is_shown_later(caller: Caller, cloud: FakeCloud) -> None:
    """It is counted, and cannot be received for a while."""
    cloud.depth = QueueDepth(0, 0, 1)
    with watching(caller):
        assert caller.snapshot()["dead_letters"] == []
        cloud.letters = [DeadLetter("{}", "No detail-type.")]
        letters = [{"body": "{}", "reason": "No detail-type."}]
        assert seen(caller, lambda snapshot: snapshot["dead_letters"] == letters)


@pytest.mark.parametrize("detail", [{}, {"deployment": 1}, {"deployment": "a", "changes": "b"}])
def test_what_the_watch_never_told_is_left_out(caller: Caller, cloud: FakeCloud, detail: dict[str, Any]) -> None:
    """Whoever puts an event of another shape on the bus, in its name, does not keep the queues from being shown."""
    cloud.changes = [{"detail-type": "ServiceNow Record Changed", "detail": detail}]
    with watching(caller):
        cloud.depth = QueueDepth(7, 0, 0)
        assert seen(caller, lambda snapshot: snapshot["queue"]["waiting"] == 7)["told"] == []


def test_an_incident_that_does_not_exist_is_told(caller: Caller) -> None:
    """The page asks again when the list changes."""
    assert caller.get("/incidents/none").status == 404
