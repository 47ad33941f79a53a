"""The API through everything that is deployed: gateway, permissions, function, queue, ServiceNow."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from local.simulator import Fault
from local.stack import LocalStack
from tests.e2e.callers import Caller
from tests.e2e.identities import new_user
from tests.e2e.incidents import NEW, RESOLVED, incidents_of

AT_ONCE = 8


@pytest.fixture(scope="module")
def api(deployed: LocalStack) -> Caller:
    """A caller who may use the whole API."""
    allowed = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": f"{deployed.outputs['ApiArn']}/*"}
    return Caller(deployed, new_user(deployed, "caller", allowed))


def test_92_a_request_that_is_not_signed_does_not_get_in(stack: LocalStack) -> None:
    """403 from the gateway, and nothing is called."""
    calls = stack.simulator.api_calls

    reply = Caller(stack, None).call("POST", "/incidents", {"short_description": "unsigned"}, key="k")

    assert reply.status == 403
    assert stack.simulator.api_calls == calls


def test_a_caller_without_a_permission_does_not_get_in(stack: LocalStack) -> None:
    """A signature says who it is; the API's own policy allows nobody."""
    stranger = Caller(stack, new_user(stack, "stranger"))

    reply = stranger.call("POST", "/incidents", {"short_description": "not permitted"}, key="k")

    assert reply.status == 403
    assert incidents_of(stack, "not permitted") == []


def test_a_permission_is_for_what_it_names(stack: LocalStack) -> None:
    """Who may read may not write."""
    allowed = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": f"{stack.outputs['ApiArn']}/GET/*"}
    reader = Caller(stack, new_user(stack, "reader", allowed))

    assert reader.call("GET", "/incidents").status == 200
    assert reader.call("POST", "/incidents", {"short_description": "by a reader"}, key="k").status == 403


def test_a_permitted_caller_creates_reads_changes_and_resolves(stack: LocalStack, api: Caller) -> None:
    """One incident for its key, in the state that the caller gave it."""
    body = {"short_description": "by a caller", "impact": "2", "urgency": "1"}
    created = api.call("POST", "/incidents", body, key="first")
    again = api.call("POST", "/incidents", body, key="first")
    assert (created.status, again.status) == (201, 201), created.text
    assert again.json == created.json
    path = f"/incidents/{created.json['number']}"

    assert api.call("GET", path).json["short_description"] == "by a caller"
    assert api.call("PATCH", path, {"category": "network"}).json["category"] == "network"
    assert api.call("POST", f"{path}/comments", {"text": "hello"}, key="c").json == {"repeated": False}
    assert api.call("POST", f"{path}/resolve", {"close_notes": "over"}).json["state"] == RESOLVED

    (incident,) = incidents_of(stack, "by a caller")
    assert incident["number"] in [
        record["number"] for record in api.call("GET", "/incidents?state=resolved").json["records"]
    ]
    assert stack.simulator.journal(incident["sys_id"], "comments") == ["hello"]


def test_bytes_of_an_attachment_arrive_as_they_were_sent(stack: LocalStack, api: Caller) -> None:
    """Through the gateway's base64 and back."""
    number = api.call("POST", "/incidents", {"short_description": "with a file"}, key="file").json["number"]
    data = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4096

    reply = api.call("POST", f"/incidents/{number}/attachments?file_name=a.png", data, content_type="image/png")

    assert (reply.status, reply.json) == (200, {"repeated": False})
    row = stack.simulator.records("sys_attachment")[-1]
    assert (row["file_name"], row["size_bytes"]) == ("a.png", str(len(data)))


def test_many_at_once_with_one_key_get_one_incident(stack: LocalStack, api: Caller) -> None:
    """From as many environments of the function as the requests need."""
    body = {"short_description": "at once"}

    with ThreadPoolExecutor(AT_ONCE) as pool:
        replies = list(pool.map(lambda _: api.call("POST", "/incidents", body, key="at-once"), range(AT_ONCE)))

    assert {reply.status for reply in replies} == {201}, [reply.text for reply in replies]
    assert len({reply.text for reply in replies}) == 1
    assert len(incidents_of(stack, "at once")) == 1


def test_an_alert_of_a_caller_opens_and_resolves_an_incident(stack: LocalStack, api: Caller) -> None:
    """By way of the queue and the events function."""
    alert = {"dedup_key": "disk", "status": "firing", "summary": "The disk of a caller is full"}
    accepted = api.call("POST", "/alerts", alert)
    assert accepted.status == 202, accepted.text
    stack.wait_until_handled()
    (opened,) = incidents_of(stack, "disk of a caller")

    api.call("POST", "/alerts", alert | {"status": "resolved"})
    stack.wait_until_handled()

    (resolved,) = incidents_of(stack, "disk of a caller")
    assert (opened["state"], resolved["state"]) == (NEW, RESOLVED)
    assert stack.dead_letters() == []


@pytest.mark.parametrize("alerts", [2, 200])
def test_all_alerts_of_one_webhook_get_in(stack: LocalStack, api: Caller, alerts: int) -> None:
    """In one request, with the permissions that the template gives; each opens an incident of its own."""
    began = datetime.now(UTC).isoformat()
    body = {
        "status": "firing",
        "alerts": [
            {
                "status": "firing",
                "labels": {"alertname": f"{alerts} in one webhook", "instance": str(number)},
                "annotations": {},
                "startsAt": began,
                "endsAt": "0001-01-01T00:00:00Z",
                "fingerprint": f"{alerts}-{number}",
            }
            for number in range(alerts)
        ],
    }

    accepted = api.call("POST", "/alerts", body)

    assert (accepted.status, accepted.json) == (202, {"accepted": alerts, "refused": 0, "truncated": 0}), accepted.text
    stack.wait_until_handled()
    assert len(incidents_of(stack, f"{alerts} in one webhook")) == alerts
    assert stack.dead_letters() == []


def test_an_answer_that_servicenow_loses_is_found(stack: LocalStack, api: Caller) -> None:
    """It commits and hangs up; the caller gets the incident all the same."""
    stack.simulator.add_fault(Fault(method="POST", table="incident", connection="close", commit=True))

    reply = api.call("POST", "/incidents", {"short_description": "lost and found"}, key="lost")

    (incident,) = incidents_of(stack, "lost and found")
    assert (reply.status, reply.json["sys_id"]) == (201, incident["sys_id"])


def test_errors_are_problems_and_unknown_routes_end_at_the_gateway(stack: LocalStack, api: Caller) -> None:
    """What the function answers arrives with its media type."""
    refused = api.call("POST", "/incidents", {"short_description": ""}, key="k")
    unknown = api.call("DELETE", "/incidents/INC0010001")

    assert (refused.status, refused.headers["content-type"]) == (400, "application/problem+json")
    assert refused.json["type"].endswith(":invalid-request")
    assert unknown.status in (403, 404)
    assert api.call("GET", "/health?deep=true").json["status"] == "ok"
    assert stack.dead_letters() == []


def test_the_page_about_the_api_is_shown_where_a_parameter_wants_it(stack: LocalStack) -> None:
    """A browser can't sign, so anybody sees it; the local stack is deployed with it."""
    page = Caller(stack, None).call("GET", "/swagger")

    assert (page.status, page.headers["content-type"]) == (200, "text/html")
    assert "createIncident" in page.text
