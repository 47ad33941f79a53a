"""The rules for monitoring tools: each tool's alert fires, is repeated and recovers as one problem."""

from itertools import permutations
from typing import Any

import pytest

from common.errors import PermanentError
from common.incidents.alert import Fold, Status
from common.incidents.own_events import SEVERITIES
from common.incidents.rules.splitting import split
from tests.support.rules import SHIPPED, Event, alert_of, said, sample

TOOLS = {
    "alertmanager": ("critical", "Instance is down (instance web-1:9100)", "prometheus.example.com"),
    "azure": ("high", "Azure: cpu on vm-1", "portal.azure.com"),
    "datadog": ("critical", "[P1] CPU is high on web-1", "app.datadoghq.com"),
    "dynatrace": ("high", "Failure rate increase: checkout", "abc.live.dynatrace.com"),
    "elastic": ("high", "CPU: host-1", "kibana.example.com"),
    "google": ("critical", "Google Cloud: CPU Usage on vm-1", "console.cloud.google.com"),
    "grafana": ("critical", "Instance is down (instance web-1:9100)", "grafana.example.com"),
    "nagios": ("critical", "web-1 HTTP is CRITICAL", "nagios.example.com"),
    "newrelic": ("critical", "Memory above 90 % on checkout", "one.newrelic.com"),
    "pagerduty": ("high", "PagerDuty: A little bump in the road", "acme.pagerduty.com"),
    "plain": ("critical", "No payments", "shop.example.com"),
    "sentry": ("high", "Sentry: ReferenceError: blooopy is not defined", "sentry.io"),
    "splunk": ("critical", "Critical Alert: Above 2 s (service checkout)", "app.us1.signalfx.com"),
    "zabbix": ("critical", "Disk is full on db-1", "zabbix.example.com"),
}


def changed(name: str, **changes: Any) -> Event:  # noqa: ANN401 (any JSON value)
    """Return a sample event with some entries of its detail changed."""
    event = sample(name)
    return event | {"detail": event["detail"] | changes}


@pytest.mark.parametrize(("tool", "expected"), TOOLS.items(), ids=TOOLS)
def test_an_alert_opens_an_incident(tool: str, expected: tuple[str, str, str]) -> None:
    """With its severity, one line that tells what is wrong where, and the way back to the tool."""
    severity, line, host = expected
    alert = alert_of(sample(f"webhook-{tool}-firing"))
    assert alert.status is Status.FIRING
    assert alert.fields["short_description"] == line
    assert (alert.fields["impact"], alert.fields["urgency"]) == SEVERITIES[severity]
    assert f"Link to {host}: https://{host}" in alert.fields["description"]


@pytest.mark.parametrize("tool", TOOLS)
def test_firing_repeated_and_resolved_meet_in_any_order(tool: str) -> None:
    """They are one problem, and the recovery is what counts in the end."""
    firing, resolved = (alert_of(sample(f"webhook-{tool}-{status}")) for status in ("firing", "resolved"))
    assert resolved.status is Status.RESOLVED
    assert resolved.note
    for order in permutations([firing, firing, resolved]):
        fold = Fold.of(order)
        assert {alert.key for alert in order} == {fold.key}
        assert fold.newest.status is Status.RESOLVED


@pytest.mark.parametrize("tool", TOOLS)
def test_a_state_that_is_missing_or_unknown_fires(tool: str) -> None:
    """It must not count as nothing; what else is missing leaves no hole in the texts."""
    alert = alert_of(sample(f"webhook-{tool}-odd"))
    assert alert.status is Status.FIRING
    assert alert.fields["short_description"]
    assert "null" not in alert.fields["description"]


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("body", [{}, {"alerts": []}, {"items": [1]}, {"text": "x"}, {"event": 7}])
def test_a_body_that_is_not_understood_is_refused_with_a_reason(tool: str, body: dict[str, Any]) -> None:
    """So that it is kept for a person: the sender will not send it again."""
    with pytest.raises(PermanentError, match="needs to name the problem"):
        alert_of(sample(f"webhook-{tool}-firing") | {"detail": body})


@pytest.mark.parametrize("tool", ["alertmanager", "grafana"])
def test_the_same_alert_over_two_doors_is_one_problem(tool: str) -> None:
    """By webhook, and by the tool's own SNS receiver."""
    assert alert_of(sample(f"sns-{tool}-firing")).key == alert_of(sample(f"webhook-{tool}-firing")).key


