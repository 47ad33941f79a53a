"""Alerts of callers: through the queue and the events function to one incident per problem."""

import json
import tomllib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from common.api.alert_models import AlertFields
from common.incidents.labels import fingerprint_of
from local.simulator import Simulator
from tests.integration.api.gateway import ALICE, BOB, Gateway, taken
from tests.support.deployment import ACCOUNT, REGION, Deployment

PROJECT = Path(__file__).resolve().parents[3]
ALERT = {"dedup_key": "disk", "status": "firing", "summary": "The disk is full", "severity": "high"}
NOW = datetime.now(UTC)


def webhook(
    status: str, *changes: object, starts: datetime = NOW, ends: datetime | None = None, left_out: int = 0
) -> dict[str, Any]:
    """Return what Alertmanager posts, with an alert for each change of one; Grafana adds members to each alert."""
    alert = {
        "status": status,
        "labels": {"alertname": "DiskFull", "severity": "page", "instance": "a:9100"},
        "annotations": {"summary": "The disk of a is full", "description": "3 % are left"},
        "startsAt": starts.isoformat(),
        "endsAt": ends.isoformat() if ends else "0001-01-01T00:00:00Z",
        "generatorURL": "https://prometheus.example.com/graph?g0.expr=up",
        "fingerprint": "9f1c6a3e",
        "values": {"A": 3},
        "silenceURL": "https://grafana.example.com",
    }
    return {
        "version": "4",
        "groupKey": '{}:{alertname="DiskFull"}',
        "truncatedAlerts": left_out,
        "receiver": "bridge",
        "status": status,
        "groupLabels": {"alertname": "DiskFull"},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "https://alertmanager.example.com",
        "alerts": [alert | each if isinstance(each, dict) else each for each in changes or ({},)],
    }


def test_an_alert_opens_one_incident_and_resolves_it(
    api: Gateway, servicenow: Simulator, stack: Deployment, work: Callable[[], None]
) -> None:
    """It is taken at once, and what happens then is what happens to events of AWS."""
    for _ in range(2):
        sent = ALERT | {"occurred_at": NOW.isoformat(), "fields": {"category": "software"}}
        accepted = api.call("POST", "/alerts", sent)
        assert (accepted.status, accepted.json) == (202, taken(1))
        work()
    [row] = servicenow.records("incident")
    assert (row["short_description"], row["state"], row["priority"]) == ("The disk is full", "1", "2")
    assert row["category"] == "software"

    api.call("POST", "/alerts", {**ALERT, "status": "resolved"})
    work()

    [row] = servicenow.records("incident")
    assert row["state"] == "6"
    assert stack.dead_letters() == []


@pytest.mark.attack
def test_101_nobody_resolves_anothers_problem(api: Gateway, servicenow: Simulator, work: Callable[[], None]) -> None:
    """Not even with the same dedup key: the event says who sent it, and nothing in the body can."""
    api.call("POST", "/alerts", ALERT)
    api.call("POST", "/alerts", ALERT | {"status": "resolved"}, caller=BOB)
    work()

    [row] = servicenow.records("incident")
    assert row["state"] == "1"
    forged = api.call("POST", "/alerts", ALERT | {"status": "resolved", "origin": ALICE}, caller=BOB)
    assert forged.problem == (400, "invalid-request")


def test_the_event_is_shaped_as_eventbridge_would(api: Gateway, stack: Deployment) -> None:
    """So that one function, and one rule file, serve both."""
    api.call("POST", "/alerts", ALERT, caller=f"arn:aws:sts::{ACCOUNT}:assumed-role/billing/i-1")

    [message] = stack.queued()

    event = json.loads(message["Body"])
    assert (event["source"], event["detail-type"]) == ("servicenow-bridge.api", "ServiceNow Alert")
    assert (event["account"], event["region"], event["resources"]) == (ACCOUNT, REGION, [])
    assert event["detail"].items() >= (ALERT | {"origin": f"arn:aws:sts::{ACCOUNT}:assumed-role/billing"}).items()


