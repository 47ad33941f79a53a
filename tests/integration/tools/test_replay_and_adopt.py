"""The commands of an operator, against moto and the simulator."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from common.bridge.events import Bridge, build_bridge
from common.clock import Deadline
from common.incidents.adopt import adopt
from common.queue import Message
from local.simulator import Simulator
from tests.support.deployment import SECRET, Deployment, alarm, deployment, sqs_event
from tools.deployed import DeployedStack
from tools.replay import replay

START = datetime.now(UTC) - timedelta(minutes=30)


@pytest.fixture
def stack(servicenow: Simulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    """Provide a stack whose secret is filled in."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    with deployment(servicenow.host, servicenow.ca_pem) as stack:
        stack.put_credentials("bridge", SECRET)
        yield stack


@pytest.fixture
def bridge(stack: Deployment) -> Iterator[Bridge]:
    """Provide the parts that the functions are made of."""
    bridge = build_bridge(stack.environment)
    yield bridge
    bridge.transport.close()


def _process(bridge: Bridge, *events: dict[str, Any]) -> list[str]:
    messages = [Message.of(record) for record in sqs_event(events)["Records"]]
    return bridge.intake.process(messages, Deadline.after(bridge.clock, 60))


def _adopt(bridge: Bridge, **options: Any) -> list[str]:  # noqa: ANN401 (adopt's own)
    deadline = Deadline.after(bridge.clock, 60)
    found = adopt(
        bridge.ledger,
        bridge.records,
        deployment=bridge.deployment,
        table="incident",
        deadline=deadline,
        **options,
    )
    return [adoption.outcome for adoption in found]


def _lose_ledger(stack: Deployment) -> None:
    for item in stack.ledger_items():
        stack.clients["dynamodb"].delete_item(TableName="ledger", Key={"pk": item["pk"]})


def test_fault_100_a_lost_ledger_is_rebuilt_and_no_incident_is_opened_twice(
    bridge: Bridge, stack: Deployment, servicenow: Simulator
) -> None:
    """After adopting, a repeat changes nothing, and a recovery resolves the very incident."""
    _process(bridge, *(alarm(f"alarm-{index}", "ALARM", at=START) for index in range(10)))
    _lose_ledger(stack)

    assert _adopt(bridge) == ["adopted"] * 10

    _process(bridge, *(alarm(f"alarm-{index}", "ALARM", at=START) for index in range(10)))
    _process(bridge, alarm("alarm-3", "OK", at=START + timedelta(minutes=1)))
    incidents = servicenow.records("incident")
    assert len(incidents) == 10
    assert sorted(incident["state"] for incident in incidents) == ["1"] * 9 + ["6"]


def test_fault_100_a_ledger_of_an_older_day_is_brought_up_to_date(
    bridge: Bridge, stack: Deployment, servicenow: Simulator
) -> None:
    """An item that still fires, although its incident was resolved since, lets the next alarm through again."""
    _process(bridge, alarm("errors", "ALARM", at=START))
    [older] = stack.ledger_items()
    _process(bridge, alarm("errors", "OK", at=START + timedelta(minutes=1)))
    stack.clients["dynamodb"].put_item(TableName="ledger", Item=older)

    assert _adopt(bridge) == ["adopted"]
    assert _adopt(bridge) == ["known already"]

    _process(bridge, alarm("errors", "ALARM", at=START + timedelta(minutes=2)))
    [incident] = servicenow.records("incident")
    assert incident["state"] == "2"


def test_adopting_only_says_what_it_would_do_when_asked(bridge: Bridge, stack: Deployment) -> None:
    """Nothing is written by a dry run."""
    _process(bridge, alarm("errors", "ALARM", at=START))
    _lose_ledger(stack)

    assert _adopt(bridge, dry_run=True) == ["adopted"]
    assert stack.ledger_items() == []


