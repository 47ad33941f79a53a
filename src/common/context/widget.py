"""An alarm becomes the description of a graph that GetMetricWidgetImage draws. Pure.

docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Metric-Widget-Structure.html
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from common.masking import masking
from common.text import one_line

BEFORE = 3 * 3_600_000
"""Milliseconds before the firing with which a graph begins, and after it with which it ends at the latest."""

LEAST_AFTER = 15 * 60_000
"""Milliseconds after the firing that a graph shows at least, so that the moment stands apart from its edge."""

_MOST_METRICS = 100
_LONGEST_NAME = 120
_WIDTH, _HEIGHT = 1000, 400
_COMPARED = {
    "GreaterThanOrEqualToThreshold": ("≥", "above"),
    "GreaterThanThreshold": (">", "above"),
    "LessThanThreshold": ("<", "below"),
    "LessThanOrEqualToThreshold": ("≤", "below"),
}
_RED, _GREEN = "#d62728", "#2ca02c"


@dataclass(frozen=True, slots=True)
class Span:
    """What a graph shows, in milliseconds since the epoch; `ended` is None while the problem is there."""

    start: int
    end: int
    began: int
    ended: int | None

    @classmethod
    def of(cls, began: int, ended: int | None, now: int) -> "Span":
        """Return three hours before the firing and after it, as far as they have come; an episode as a whole."""
        latest = began + BEFORE if ended is None else ended + BEFORE
        end = min(latest, max(now, (began if ended is None else ended) + LEAST_AFTER))
        return cls(began - BEFORE, end, began, ended)


def widget_of(alarm: Mapping[str, Any], span: Span) -> str | None:
    """Return the widget of a metric alarm, as DescribeAlarms shows it; None where it has nothing that can be drawn."""
    metrics = list(_metrics(alarm))
    if not metrics or len(metrics) > _MOST_METRICS:
        return None
    widget: dict[str, Any] = {
        "metrics": metrics,
        "view": "timeSeries",
        "stacked": False,
        "title": _shown(alarm.get("AlarmName")),
        "width": _WIDTH,
        "height": _HEIGHT,
        "start": iso(span.start),
        "end": iso(span.end),
        "timezone": "+0000",
        "annotations": {"vertical": list(_moments(span)), "horizontal": list(_thresholds(alarm))},
    }
    return json.dumps(widget, ensure_ascii=False)


def iso(milliseconds: int) -> str:
    """Return a time in ISO 8601, UTC."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _metrics(alarm: Mapping[str, Any]) -> Iterator[list[Any]]:
    if alarm.get("MetricName"):
        yield _metric(
            alarm,
            {"stat": alarm.get("Statistic") or alarm.get("ExtendedStatistic") or "Average", "period": alarm["Period"]},
        )
    for query in alarm.get("Metrics", []):
        options = {"id": query["Id"], "visible": query.get("ReturnData", True)}
        if "Label" in query:
            options["label"] = _shown(query["Label"])
        if "AccountId" in query:
            options["accountId"] = query["AccountId"]
        if "Expression" in query:
            period = {"period": query["Period"]} if "Period" in query else {}
            yield [{"expression": query["Expression"], **options, **period}]
        elif "MetricStat" in query:
            stat = query["MetricStat"]
            yield _metric(stat["Metric"], {**options, "stat": stat["Stat"], "period": stat["Period"]})


def _metric(named: Mapping[str, Any], options: Mapping[str, Any]) -> list[Any]:
    dimensions = [part for one in named.get("Dimensions", []) for part in (one["Name"], one["Value"])]
    return [named.get("Namespace", ""), named["MetricName"], *dimensions, dict(options)]


def _moments(span: Span) -> Iterator[dict[str, Any]]:
    yield {"label": "ALARM", "value": iso(span.began), "color": _RED}
    if span.ended is not None:
        yield {"label": "OK", "value": iso(span.ended), "color": _GREEN}


def _thresholds(alarm: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the line of a threshold. That of an anomaly is a band, which is one of its metrics."""
    if "Threshold" in alarm:
        sign, side = _COMPARED.get(alarm.get("ComparisonOperator", ""), ("", "none"))
        label = f"{sign} {alarm['Threshold']:g}".strip()
        yield {"label": label, "value": alarm["Threshold"], "color": _RED, "fill": side}


def _shown(text: object) -> str:
    """Return a name as it may stand in a picture, in which nothing can be masked any more."""
    return masking().text(one_line(str(text or "")))[:_LONGEST_NAME]
