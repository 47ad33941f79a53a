"""What is wrong with one message concerns that message alone."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from local.alarms import alarm_event, put_event
from local.emulator import ACCOUNT, REGION
from local.stack import LocalStack
from tests.e2e.incidents import NEW, incidents_of


def as_message(event: dict[str, Any]) -> str:
    """Return an event as EventBridge would put it into the queue."""
    now = datetime.now(UTC)
    return json.dumps({**event, "account": ACCOUNT, "region": REGION, "time": f"{now:%Y-%m-%dT%H:%M:%SZ}"})


def send(stack: LocalStack, *bodies: str) -> None:
    """Put messages into the event queue at once, past the event bus."""
    entries: Any = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies)]
    answer = stack.root.queues.send_message_batch(QueueUrl=stack.outputs["QueueUrl"], Entries=entries)
    assert len(answer["Successful"]) == len(bodies)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("this is no JSON", "not JSON"),
        ('["a", "list"]', "not a JSON object"),
        ('{"source": "aws.cloudwatch"}', "detail-type"),
    ],
)
def test_a_message_that_is_no_event_goes_to_the_dead_letter_queue_with_its_reason(
    stack: LocalStack, body: str, reason: str
) -> None:
    """It arrives there as it came, its reason is an attribute, and the events beside it are handled."""
    before, after = f"before {reason}", f"after {reason}"

    send(
        stack,
        as_message(alarm_event("ALARM", name=before)),
        body,
        as_message(alarm_event("ALARM", name=after)),
    )
    stack.wait_until_handled()

    (letter,) = stack.dead_letters()
    assert letter.body == body
    assert reason in letter.reason
    assert [incident["state"] for incident in incidents_of(stack, before)] == [NEW]
    assert [incident["state"] for incident in incidents_of(stack, after)] == [NEW]


def test_an_event_that_no_rule_knows_is_dropped(stack: LocalStack) -> None:
    """It leaves no incident and no dead letter, only a line in the log that names its type."""
    incidents = len(stack.simulator.records("incident"))
    unknown = {**alarm_event("ALARM"), "source": "example.shop", "detail-type": "Order Placed"}

    send(stack, as_message(unknown))
    stack.wait_until_handled()

    assert len(stack.simulator.records("incident")) == incidents
    assert stack.dead_letters() == []
    assert "No rule knows this type of event" in stack.function_log()


def test_other_events_on_the_bus_do_not_reach_the_queue(stack: LocalStack) -> None:
    """The rule takes source and detail type together: calls that CloudTrail reports of CloudWatch pass it by."""
    calls = len(stack.simulator.calls)

    for replaced in ({"DetailType": "AWS API Call via CloudTrail"}, {"Source": "aws.ec2"}):
        put_event(stack.root, alarm_event("ALARM", name="passing by"), **replaced)

    assert stack.unfinished_messages() == 0
    assert len(stack.simulator.calls) == calls
