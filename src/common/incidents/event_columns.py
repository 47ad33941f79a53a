"""What an event is about, in the columns of Event Management: source, node, metric.

ServiceNow's page on event fields: the source is the software that generated the event, the node the host name, address
or other name of the machine or resource that it happened on, the metric name that of what was measured.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from common.incidents.own_events import API_SOURCE

_AWS = "aws."
_ALARMS = re.compile(r"arn:[a-z0-9-]+:cloudwatch:[^:]*:[^:]*:alarm:")
# Names by which AWS's events and metrics call the thing that they are about, the most telling first.
_NODE_NAMES = (
    "instanceid",
    "ec2instanceid",
    "hostname",
    "host",
    "privatednsname",
    "ipaddress",
    "dbinstanceidentifier",
    "dbclusteridentifier",
    "cacheclusterid",
    "functionname",
    "loadbalancer",
    "servicename",
    "clustername",
    "queuename",
    "tablename",
    "resourceid",
)


def source_of(event: Mapping[str, Any]) -> str:
    """Return the software that generated the event: AWS, an application of one's own, or a caller of the API."""
    source = str(event["source"])
    if source.startswith(_AWS):
        return "AWS"
    origin = event["detail"].get("origin")
    return origin if source == API_SOURCE and isinstance(origin, str) and origin else source


def node_of(event: Mapping[str, Any]) -> str:
    """Return the host name, address or resource id that the event is about; empty where it names none.

    An alarm's own name and the account are none: the alarm's dimensions tell what it watches.
    """
    detail = event["detail"]
    named: dict[str, str] = {}
    others: list[str] = []
    for dimensions in (metric.get("dimensions") for metric in _metrics(detail)):
        if isinstance(dimensions, dict):
            named = {**_plain(dimensions), **named}
            others += [value for value in dimensions.values() if isinstance(value, str)]
    named |= _plain(detail)
    best = next((named[name] for name in _NODE_NAMES if named.get(name)), "")
    return best or _resource_id(event) or next(iter(others), "")


def metric_of(event: Mapping[str, Any]) -> str:
    """Return the name of the first metric that an alarm watches; empty where there is none."""
    names = (metric.get("name") for metric in _metrics(event["detail"]))
    return next((name for name in names if isinstance(name, str) and name), "")


def _metrics(detail: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    configuration = detail.get("configuration")
    metrics = configuration.get("metrics") if isinstance(configuration, dict) else None
    for entry in metrics if isinstance(metrics, list) else []:
        stat = entry.get("metricStat") if isinstance(entry, dict) else None
        metric = stat.get("metric") if isinstance(stat, dict) else None
        if isinstance(metric, dict):
            yield metric


def _plain(values: Mapping[str, Any]) -> dict[str, str]:
    """Return the texts of an object by their names in small letters without hyphens and underscores."""
    return {re.sub(r"[-_]", "", name).lower(): value for name, value in values.items() if isinstance(value, str)}


def _resource_id(event: Mapping[str, Any]) -> str:
    resources = event.get("resources")
    arn = resources[0] if isinstance(resources, list) and resources else ""
    if not isinstance(arn, str) or _ALARMS.match(arn):
        return ""
    return re.split(r"[:/]", arn)[-1]