@pytest.mark.parametrize("tool", ["datadog", "newrelic", "pagerduty"])
def test_a_partner_event_source_of_eventbridge_tells_of_the_same_problem(tool: str) -> None:
    """Firing by one way and resolved by the other is one problem that is over, with the same severity and line."""
    event = sample(f"partner-{tool}-firing")
    firing, resolved = alert_of(event), alert_of(sample(f"partner-{tool}-resolved"))
    assert (firing.status, resolved.status) == (Status.FIRING, Status.RESOLVED)
    assert firing.key == resolved.key
    assert alert_of(sample(f"partner-{tool}-odd")).status is Status.FIRING
    body = {"alert_id": "43", "transition": "Triggered"} if tool == "datadog" else {}
    hook = sample(f"webhook-{tool}-firing")
    by_webhook = alert_of(hook | {"detail": body or hook["detail"]})
    assert by_webhook.key == firing.key
    if tool != "datadog":
        names = "short_description", "impact", "urgency"
        assert [by_webhook.fields[name] for name in names] == [firing.fields[name] for name in names]


def test_a_partner_event_of_pagerduty_that_merely_tells_is_passed_over() -> None:
    """Notes and people, as by webhook; an event of tomorrow fires."""
    for name in ("incident.annotate", "incident.delegate", "incident.custom"):
        assert said(changed("partner-pagerduty-firing", event=name)) is None
    assert alert_of(changed("partner-pagerduty-firing", event="incident.escalate")).status is Status.FIRING


@pytest.mark.parametrize(("state", "status"), [("OK", Status.RESOLVED), ("Warn", Status.FIRING), (None, Status.FIRING)])
def test_a_partner_event_of_datadog_is_over_once_the_monitor_is_ok(state: str | None, status: Status) -> None:
    """Whatever the transition is called; a state that is not told fires."""
    meta = sample("partner-datadog-firing")["detail"]["meta"]
    meta |= {"states": {"dest_state": state}, "transition": {"trans_type": "alert recovery"}}
    assert alert_of(changed("partner-datadog-firing", meta=meta)).status is status


@pytest.mark.parametrize("tool", sorted(set(TOOLS) - {"plain"}))
def test_a_second_sender_of_a_tool_has_problems_of_its_own(tool: str) -> None:
    """Nobody resolves another's; both are read by the same rule."""
    event = sample(f"webhook-{tool}-firing")
    other = event | {"source": f"webhook.{tool}-eu"}
    one, two = (SHIPPED.match(each) for each in (event, other))
    assert one is two
    assert alert_of(event).key != alert_of(other).key


def test_runbook_panel_silence_and_what_was_left_out_are_told() -> None:
    """Whoever gets the ticket has what the alert had."""
    lines = alert_of(sample("webhook-grafana-firing")).fields["description"].splitlines()
    assert "Runbook at runbooks.example.com: https://runbooks.example.com/instance-down" in lines
    assert "Panel at grafana.example.com: https://grafana.example.com/d/a?viewPanel=2" in lines
    assert "Silence at grafana.example.com: https://grafana.example.com/alerting/silence/new" in lines
    assert "The sender left out 3 more alerts of this group." in lines
    assert "instance: web-1:9100" in lines


def test_two_hundred_alerts_become_two_hundred_problems() -> None:
    """Each has its own labels; one without a fingerprint takes no neighbour along."""
    [alert] = sample("webhook-alertmanager-firing")["detail"]["alerts"]
    alerts = [{**alert, "fingerprint": "", "labels": alert["labels"] | {"instance": str(n)}} for n in range(200)]
    parts = split(changed("webhook-alertmanager-firing", alerts=alerts), SHIPPED)
    assert len({alert_of(part).key for part in parts}) == 200


def notice(detail: Event) -> Event:
    """Return an SNS message."""
    return sample("sns-alertmanager-firing") | {"detail": detail}


def rds(number: str, message: str) -> Event:
    """Return what an RDS event subscription tells."""
    page = "http://docs.amazonwebservices.com/AmazonRDS/latest/UserGuide/USER_Events.html"
    return {
        "Event Source": "db-instance",
        "Event Time": "2026-11-20 10:00:00.000",
        "Identifier Link": "https://console.aws.amazon.com/rds/home?region=eu-central-1#dbinstance:id=shop",
        "Source ID": "shop",
        "Source ARN": "arn:aws:rds:eu-central-1:111122223333:db:shop",
        "Event ID": f"{page}#RDS-EVENT-{number}",
        "Event Message": message,
    }


