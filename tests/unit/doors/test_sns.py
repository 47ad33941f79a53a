"""What SNS puts into the queue becomes an event; the same alarm by SNS and by EventBridge is one problem."""

import json
from typing import Any

import pytest

from common.doors.message import read_event
from common.doors.sns import is_envelope, sns_event
from common.errors import PermanentError
from common.incidents.alert import Alert
from tests.support.rules import alert_of

TOPIC = "arn:aws:sns:eu-west-1:123456789012:on-call"
ALARM = {
    "AlarmName": "disk full",
    "AlarmDescription": "of a",
    "AWSAccountId": "123456789012",
    "NewStateValue": "ALARM",
    "NewStateReason": "Threshold Crossed",
    "StateChangeTime": "2026-01-31T12:00:00.554+0000",
    "Region": "EU (Ireland)",
    "AlarmArn": "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:disk full",
    "OldStateValue": "OK",
    "Trigger": {
        "MetricName": "DiskUsed",
        "Namespace": "App",
        "Dimensions": [{"name": "host", "value": "a"}],
    },
}
SAME_ALARM = {
    "version": "0",
    "id": "1",
    "source": "aws.cloudwatch",
    "detail-type": "CloudWatch Alarm State Change",
    "account": "123456789012",
    "region": "eu-west-1",
    "time": "2026-01-31T12:00:01Z",
    "resources": [ALARM["AlarmArn"]],
    "detail": {
        "alarmName": "disk full",
        "state": {"value": "ALARM", "reason": "Threshold Crossed", "timestamp": ALARM["StateChangeTime"]},
    },
}


def envelope(message: object, **changes: object) -> dict[str, Any]:
    """Return what SNS puts into a queue."""
    text = message if isinstance(message, str) else json.dumps(message)
    base = {"Type": "Notification", "MessageId": "m-1", "TopicArn": TOPIC, "Subject": "S", "Message": text}
    return {**base, "Timestamp": "2026-01-31T12:00:02.000Z", **changes}


def alert(event: dict[str, Any]) -> Alert:
    """Return the alert that the shipped rules make of an event."""
    return alert_of(read_event(json.dumps(event)))


@pytest.mark.parametrize("message", [ALARM, SAME_ALARM], ids=["as SNS has it", "sent on by a rule"])
def test_an_alarm_is_the_problem_that_it_is_over_eventbridge(message: dict[str, Any]) -> None:
    """Same key, same state, same time, so that either may be first."""
    by_sns, by_eventbridge = alert(sns_event(envelope(message), {TOPIC})), alert(SAME_ALARM)

    assert (by_sns.key, by_sns.member) == (by_eventbridge.key, by_eventbridge.member)
    assert (by_sns.status, by_sns.occurred_at) == (by_eventbridge.status, by_eventbridge.occurred_at)


def test_what_sns_says_of_an_alarm_reaches_the_record() -> None:
    """Reason, metric and dimensions."""
    fields = alert(sns_event(envelope(ALARM), {TOPIC})).fields

    assert "disk full" in fields["short_description"]
    assert all(
        text in fields["description"] for text in ("Threshold Crossed", "App DiskUsed", '"host": "a"', "before OK")
    )


@pytest.mark.parametrize(
    ("message", "detail"),
    [
        ({"budget": 1}, {"budget": 1}),
        ([1], {"items": [1]}),
        ("It is full.", {"subject": "S", "text": "It is full."}),
        ("[" * 20_000, {"subject": "S", "text": "[" * 20_000}),
        ("{}", {"subject": "S", "text": "{}"}),
    ],
)
def test_any_other_message_is_an_event_of_its_topic(message: object, detail: object) -> None:
    """With what it says, for a rule of one's own."""
    event = sns_event(envelope(message), {TOPIC})

    assert read_event(json.dumps(event)) == event
    assert (event["source"], event["detail-type"], event["detail"]) == ("sns.on-call", "Notification", detail)
    assert event["id"] == sns_event(envelope(message), {TOPIC})["id"]


@pytest.mark.parametrize("source", ["servicenow-bridge.api", "shop.checkout"])
@pytest.mark.attack
def test_nobody_who_publishes_speaks_for_an_application_or_a_caller(source: str) -> None:
    """What looks like an event of one is a notification of the topic."""
    event = sns_event(envelope({**SAME_ALARM, "source": source, "detail-type": "ServiceNow Alert"}), {TOPIC})

    assert (event["source"], event["detail-type"]) == ("sns.on-call", "Notification")


@pytest.mark.parametrize("arn", ["arn:aws:sns:eu-west-1:999999999999:on-call", f"{TOPIC}2", "on-call", "", None])
@pytest.mark.attack
def test_a_topic_that_is_not_listed_is_refused(arn: str | None) -> None:
    """Also one of the same name elsewhere."""
    with pytest.raises(PermanentError, match="not listed"):
        sns_event(envelope(ALARM, TopicArn=arn), {TOPIC})


@pytest.mark.parametrize("changes", [{"Message": None}, {"Timestamp": 1}])
def test_an_envelope_without_a_message_is_refused(changes: dict[str, object]) -> None:
    """It goes to the dead-letter queue with this reason."""
    with pytest.raises(PermanentError, match="topic on-call has no text or no time"):
        sns_event(envelope("x", **changes), {TOPIC})


def test_an_event_of_eventbridge_is_no_envelope() -> None:
    """Nothing that it holds makes it one."""
    assert is_envelope(envelope("x"))
    assert not is_envelope({**SAME_ALARM, "TopicArn": TOPIC})
    assert not is_envelope(SAME_ALARM)
