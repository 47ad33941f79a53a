"""The picture of an alarm: which metrics, which threshold, which hours."""

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from common.clock import Deadline
from common.context.additions import File
from common.context.graph import MOST_BYTES, MOST_GRAPHS, Graphs
from common.context.request import Request
from common.context.widget import Span
from common.errors import BridgeError, ConfigurationError, PermanentError, TransientError
from tests.support.aws_service import Service, refused
from tests.support.clock import FakeClock
from tests.support.context import BEGAN, event, request, services_at

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 100
HOUR = 3_600_000
DRAW = "GetMetricWidgetImage"
ALARM = "checkout-api p99 latency"
METRIC: dict[str, Any] = {
    "AlarmName": ALARM,
    "StateValue": "ALARM",
    "Namespace": "AWS/ApplicationELB",
    "MetricName": "TargetResponseTime",
    "Dimensions": [{"Name": "LoadBalancer", "Value": "app/checkout/6c1f0d6b2a4e8d37"}],
    "ExtendedStatistic": "p99",
    "Period": 60,
    "Threshold": 1.2,
    "ComparisonOperator": "GreaterThanOrEqualToThreshold",
}
MATHS: dict[str, Any] = {
    "AlarmName": "orders 5xx share",
    "StateValue": "ALARM",
    "Threshold": 5.0,
    "ComparisonOperator": "LessThanThreshold",
    "Metrics": [
        {
            "Id": "errors",
            "MetricStat": {
                "Metric": {"Namespace": "Shop", "MetricName": "Errors", "Dimensions": []},
                "Period": 300,
                "Stat": "Sum",
            },
            "ReturnData": False,
            "AccountId": "444455556666",
        },
        {"Id": "share", "Expression": "100 * errors / 7", "Label": "share in %", "ReturnData": True},
    ],
}
ANOMALY: dict[str, Any] = {
    "AlarmName": "log-ins unusual",
    "StateValue": "ALARM",
    "ThresholdMetricId": "band",
    "ComparisonOperator": "LessThanLowerOrGreaterThanUpperThreshold",
    "Metrics": [
        {
            "Id": "logins",
            "MetricStat": {
                "Metric": {"Namespace": "Shop/Accounts", "MetricName": "Logins", "Dimensions": []},
                "Period": 300,
                "Stat": "Sum",
            },
        },
        {"Id": "band", "Expression": "ANOMALY_DETECTION_BAND(logins, 3)", "Label": "Logins (expected)"},
    ],
}


class CloudWatch:
    """Alarms by name, and of composite ones their children."""

    def __init__(self, *alarms: Mapping[str, Any], children: Mapping[str, list[str]] | None = None) -> None:
        """Show these alarms; a composite one is whatever has children."""
        self.alarms = {alarm["AlarmName"]: alarm for alarm in alarms}
        self.children = children or {}
        self.image: bytes = PNG
        self.faults: dict[str, Exception] = {}
        self.service = Service("cloudwatch", self.answer)

    def answer(self, operation: str, arguments: Mapping[str, Any]) -> Mapping[str, Any] | Exception:
        """Answer as CloudWatch does."""
        if operation in self.faults:
            return self.faults[operation]
        if operation == "GetMetricWidgetImage":
            return {"MetricWidgetImage": self.image}
        names = self.children[arguments["ChildrenOfAlarmName"]] if "ChildrenOfAlarmName" in arguments else None
        asked = names if names is not None else arguments["AlarmNames"]
        metric = [self.alarms[name] for name in asked if name in self.alarms and name not in self.children]
        composite = [{"AlarmName": name, "StateValue": "ALARM"} for name in asked if name in self.children]
        if names is not None:
            metric = [{"AlarmName": one["AlarmName"], "StateValue": one["StateValue"]} for one in metric]
        return {"MetricAlarms": metric, "CompositeAlarms": composite}

    def drawn(self, asked: Request, *, now: int = BEGAN + 60_000) -> list[File]:
        """Return the pictures of a request, at `now`."""
        clock = FakeClock(now / 1000)
        services = services_at(clock, cloudwatch=self.service)
        return list(Graphs(services, clock)(asked, Deadline.after(clock, 30)))

    @property
    def widgets(self) -> list[dict[str, Any]]:
        """What was drawn."""
        return [json.loads(told["MetricWidget"]) for name, told in self.service.calls if name == "GetMetricWidgetImage"]


