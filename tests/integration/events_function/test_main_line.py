"""The events function from the queue to ServiceNow and back, with moto for AWS and the simulator over TLS."""

from datetime import UTC, datetime, timedelta

import pytest

from local.simulator import Fault, Simulator
from tests.support.deployment import SECRET, Deployment, Function, alarm

START = datetime.now(UTC) - timedelta(minutes=10)


def test_an_alarm_opens_one_incident_keeps_it_and_resolves_it(function: Function, servicenow: Simulator) -> None:
    """ALARM, the same again, a newer ALARM and OK cost one token request and two calls, and leave one incident."""
    first = alarm("errors", "ALARM", at=START)
    function(first)
    function(first)
    function(alarm("errors", "ALARM", at=START + timedelta(minutes=1)))
    function(alarm("errors", "OK", at=START + timedelta(minutes=2)))
    incidents = servicenow.records("incident")
    assert [(incident["state"], incident["number"]) for incident in incidents] == [("6", incidents[0]["number"])]
    assert incidents[0]["short_description"] == "errors (123456789012, eu-west-1)"
    assert servicenow.token_requests == 1
    assert servicenow.api_calls == 2


def test_a_message_that_is_no_event_goes_to_the_dead_letters_alone(
    function: Function, servicenow: Simulator, stack: Deployment
) -> None:
    """Its neighbours in the batch are unharmed, and its reason travels with it."""
    answer = function("{not json", alarm("errors", "ALARM"))
    assert answer == []
    assert len(servicenow.records("incident")) == 1
    [dead] = stack.dead_letters()
    assert dead["body"] == "{not json"
    assert "not JSON" in dead["Reason"]


def test_a_secret_that_is_not_filled_in_holds_the_messages(
    function: Function, servicenow: Simulator, stack: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is dead-lettered, the metric of the alarm is counted, and the same message succeeds later."""
    stack.put_credentials("", "")
    event = alarm("errors", "ALARM")
    assert len(function(event)) == 1
    assert '"Held"' in capsys.readouterr().out
    assert stack.dead_letters() == []
    stack.put_credentials("bridge", SECRET)
    assert function(event) == []
    assert len(servicenow.records("incident")) == 1


def test_servicenow_away_for_a_while_ends_with_one_incident(
    function: Function, servicenow: Simulator, stack: Deployment
) -> None:
    """While ServiceNow answers 503 the message stays in the queue; nothing was written, and nothing is lost."""
    servicenow.add_fault(Fault(on="any", status=503, times=None))
    event = alarm("errors", "ALARM")
    assert len(function(event)) == 1
    servicenow.clear_faults()
    function(event)
    assert stack.dead_letters() == []
    assert len(servicenow.records("incident")) <= 1
