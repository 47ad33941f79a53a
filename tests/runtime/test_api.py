"""The built API function under Lambda's own runtime client."""

import json

from local.simulator import Simulator
from tests.integration.api.gateway import ALICE, reply_of, request_event
from tests.runtime.conftest import Start


def test_a_request_opens_an_incident(start: Start, servicenow: Simulator) -> None:
    """Validation, ledger, token and ServiceNow work with nothing but the package and what Lambda brings."""
    function = start("api")
    headers = {"Content-Type": "application/json", "Idempotency-Key": "k"}
    event = request_event("POST", "/incidents", {"short_description": "x"}, headers, {}, ALICE)

    first, again = (reply_of(function.invoke(event, timeout=28).answer) for _ in range(2))

    assert (first.status, again.status) == (201, 201)
    assert json.loads(first.text) == json.loads(again.text)
    assert [incident["short_description"] for incident in servicenow.records("incident")] == ["x"]


def test_an_answer_comes_in_time_whatever_is_left(start: Start, servicenow: Simulator) -> None:
    """With hardly any time nothing is begun, and the caller hears that at once."""
    event = request_event(
        "POST",
        "/incidents",
        {"short_description": "x"},
        {"Content-Type": "application/json", "Idempotency-Key": "k"},
        {},
        ALICE,
    )

    found = start("api").invoke(event, timeout=6)

    assert not found.failed
    assert reply_of(found.answer).status in (503, 504)
    assert found.seconds_left >= 1
    assert servicenow.records("incident") == []