def alarm(name: str = ALARM) -> dict[str, Any]:
    """Return the event of an alarm of that name."""
    return event("cloudwatch-alarm-metric-alarm", alarmName=name)


def test_a_metric_alarm_shows_metric_threshold_and_moment() -> None:
    """Three hours before the firing, and what there is after it."""
    cloudwatch = CloudWatch(METRIC)

    [file] = cloudwatch.drawn(request(alarm()))

    [widget] = cloudwatch.widgets
    assert widget["metrics"] == [
        [
            "AWS/ApplicationELB",
            "TargetResponseTime",
            "LoadBalancer",
            "app/checkout/6c1f0d6b2a4e8d37",
            {"stat": "p99", "period": 60},
        ]
    ]
    assert widget["title"] == ALARM
    assert (widget["start"], widget["end"]) == ("2026-11-23T06:15:31.000Z", "2026-11-23T09:30:31.000Z")
    assert widget["annotations"]["horizontal"] == [
        {"label": "≥ 1.2", "value": 1.2, "color": "#d62728", "fill": "above"}
    ]
    assert widget["annotations"]["vertical"] == [
        {"label": "ALARM", "value": "2026-11-23T09:15:31.000Z", "color": "#d62728"}
    ]
    assert (file.name, file.content.media_type, file.content.data) == (
        "checkout-api-p99-latency-fired-20261123T091531Z.png",
        "image/png",
        PNG,
    )


def test_maths_are_drawn_as_they_are_evaluated() -> None:
    """What only feeds the expression is hidden; a metric of another account says whose it is."""
    cloudwatch = CloudWatch(MATHS)

    cloudwatch.drawn(request(alarm("orders 5xx share")))

    [widget] = cloudwatch.widgets
    assert widget["metrics"] == [
        [
            "Shop",
            "Errors",
            {"id": "errors", "visible": False, "accountId": "444455556666", "stat": "Sum", "period": 300},
        ],
        [{"expression": "100 * errors / 7", "id": "share", "visible": True, "label": "share in %"}],
    ]
    assert widget["annotations"]["horizontal"][0]["fill"] == "below"


def test_an_anomaly_shows_its_band_instead_of_a_threshold() -> None:
    """The band is one of the alarm's own metrics."""
    cloudwatch = CloudWatch(ANOMALY)

    cloudwatch.drawn(request(event("cloudwatch-anomaly-detection-alarm")))

    [widget] = cloudwatch.widgets
    assert widget["metrics"][1][0]["expression"] == "ANOMALY_DETECTION_BAND(logins, 3)"
    assert widget["annotations"]["horizontal"] == []


def test_a_composite_alarm_shows_the_children_that_fire() -> None:
    """Those that its event names, without asking for them."""
    cloudwatch = CloudWatch(METRIC, MATHS, children={"Checkout degraded": [ALARM, "orders 5xx share"]})

    files = cloudwatch.drawn(request(event("cloudwatch-alarm-composite-alarm")))

    assert [file.name.partition("-fired")[0] for file in files] == ["checkout-api-p99-latency"]
    assert [name for name, _ in cloudwatch.service.calls].count("DescribeAlarms") == 2


