"""Webhooks and SNS topics through everything that is deployed: gateway or topic, queue, functions, ServiceNow."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest

from local.emulator import ACCOUNT, REGION
from local.stack import TOPIC, LocalStack
from tests.e2e.callers import Caller
from tests.e2e.incidents import NEW, RESOLVED, incidents_of
from tools.signed import Reply

type Post = Callable[..., Reply]


@pytest.fixture(scope="module")
def right(deployed: LocalStack) -> str:
    """Return the secret of the sources, once the API knows it: it looks for another one every ten seconds at most."""
    secret = deployed.store_webhook_secret("alertmanager", "grafana", "shop")
    over = {"dedup_key": "nothing", "status": "resolved"}
    deployed.wait_until(lambda: posted(deployed, "shop", over, secret).status == 202, "The secret opens nothing", 30)
    return secret


@pytest.fixture
def post(stack: LocalStack, right: str) -> Post:
    """Return what posts a webhook, unsigned, with a bearer token."""
    return lambda source, body, secret=right: posted(stack, source, body, secret)


def posted(stack: LocalStack, source: str, body: object, secret: str) -> Reply:
    """Post a webhook and return the answer."""
    headers = {
        "Authorization": f"Bearer {secret}",
        "Content-Type": "application/json",
        "Host": urlsplit(stack.api_url).netloc,
    }
    target = f"{urlsplit(stack.api_url).path}/webhooks/{source}"
    answer = Caller(stack, None).send("POST", target, json.dumps(body).encode(), headers)
    return Reply(answer.status, answer.headers, answer.data.decode())


def alerts(name: str, count: int, status: str = "firing") -> dict[str, Any]:
    """Return what Alertmanager posts about `count` instances."""
    now = datetime.now(UTC).isoformat()
    return {
        "version": "4",
        "status": status,
        "truncatedAlerts": 0,
        "alerts": [
            {
                "status": status,
                "labels": {"alertname": name, "instance": f"web-{number}"},
                "annotations": {"summary": name},
                "startsAt": now,
                "endsAt": now if status == "resolved" else "0001-01-01T00:00:00Z",
                "generatorURL": "https://prometheus.example.com/graph",
                "fingerprint": f"{name} {number}",
            }
            for number in range(count)
        ],
    }


def test_each_alert_of_a_webhook_opens_an_incident_and_its_recovery_resolves_it(stack: LocalStack, post: Post) -> None:
    """With the secret of its source instead of a signature."""
    accepted = post("alertmanager", alerts("Webhook of three", 3))
    assert (accepted.status, accepted.json) == (202, {"accepted": 3, "refused": 0, "truncated": 0}), accepted.text
    stack.wait_until_handled()
    assert [row["state"] for row in incidents_of(stack, "Webhook of three")] == [NEW] * 3

    assert post("alertmanager", alerts("Webhook of three", 2, "resolved")).json["accepted"] == 2
    stack.wait_until_handled()

    assert sorted(row["state"] for row in incidents_of(stack, "Webhook of three")) == [NEW, RESOLVED, RESOLVED]
    assert stack.dead_letters() == []


def test_200_alerts_of_a_webhook_are_accepted_in_one_request(stack: LocalStack, post: Post) -> None:
    """And open an incident each."""
    assert post("alertmanager", alerts("Webhook of 200", 200)).json["accepted"] == 200
    stack.wait_until(lambda: len(incidents_of(stack, "Webhook of 200")) == 200, "Incidents are missing", 90)
    stack.wait_until_handled()
    assert len(incidents_of(stack, "Webhook of 200")) == 200
    assert stack.dead_letters() == []


def test_without_its_secret_nothing_gets_in(stack: LocalStack, post: Post) -> None:
    """Neither by a wrong one nor for a source that is not listed."""
    refused = [
        post("alertmanager", alerts("Forged", 2), secret="w" * 32),
        post("nagios", alerts("Forged", 2)),
    ]
    assert [(each.status, each.headers["content-type"]) for each in refused] == [(403, "application/problem+json")] * 2
    stack.wait_until_handled()
    assert incidents_of(stack, "Forged") == []


def test_what_no_rule_knows_is_kept_for_a_person(stack: LocalStack, post: Post) -> None:
    """With the name of its source."""
    assert post("shop", {"hello": "world"}).status == 202
    stack.wait_until_handled()
    [letter] = stack.dead_letters()
    assert "webhook.shop" in letter.reason


def test_an_alarm_by_a_topic_is_the_one_that_eventbridge_tells(stack: LocalStack) -> None:
    """Fired by SNS, it is resolved by the event."""
    event = stack.put_alarm("ALARM", name="by-both-ways")
    stack.wait_until_handled()
    [opened] = incidents_of(stack, "by-both-ways")
    detail = event["detail"]
    notice = {
        "AlarmName": detail["alarmName"],
        "AlarmArn": f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{detail['alarmName']}",
        "NewStateValue": "OK",
        "NewStateReason": "below the threshold",
        "StateChangeTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000",
        "OldStateValue": "ALARM",
        "Trigger": {"MetricName": "Errors", "Namespace": "AWS/Lambda", "Dimensions": []},
    }

    stack.root.client("sns").publish(TopicArn=TOPIC, Subject="OK", Message=json.dumps(notice))
    stack.wait_until(
        lambda: incidents_of(stack, "by-both-ways")[0]["state"] == RESOLVED, "The incident was not resolved"
    )

    [resolved] = incidents_of(stack, "by-both-ways")
    assert resolved["number"] == opened["number"]
    assert stack.dead_letters() == []