def redshift(number: str, severity: str = "ERROR") -> Event:
    """Return what Redshift tells of a cluster."""
    page = "http://docs.aws.amazon.com/redshift/latest/mgmt/events.html"
    return {
        "Resource": "dwh",
        "About this Event": f"{page}#REDSHIFT-EVENT-{number} ",
        "Severity": severity,
        "Event Message": "It failed",
    }


@pytest.mark.parametrize(
    ("detail", "rule", "line"),
    [
        (rds("0007", "Storage is used up"), "sns-rds", "RDS shop (111122223333, eu-central-1): Storage is used up"),
        (rds("0058", "The Statspack failed"), "sns-rds", "RDS shop (111122223333, eu-central-1): The Statspack"),
        (
            {"subject": "AWS Budgets: shop has exceeded your alert threshold", "text": "AWS Budget Notification"},
            "sns-budget",
            "AWS Budgets: shop has exceeded",
        ),
        ({"ElastiCache:SnapshotFailed": "cache-1"}, "sns-elasticache", "ElastiCache:SnapshotFailed cache-1"),
        (redshift("3500"), "sns-redshift", "Redshift dwh (111122223333, eu-central-1): It failed"),
    ],
)
def test_what_aws_tells_by_sns_alone_opens_an_incident(detail: dict[str, Any], rule: str, line: str) -> None:
    """Of RDS event subscriptions, Budgets, ElastiCache and Redshift."""
    event = notice(detail)
    found = SHIPPED.match(event)
    assert found is not None
    assert found.name == rule
    alert = alert_of(event)
    assert alert.status is Status.FIRING
    assert alert.fields["short_description"].startswith(line)


@pytest.mark.parametrize(("begins", "ends"), [("0007", "0017"), ("0045", "0046"), ("0013", "0015"), ("0020", "0021")])
def test_what_rds_pairs_is_one_problem(begins: str, ends: str) -> None:
    """Storage, replication, failover and recovery; what is everyday is passed over."""
    firing, resolved = (alert_of(notice(rds(number, "It is so"))) for number in (begins, ends))
    assert (firing.status, resolved.status) == (Status.FIRING, Status.RESOLVED)
    assert firing.key == resolved.key
    assert said(notice(rds("0001", "Backing up DB instance"))) is None


def test_redshift_tells_the_number_of_the_event_behind_an_address() -> None:
    """Two failures of a cluster are two problems; what merely informs is passed over."""
    assert alert_of(notice(redshift("3500"))).key != alert_of(notice(redshift("3600"))).key
    assert said(notice(redshift("3600", "INFO"))) is None


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("AddCacheNodeFailed", Status.FIRING),
        ("CacheNodeReplaceStarted", Status.FIRING),
        ("SomethingOfTomorrow", Status.FIRING),
        ("CacheNodeReplaceComplete", Status.RESOLVED),
        ("FailoverComplete", None),
        ("ReplicationGroupIncreaseReplicaCountStarted", None),
        ("NodeReplacementScheduled", None),
        ("ServiceUpdateAvailableForNode", None),
    ],
)
def test_elasticache_tells_what_failed_by_its_name(name: str, status: Status | None) -> None:
    """What is done or planned is passed over; a name that nobody knows fires."""
    alert = said(notice({f"ElastiCache:{name}": "cache-1"}))
    assert (alert.status if alert else None) is status
    if name.startswith("CacheNodeReplace"):
        assert alert is not None
        assert alert.key == alert_of(notice({"ElastiCache:CacheNodeReplaceStarted": "cache-1"})).key


@pytest.mark.parametrize(("kind", "severity"), [("Forecasted", "low"), ("FORECASTED", "low"), ("Actual", "medium")])
def test_a_forecast_of_budgets_is_less_urgent(kind: str, severity: str) -> None:
    """However the word is written, which AWS has changed."""
    text = f"AWS Budget Notification\n\nBudget Name: shop\nAlert Type: {kind}\n"
    fields = alert_of(changed("sns-budget-firing", text=text)).fields
    assert (fields["impact"], fields["urgency"]) == SEVERITIES[severity]


def test_comments_of_sentry_are_passed_over_and_errors_are_their_issue() -> None:
    """An error is the issue's that an alert named; a comment opens nothing."""
    event = sample("webhook-sentry-firing")
    comment = {"action": "created", "data": {"comment": "Looking", "comment_id": 1, "issue_id": 1170820242}}
    assert said(event | {"detail": comment}) is None
    error = {"action": "created", "data": {"error": {"issue_id": "1170820242", "title": "ReferenceError"}}}
    assert alert_of(event | {"detail": error}).key == alert_of(event).key