def test_where_the_event_names_none_the_children_that_fire_are_asked_for() -> None:
    """Composite alarms may stand on others, some levels deep."""
    quiet = {**MATHS, "StateValue": "OK"}
    cloudwatch = CloudWatch(METRIC, quiet, children={"all": ["checkout"], "checkout": [ALARM, "orders 5xx share"]})

    files = cloudwatch.drawn(request(alarm("all")))

    assert [file.name.partition("-fired")[0] for file in files] == ["checkout-api-p99-latency"]


@pytest.mark.parametrize(
    "reason",
    ["", "no JSON", "[]", "[" * 200_000, '{"triggeringAlarms": 1}', '{"triggeringAlarms": [{}]}', 5],
    ids=["empty", "text", "list", "deep", "number", "nameless", "no text"],
)
def test_whatever_the_event_gives_as_its_reason_the_children_are_asked_for(reason: object) -> None:
    """What is no list of alarms names none, and stops nothing."""
    about = event("cloudwatch-alarm-composite-alarm")
    about["detail"]["state"]["reasonData"] = reason
    cloudwatch = CloudWatch(METRIC, children={"Checkout degraded": [ALARM]})

    assert len(cloudwatch.drawn(request(about))) == 1


def test_a_composite_alarm_over_many_stays_bounded() -> None:
    """A ticket with twenty pictures helps nobody."""
    many = [{**METRIC, "AlarmName": f"alarm {number}"} for number in range(30)]
    cloudwatch = CloudWatch(*many, children={"all": [one["AlarmName"] for one in many]})

    assert len(cloudwatch.drawn(request(alarm("all")))) == MOST_GRAPHS


def test_alarms_that_stand_on_each_other_come_to_an_end() -> None:
    """CloudWatch refuses circles; who reads them should not rely on that."""
    cloudwatch = CloudWatch(children={"one": ["other"], "other": ["one"]})

    assert cloudwatch.drawn(request(alarm("one"))) == []


def test_a_recovery_shows_the_whole_episode() -> None:
    """From three hours before the firing to the recovery, with both moments, under another name."""
    cloudwatch = CloudWatch(METRIC)
    ended = BEGAN + 5 * HOUR

    [file] = cloudwatch.drawn(request(alarm(), ended=ended), now=ended + 1000)

    [widget] = cloudwatch.widgets
    assert (widget["start"], widget["end"]) == ("2026-11-23T06:15:31.000Z", "2026-11-23T14:30:31.000Z")
    assert [one["label"] for one in widget["annotations"]["vertical"]] == ["ALARM", "OK"]
    assert "-episode-" in file.name


def test_a_recovered_composite_alarm_shows_what_had_fired() -> None:
    """Which its event's state before names."""
    about = event("cloudwatch-alarm-composite-alarm")
    state = about["detail"]["state"]
    about["detail"] |= {"previousState": state, "state": {"value": "OK", "reasonData": "{}"}}
    cloudwatch = CloudWatch(METRIC, MATHS, children={"Checkout degraded": [ALARM, "orders 5xx share"]})

    files = cloudwatch.drawn(request(about, ended=BEGAN + HOUR))

    assert [file.name.partition("-episode")[0] for file in files] == ["checkout-api-p99-latency"]


@pytest.mark.parametrize(
    ("late", "after"), [(0, 15 * 60_000), (HOUR, HOUR), (7 * HOUR, 3 * HOUR)], ids=["at once", "an hour", "seven hours"]
)
def test_what_came_after_the_firing_is_shown_as_far_as_it_has_come(late: int, after: int) -> None:
    """An alarm that waited through an outage shows three hours of after, not the outage."""
    assert Span.of(BEGAN, None, BEGAN + late) == Span(BEGAN - 3 * HOUR, BEGAN + after, BEGAN, None)


@pytest.mark.parametrize("name", ["cloudwatch-log-query-alarm", "ecs-service-task-failed-to-start"])
def test_what_has_no_metric_has_no_picture(name: str) -> None:
    """An alarm on logs, or no alarm at all."""
    assert CloudWatch().drawn(request(event(name))) == []


