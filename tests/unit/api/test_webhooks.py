"""What alerts of Alertmanager and Grafana become."""

import json
from datetime import UTC, datetime

import pytest

from common.api.alert_models import Webhook
from common.api.webhooks import WebhookEntry, severity_of, webhook_alerts
from common.incidents.labels import fingerprint_of
from common.incidents.own_events import SEVERITIES
from common.incidents.rules.splitting import split
from tests.support.rules import PROJECT, SHIPPED, alert_of

BEGAN = datetime(2026, 11, 20, 10, tzinfo=UTC)


def entry(status: str = "firing", links: dict[str, str] | None = None, **labels: str) -> WebhookEntry:
    """Return one alert with a summary that does not tell it from others."""
    return WebhookEntry(
        status=status,
        labels={"alertname": "InstanceDown", **labels},
        annotations={"summary": "down", "runbook_url": "https://runbooks.example.com/x"},
        starts_at=BEGAN,
        ends_at=None,
        url="",
        fingerprint="",
        links=links or {},
    )


@pytest.mark.parametrize(
    ("labels", "fingerprint"),
    [
        ({}, 14695981039346656037),
        ({"name": "garland, briggs", "fear": "love is not enough"}, 5799056148416392346),
    ],
)
def test_labels_have_the_fingerprint_that_prometheus_gives_them(labels: dict[str, str], fingerprint: int) -> None:
    """The two values are those of the tests of prometheus/common, model/signature_test.go."""
    assert fingerprint_of(labels) == f"{fingerprint:016x}"


def test_alerts_of_a_group_are_told_apart_in_their_first_line() -> None:
    """By the labels in which they differ, unless the summary names them already."""
    first, second = webhook_alerts([entry(instance="h1", job="node"), entry(instance="h2", job="node")])
    assert (first.summary, second.summary) == ("down (instance h1)", "down (instance h2)")
    [alone] = webhook_alerts([entry(instance="h1")])
    assert alone.summary == "down"
    one, other = webhook_alerts([entry(instance="down"), entry()])
    assert (one.summary, other.summary) == ("down", "down")


def test_links_reach_the_record_behind_their_hosts() -> None:
    """The runbook and Grafana's links; what is not https is named and no link."""
    links = {"Panel": "https://grafana.example/p", "Silence": "http://grafana.example/s"}
    [alert] = webhook_alerts([entry(links=links)])
    assert alert.description.splitlines()[:3] == [
        "Runbook at runbooks.example.com: https://runbooks.example.com/x",
        "Panel at grafana.example: https://grafana.example/p",
        "Silence left out, because it is not https: grafana.example",
    ]


def test_a_rule_that_could_not_be_evaluated_is_named() -> None:
    """Grafana calls all of them the same, and says the rule's name in another label."""
    alert = entry()
    nameless = WebhookEntry(
        status="firing",
        labels={"alertname": "DatasourceNoData", "rulename": "Disk"},
        annotations={},
        starts_at=alert.starts_at,
        ends_at=None,
        url="",
        fingerprint="1",
    )
    assert [made.summary for made in webhook_alerts([nameless])] == ["DatasourceNoData: Disk"]
    titled = {"title": "The disk"}
    [made] = webhook_alerts(
        [
            WebhookEntry(
                status="firing", labels={}, annotations=titled, starts_at=None, ends_at=None, url="", fingerprint="1"
            )
        ]
    )
    assert (made.summary, made.occurred_at) == ("The disk", None)


@pytest.mark.parametrize(
    ("label", "severity"),
    [
        ("P1", "critical"),
        ("crit", "critical"),
        ("Disaster", "critical"),
        ("page", "critical"),
        ("error", "high"),
        ("P2", "high"),
        ("average", "medium"),
        ("P4", "low"),
        ("information", "info"),
        (" Informational ", "info"),
        ("high", "high"),
        ("unheard of", "medium"),
        ("", "medium"),
    ],
)
def test_severities_of_other_tools_are_known(label: str, severity: str) -> None:
    """Whatever a monitoring system calls it; what nobody knows is medium."""
    assert severity_of(label) == severity
    [alert] = webhook_alerts([entry(priority=label)])
    assert alert.severity == severity


@pytest.mark.parametrize("tool", ["alertmanager", "grafana"])
@pytest.mark.parametrize("status", ["firing", "resolved"])
def test_an_alert_reads_the_same_by_the_api_and_by_the_door_of_webhooks(tool: str, status: str) -> None:
    """Two readers of one format: this one for signed callers, a rule for the door (docs/api.md says why)."""
    sample = json.loads((PROJECT / "events" / f"webhook-{tool}-{status}.json").read_text())
    [first] = sample["detail"]["alerts"]
    second = first | {"labels": first["labels"] | {"instance": "web-2:9100"}, "fingerprint": "f" * 16}
    sample["detail"]["alerts"] = [first, second]

    by_api = Webhook.model_validate(sample["detail"]).understood()
    by_rules = [alert_of(dict(part)) for part in split(sample, SHIPPED)]

    for told, alert in zip(by_api, by_rules, strict=True):
        assert told.status == alert.status.value
        moment = told.occurred_at or datetime.fromisoformat(sample["time"])  # without one, when it was sent
        assert round(moment.timestamp() * 1000) == alert.occurred_at
        assert json.loads(alert.key)[-1] == told.dedup_key
        if alert.fields:
            assert told.summary == alert.fields["short_description"]
            assert SEVERITIES[told.severity] == (alert.fields["impact"], alert.fields["urgency"])
            lines = set(alert.fields["description"].splitlines())
            assert {line for line in told.description.splitlines() if line} <= lines