def test_a_webhook_of_alertmanager_or_grafana_opens_and_resolves(
    api: Gateway, servicenow: Simulator, work: Callable[[], None]
) -> None:
    """The notifications that repeat it change nothing; its end is newer than its beginning."""
    starts = NOW - timedelta(minutes=5)
    for _ in range(2):
        assert api.call("POST", "/alerts", webhook("firing", starts=starts)).json == taken(1)
        work()
    [row] = servicenow.records("incident")
    assert (row["short_description"], row["priority"], row["state"]) == ("The disk of a is full", "1", "1")
    for fact in ("3 % are left", "instance: a:9100", "https://prometheus.example.com/graph"):
        assert fact in row["description"]
    calls = servicenow.api_calls

    api.call("POST", "/alerts", webhook("resolved", starts=starts, ends=NOW))
    work()
    # A notification that was late says less than the end.
    api.call("POST", "/alerts", webhook("firing", starts=starts))
    work()

    [row] = servicenow.records("incident")
    assert row["state"] == "6"
    assert servicenow.api_calls == calls + 1


def test_an_alert_that_has_fired_for_months_is_still_taken(
    api: Gateway, servicenow: Simulator, stack: Deployment, work: Callable[[], None]
) -> None:
    """The desk refuses events older than 30 days; an alert that is repeated is no old event."""
    api.call("POST", "/alerts", webhook("firing", starts=NOW - timedelta(days=90)))
    work()

    assert len(servicenow.records("incident")) == 1
    assert stack.dead_letters() == []


def test_a_webhook_may_bring_many_alerts(api: Gateway, stack: Deployment) -> None:
    """As many as get through the gateway, each in a message of its own."""
    body = webhook("firing", *({"fingerprint": str(number)} for number in range(25)))

    assert api.call("POST", "/alerts", body).json == taken(25)
    assert stack.waiting() == 25
    body = webhook("firing", *[{"annotations": {"description": "3 % are left. " * 100}}] * 200)
    assert len(json.dumps(body)) > 256 * 1024
    assert api.call("POST", "/alerts", body).json == taken(200)


@pytest.mark.attack
def test_an_alert_takes_none_of_its_neighbours_along(
    api: Gateway, servicenow: Simulator, stack: Deployment, work: Callable[[], None]
) -> None:
    """What can be understood is taken, the rest is kept with its reason: the sender would not send any of it again."""
    body = webhook(
        "firing",
        {},
        {"fingerprint": "", "labels": {}},
        {"status": "unheard of", "fingerprint": "x\u202ey"},
        "no alert",
        {"startsAt": "yesterday", "fingerprint": "2"},
        {"labels": {"alertname": "Other"}, "fingerprint": "3"},
    )

    assert api.call("POST", "/alerts", body).json == taken(2, refused=4)
    work()

    assert len(servicenow.records("incident")) == 2
    [letter] = stack.dead_letters()
    assert letter["Reason"].startswith(f"4 alerts of {ALICE} can't be understood, the first for this reason: alert: ")
    kept = json.loads(letter["body"])["detail"]
    assert kept["origin"] == ALICE
    for reason, part in zip(kept["refused"], ("name the problem", "status", "alert: ", "startsAt"), strict=True):
        assert part in reason
    assert ["no alert"] in kept["refused"].values()


@pytest.mark.attack
def test_a_million_alerts_that_nobody_understands_are_answered_in_time(api: Gateway, stack: Deployment) -> None:
    """A sender that waits in vain repeats them for ever. None is lost: they share few letters."""
    body = b'{"alerts": [' + b"{}," * 1_299_999 + b"{}]}"

    assert api.call("POST", "/alerts", body).json == taken(0, refused=1_300_000)

    assert stack.waiting(stack.dead_letter_queue_url) < 40


def test_a_single_refused_alert_is_told_with_its_reason(api: Gateway, stack: Deployment) -> None:
    """And one that is longer than a letter is cut."""
    body = webhook("firing", {"status": "unheard of", "annotations": {"summary": "é" * 300_000}})
    assert api.call("POST", "/alerts", body).json == taken(0, refused=1)
    [letter] = stack.dead_letters()
    assert letter["Reason"].startswith(f"An alert of {ALICE} can't be understood: status: ")
    assert len(letter["body"]) > 100_000


def test_a_refused_alert_that_nobody_can_keep_is_sent_again(api: Gateway, stack: Deployment) -> None:
    """It is lost by nobody: the sender is told that it has to keep it."""
    stack.clients["sqs"].delete_queue(QueueUrl=stack.environment["DEAD_LETTER_QUEUE_URL"])
    assert api.call("POST", "/alerts", webhook("firing", "no alert")).status == 503