@pytest.mark.parametrize(
    ("operation", "fault", "error", "says"),
    [
        ("DescribeAlarms", refused("AccessDenied"), ConfigurationError, "cloudwatch:DescribeAlarms"),
        (
            "GetMetricWidgetImage",
            refused("AccessDeniedException"),
            ConfigurationError,
            "cloudwatch:GetMetricWidgetImage",
        ),
        ("GetMetricWidgetImage", refused("ThrottlingException"), TransientError, "cloudwatch:GetMetricWidgetImage"),
        ("GetMetricWidgetImage", EndpointConnectionError(endpoint_url="x"), TransientError, "did not answer"),
        ("GetMetricWidgetImage", refused("ValidationError"), PermanentError, "does not answer for this event"),
    ],
    ids=["no right to look", "no right to draw", "throttled", "away", "not drawable"],
)
def test_what_aws_refuses_names_the_permission(
    operation: str, fault: Exception, error: type[BridgeError], says: str
) -> None:
    """Whether it is worth another try is the error's kind."""
    cloudwatch = CloudWatch(METRIC)
    cloudwatch.faults[operation] = fault

    with pytest.raises(error) as caught:
        cloudwatch.drawn(request(alarm()))

    assert says in f"{caught.value.message} {caught.value.action}"


@pytest.mark.parametrize(
    ("image", "code"), [(PNG + b"0" * MOST_BYTES, "too_large"), (b"<html>", "no_picture")], ids=["too large", "no PNG"]
)
def test_what_is_no_picture_of_at_most_4_mb_is_left_out(image: bytes, code: str) -> None:
    """ServiceNow shows it to people: it has to be what its name says."""
    cloudwatch = CloudWatch(METRIC)
    cloudwatch.image = image

    with pytest.raises(PermanentError) as caught:
        cloudwatch.drawn(request(alarm()))

    assert caught.value.code == code


def test_an_alarm_that_is_gone_says_so() -> None:
    """Somebody deleted it while the event waited."""
    with pytest.raises(PermanentError, match="not there any more"):
        CloudWatch().drawn(request(alarm()))


def test_another_account_is_not_looked_into() -> None:
    """Without a role there, and before anything is asked."""
    cloudwatch = CloudWatch(METRIC)

    with pytest.raises(ConfigurationError, match="999999999999"):
        cloudwatch.drawn(request({**alarm(), "account": "999999999999"}))
    assert cloudwatch.service.calls == []


def test_a_name_that_no_alarm_can_have_is_asked_for_once() -> None:
    """No later try would be answered otherwise."""
    with pytest.raises(PermanentError, match="ParamValidationError"):
        CloudWatch(METRIC).drawn(request(alarm("")))


@pytest.mark.attack
@pytest.mark.parametrize("name", ["../" * 50, "\u202egnp.exe", "a\x00\r\nb", "é" * 255, "x" * 100_000, "'%2e%2e"])
def test_a_files_name_is_short_and_plain(name: str) -> None:
    """Whoever names an alarm names no path, and hides no other ending."""
    [file] = CloudWatch({**METRIC, "AlarmName": name}).drawn(request(alarm(name)))

    assert re.fullmatch(r"[A-Za-z0-9._-]{1,60}-fired-\d{8}T\d{6}Z\.png", file.name)
    assert ".." not in file.name


@pytest.mark.attack
def test_names_in_a_picture_and_of_a_file_are_masked() -> None:
    """In a picture nothing can be masked any more, and a file's name can lead nowhere."""
    name = "../../<b>jane.doe@example.com AKIAIOSFODNN7EXAMPLE"
    cloudwatch = CloudWatch({**METRIC, "AlarmName": name})

    [file] = cloudwatch.drawn(request(alarm(name)))

    [widget] = cloudwatch.widgets
    for text in (widget["title"], file.name):
        assert "jane.doe" not in text
        assert "AKIA" not in text
    assert "/" not in file.name
    assert not file.name.startswith(".")