def test_adopting_leaves_what_it_cannot_judge(bridge: Bridge, stack: Deployment, servicenow: Simulator) -> None:
    """Two records of one problem, a changed marker and somebody else's records are a person's business."""
    _process(bridge, alarm("twice", "ALARM", at=START), alarm("changed", "ALARM", at=START))
    twice, changed = servicenow.records("incident")
    copied = ("correlation_id", "correlation_display", "short_description")
    servicenow.insert("incident", {name: twice[name] for name in copied})
    servicenow.update("incident", changed["sys_id"], {"correlation_display": "mine"})
    servicenow.insert("incident", {"short_description": "by hand", "correlation_id": "INC-from-elsewhere"})
    _lose_ledger(stack)

    outcomes = _adopt(bridge)

    assert sorted(outcomes) == [
        "its correlation_display was changed: left alone",
        "several records: close all but one",
        "several records: close all but one",
    ]
    assert stack.ledger_items() == []


def test_adopting_reads_every_page(bridge: Bridge, stack: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    """More records than a page holds are all found."""
    monkeypatch.setattr("common.incidents.adopt._PAGE", 3)
    _process(bridge, *(alarm(f"alarm-{index}", "ALARM", at=START) for index in range(7)))
    _lose_ledger(stack)

    assert _adopt(bridge) == ["adopted"] * 7


@pytest.fixture
def deployed(stack: Deployment) -> DeployedStack:
    """Provide the stack as the commands see it."""
    other = stack.clients["sqs"].create_queue(QueueName="undelivered")["QueueUrl"]
    outputs = {
        "QueueUrl": stack.queue_url,
        "DeadLetterQueueUrl": stack.dead_letter_queue_url,
        "EventDeadLetterQueueUrl": other,
    }
    return DeployedStack(outputs, boto3.Session(region_name="eu-west-1"))


def test_replaying_sends_dead_letters_back_once(bridge: Bridge, stack: Deployment, deployed: DeployedStack) -> None:
    """Bodies are unchanged, reasons are shown, and both dead-letter queues are empty afterwards."""
    bodies = ["{not json", '{"neither": "an event"}']
    _process_bodies(bridge, bodies)
    undelivered = json.dumps(alarm("late", "ALARM"))
    stack.clients["sqs"].send_message(QueueUrl=deployed.output("EventDeadLetterQueueUrl"), MessageBody=undelivered)

    reasons = list(replay(deployed))

    received = stack.clients["sqs"].receive_message(QueueUrl=stack.queue_url, MaxNumberOfMessages=10)["Messages"]
    assert sorted(message["Body"] for message in received) == sorted([*bodies, undelivered])
    assert len(reasons) == 3
    assert any("not JSON" in reason for reason in reasons)
    assert stack.dead_letters() == []


def test_showing_dead_letters_moves_none(bridge: Bridge, stack: Deployment, deployed: DeployedStack) -> None:
    """An operator looks first."""
    _process_bodies(bridge, ["{not json"])

    assert len(list(replay(deployed, show_only=True))) == 1
    assert "Messages" not in stack.clients["sqs"].receive_message(QueueUrl=stack.queue_url)


def _process_bodies(bridge: Bridge, bodies: list[str]) -> None:
    messages = [Message.of(record) for record in sqs_event(bodies)["Records"]]
    bridge.intake.process(messages, Deadline.after(bridge.clock, 60))


def test_shadow_mode_writes_nothing_and_says_what_it_would(
    stack: Deployment, servicenow: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    """A team can watch what would be opened and resolved; leaving shadow mode starts with a clean ledger."""
    shadow = build_bridge({**stack.environment, "SHADOW_MODE": "true"})
    _process(shadow, alarm("errors", "ALARM", at=START))
    _process(shadow, alarm("errors", "OK", at=START + timedelta(minutes=1)))
    assert servicenow.records("incident") == []
    assert servicenow.api_calls == 0
    assert shadow.telemetry.counts()["ShadowOpened"] == 1
    assert shadow.telemetry.counts()["ShadowUpdated"] == 1
    reported = [record.__dict__["fields"] for record in caplog.records if "fields" in record.__dict__]
    assert reported[0]["short_description"] == "errors (123456789012, eu-west-1)"
