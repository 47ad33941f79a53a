"""The metric and the alarm behind the events of `local.alarms`, so that there is something to draw."""

from datetime import UTC, datetime, timedelta
from typing import Any

from local.alarms import alarm_event
from local.clients import Clients

_MINUTES = 200
_QUIET, _LOUD, _THRESHOLD = 0.35, 1.6, 1.2
_LOUD_MINUTES = 6


def give_metric(clients: Clients, name: str) -> None:
    """Make the alarm of that name, and three hours of its metric, above the threshold for the last minutes."""
    [metric] = alarm_event("ALARM", name=name)["detail"]["configuration"]["metrics"]
    stat = metric["metricStat"]
    named = {"Namespace": stat["metric"]["namespace"], "MetricName": stat["metric"]["name"]}
    dimensions = [{"Name": key, "Value": value} for key, value in stat["metric"]["dimensions"].items()]
    cloudwatch: Any = clients.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        ExtendedStatistic=stat["stat"],
        Period=stat["period"],
        EvaluationPeriods=3,
        Threshold=_THRESHOLD,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        Dimensions=dimensions,
        **named,
    )
    now = datetime.now(UTC)
    cloudwatch.put_metric_data(
        Namespace=named["Namespace"],
        MetricData=[
            {
                "MetricName": named["MetricName"],
                "Dimensions": dimensions,
                "Timestamp": now - timedelta(minutes=minutes),
                "Value": (_LOUD if minutes < _LOUD_MINUTES else _QUIET) + 0.05 * (minutes * 7 % 5),
            }
            for minutes in range(_MINUTES)
        ],
    )
