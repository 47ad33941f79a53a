"""What an event is about, in the columns of Event Management."""

import json
from pathlib import Path
from typing import Any

import pytest

from common.incidents.event_columns import metric_of, node_of, source_of

EVENTS = Path(__file__).resolve().parents[3] / "events"
ALARM_ARN = "arn:aws:cloudwatch:eu-central-1:111122223333:alarm:disk is full"


def event(detail: dict[str, Any] | None = None, *resources: Any, source: str = "aws.x") -> dict[str, Any]:  # noqa: ANN401
    """Return an event of AWS, unless another source is named."""
    return {"source": source, "account": "111122223333", "resources": list(resources), "detail": detail or {}}


def alarm(**dimensions: Any) -> dict[str, Any]:  # noqa: ANN401 (whatever an event may hold)
    """Return the event of an alarm over a metric with these dimensions."""
    metric = {"namespace": "CWAgent", "name": "disk_used_percent", "dimensions": dimensions}
    metrics = [{"id": "e", "expression": "m*1"}, {"id": "m", "metricStat": {"metric": metric}}]
    return event({"alarmName": "disk is full", "configuration": {"metrics": metrics}}, ALARM_ARN)


def test_an_alarm_is_about_what_its_metric_measures() -> None:
    """Not about itself, and not about the account."""
    found = alarm(path="/", InstanceId="i-0123456789abcdef0")

    assert node_of(found) == "i-0123456789abcdef0"
    assert metric_of(found) == "disk_used_percent"
    assert node_of(alarm(host="web-1")) == "web-1"
    assert node_of(alarm(Unknown="thing")) == "thing"


def test_an_alarm_that_names_nothing_has_no_node() -> None:
    """A composite one, for example: nothing is better than a wrong name."""
    assert node_of(event({"alarmName": "all"}, ALARM_ARN)) == ""
    assert metric_of(event({"alarmName": "all"}, ALARM_ARN)) == ""


def test_other_events_are_about_their_resource() -> None:
    """By the id in the detail, else by the end of the first ARN."""
    assert node_of(event({"instance-id": "i-1"}, "arn:aws:ec2:r:a:instance/i-2")) == "i-1"
    assert node_of(event({}, "arn:aws:rds:r:a:db:orders")) == "orders"
    assert node_of(event({})) == ""


@pytest.mark.parametrize(
    ("source", "detail", "expected"),
    [
        ("aws.ec2", {}, "AWS"),
        ("my.app", {}, "my.app"),
        ("my.app", {"origin": "somebody else"}, "my.app"),
        ("servicenow-bridge.api", {"origin": "arn:aws:iam::1:role/shop"}, "arn:aws:iam::1:role/shop"),
        ("servicenow-bridge.api", {"origin": 1}, "servicenow-bridge.api"),
    ],
)
def test_the_source_is_who_tells_of_it(source: str, detail: dict[str, Any], expected: str) -> None:
    """Only the API says who its caller is."""
    assert source_of(event(detail, source=source)) == expected


@pytest.mark.parametrize(
    "detail",
    [
        {"configuration": None},
        {"configuration": {"metrics": {}}},
        {
            "configuration": {
                "metrics": [None, {"metricStat": []}, {"metricStat": {"metric": {"dimensions": [], "name": 1}}}]
            }
        },
        {"instance-id": 7},
    ],
)
def test_whatever_an_event_holds_nothing_breaks(detail: dict[str, Any]) -> None:
    """Anybody may put an event on a bus."""
    assert (node_of(event(detail, 5)), metric_of(event(detail, 5))) == ("", "")


@pytest.mark.parametrize("path", sorted(EVENTS.glob("*.json")), ids=lambda path: path.stem)
def test_no_sample_has_its_alarm_or_account_as_node(path: Path) -> None:
    """Over all sample events."""
    sample = json.loads(path.read_text())

    node = node_of(sample)

    assert node not in {sample["account"], sample["detail"].get("alarmName", "-")}
    assert isinstance(node, str)
