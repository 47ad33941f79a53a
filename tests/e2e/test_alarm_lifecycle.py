"""From an alarm on the event bus to an incident in ServiceNow, through everything that is deployed."""

import socket
import ssl
from datetime import UTC, datetime, timedelta

import pytest

from local.alarms import alarm_event, put_event
from local.stack import LocalStack
from tests.e2e.incidents import NEW, RESOLVED, incidents_of


def test_one_incident_opens_stays_and_resolves(stack: LocalStack) -> None:
    """ALARM opens an incident with one call, the same event again costs none, OK resolves it with one call."""
    name = "lifecycle"
    alarm = alarm_event("ALARM", name=name)

    put_event(stack.root, alarm)
    stack.wait_until_handled()
    (opened,) = incidents_of(stack, name)
    calls = stack.simulator.api_calls
    put_event(stack.root, alarm)
    stack.wait_until_handled()
    (kept,) = incidents_of(stack, name)
    calls_of_repeat = stack.simulator.api_calls - calls
    stack.put_alarm("OK", name=name)
    stack.wait_until_handled()
    (resolved,) = incidents_of(stack, name)
    calls_of_recovery = stack.simulator.api_calls - calls - calls_of_repeat

    assert opened["state"] == NEW
    assert kept == opened
    assert calls_of_repeat == 0
    assert (resolved["number"], resolved["state"]) == (opened["number"], RESOLVED)
    assert calls_of_recovery == 1
    assert stack.dead_letters() == []


def test_a_new_problem_costs_one_call_and_no_token_request_while_a_token_is_at_hand(stack: LocalStack) -> None:
    """Once any event was handled, a new problem costs one request to ServiceNow and nothing else."""
    stack.put_alarm("ALARM", name="the first")
    stack.wait_until_handled()
    before = len(stack.simulator.calls)

    stack.put_alarm("ALARM", name="the second")
    stack.wait_until_handled()

    (call,) = stack.simulator.calls[before:]
    assert (call.method, call.table) == ("POST", "incident")


def test_an_incident_says_what_is_wrong_and_where(stack: LocalStack) -> None:
    """It carries reason, metric, threshold, account, Region, a console link, and the keys that find it again."""
    event = stack.put_alarm("ALARM", name="telling")
    stack.wait_until_handled()

    (incident,) = incidents_of(stack, "telling")

    for fact in (
        event["detail"]["state"]["reason"],
        "TargetResponseTime",
        "123456789012",
        "eu-west-1",
        "console.aws.amazon.com",
    ):
        assert fact in incident["description"]
    assert incident["correlation_id"]
    assert incident["correlation_display"].startswith("servicenow-bridge:")


@pytest.mark.parametrize(
    "name",
    ["quoted \"twice\" and 'once'", "caret ^ORnumber=INC0000001", "<script>alert(1)</script>", "größe 測試 🔥"],
)
def test_an_alarm_name_may_hold_any_character(stack: LocalStack, name: str) -> None:
    """What a query or a page could take for a command stays plain text, and the recovery still finds its incident."""
    stack.put_alarm("ALARM", name=name)
    stack.wait_until_handled()
    stack.put_alarm("OK", name=name)
    stack.wait_until_handled()

    (incident,) = incidents_of(stack, name)

    assert incident["state"] == RESOLVED


def test_a_composite_alarm_opens_and_resolves_an_incident(stack: LocalStack) -> None:
    """Its events have no metrics, and a rule instead."""
    name = "composite"
    put_event(stack.root, alarm_event("ALARM", name=name, kind="composite"))
    stack.wait_until_handled()
    (opened,) = incidents_of(stack, name)
    put_event(stack.root, alarm_event("OK", name=name, kind="composite"))
    stack.wait_until_handled()

    (resolved,) = incidents_of(stack, name)

    assert opened["state"] == NEW
    assert resolved["state"] == RESOLVED


def test_missing_data_opens_nothing_and_resolves_nothing(stack: LocalStack) -> None:
    """INSUFFICIENT_DATA says neither that a problem is there nor that it is over."""
    stack.put_alarm("INSUFFICIENT_DATA", name="never seen")
    stack.put_alarm("ALARM", name="seen")
    stack.wait_until_handled()
    stack.put_alarm("INSUFFICIENT_DATA", name="seen")
    stack.wait_until_handled()

    assert incidents_of(stack, "never seen") == []
    assert [incident["state"] for incident in incidents_of(stack, "seen")] == [NEW]


def test_a_recovery_that_overtakes_its_alarm_opens_nothing(stack: LocalStack) -> None:
    """CloudWatch keeps no order: the older ALARM that comes after the newer OK is over already."""
    name = "overtaken"
    alarm = alarm_event("ALARM", name=name, at=datetime.now(UTC) - timedelta(seconds=1))
    stack.put_alarm("OK", name=name)
    stack.wait_until_handled()

    put_event(stack.root, alarm)
    stack.wait_until_handled()

    assert incidents_of(stack, name) == []


def test_only_the_parameter_makes_the_authority_of_servicenow_trusted(stack: LocalStack) -> None:
    """Without CertificateAuthorities nothing of the above could work: nothing else vouches for the simulator."""
    context = ssl.create_default_context()
    context.load_verify_locations(cadata=stack.emulator.authority_pem)
    host, port = stack.simulator.host.split(":")

    with (
        socket.create_connection((host, int(port)), timeout=5) as connection,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        context.wrap_socket(connection, server_hostname=host)