def test_alertmanager_s_own_fingerprint_is_found_where_none_is_sent(
    api: Gateway, servicenow: Simulator, work: Callable[[], None]
) -> None:
    """Older ones and other senders of the format send none: the labels name the same problem."""
    [alert] = webhook("resolved")["alerts"]
    for fingerprint in (None, "", fingerprint_of(alert["labels"])):
        body = webhook("firing", {"fingerprint": fingerprint}, starts=NOW - timedelta(minutes=5))
        assert api.call("POST", "/alerts", body).json == taken(1)
        work()
    del alert["fingerprint"]
    api.call("POST", "/alerts", {"alerts": [alert]})
    work()

    [row] = servicenow.records("incident")
    assert row["state"] == "6"


@pytest.mark.parametrize("ends", [{"endsAt": "0001-01-01T00:00:00Z"}, {"endsAt": None}, {"endsAt": ""}, {}])
def test_an_end_without_a_time_is_now(
    api: Gateway, servicenow: Simulator, work: Callable[[], None], ends: dict[str, object]
) -> None:
    """A resolved alert whose end is unknown resolves, however late it comes."""
    starts = NOW - timedelta(minutes=5)
    api.call("POST", "/alerts", webhook("firing", starts=starts))
    work()
    [alert] = webhook("resolved", starts=starts)["alerts"]
    del alert["endsAt"]
    api.call("POST", "/alerts", {"alerts": [alert | ends]})
    work()
    [row] = servicenow.records("incident")
    assert row["state"] == "6"


def test_alerts_that_were_left_out_are_told(api: Gateway, servicenow: Simulator, work: Callable[[], None]) -> None:
    """The answer counts them, and the records say that there is more."""
    assert api.call("POST", "/alerts", webhook("firing", left_out=57)).json == taken(1, truncated=57)
    work()
    [row] = servicenow.records("incident")
    assert "The sender left out 57 more alerts of this group." in row["description"]


@pytest.mark.parametrize(
    "change",
    [
        {"dedup_key": ""},
        {"dedup_key": " "},
        {"dedup_key": "x" * 256},
        {"status": "ok"},
        {"summary": ""},
        {"severity": "page"},
        {"occurred_at": "today"},
        {"occurred_at": "2026-01-31T08:00:00"},
        {"fields": {"sys_id": "x"}},
        {"fields": {"category": 1}},
        {"unknown": "x"},
        {"alerts": []},
    ],
)
def test_an_alert_of_another_shape_is_refused(api: Gateway, stack: Deployment, change: dict[str, object]) -> None:
    """At once, instead of as a dead letter later."""
    reply = api.call("POST", "/alerts", ALERT | change)

    assert reply.problem == (400, "invalid-request")
    assert stack.queued() == []


def test_a_queue_that_is_away_is_told(api: Gateway, stack: Deployment) -> None:
    """503 and when to come back, held until a person mends it: an alert is never lost silently."""
    stack.clients["sqs"].delete_queue(QueueUrl=stack.queue_url)

    reply = api.call("POST", "/alerts", ALERT)

    assert reply.problem == (503, "held")
    assert int(reply.headers["retry-after"]) >= 1


def test_messages_that_the_queue_fails_are_sent_again(
    api: Gateway, stack: Deployment, function: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch may be taken in part; none of it is lost, and none of it is sent twice."""
    sqs = function.bridge.alerts._sender._sqs
    send_together = sqs.send_message_batch

    def take_all_but_the_first(QueueUrl: str, Entries: list[dict[str, str]]) -> dict[str, Any]:  # noqa: N803
        send_together(QueueUrl=QueueUrl, Entries=Entries[1:])
        return {"Failed": [{"Id": Entries[0]["Id"], "Code": "InternalError", "SenderFault": False}]}

    monkeypatch.setattr(sqs, "send_message_batch", take_all_but_the_first)
    body = webhook("firing", *({"fingerprint": str(number)} for number in range(4)))

    assert api.call("POST", "/alerts", body).json == taken(4)
    keys = [json.loads(message["Body"])["detail"]["dedup_key"] for message in stack.queued()]
    assert sorted(keys) == ["0", "1", "2", "3"]


def test_the_fields_of_an_alert_are_those_that_the_rule_takes() -> None:
    """A field that is validated here and dropped there would vanish without a word."""
    [rule] = tomllib.loads((PROJECT / "src/rules/own-alerts.toml").read_text())["rule"]

    assert sorted(AlertFields.model_fields) == sorted(rule["accepts"])
