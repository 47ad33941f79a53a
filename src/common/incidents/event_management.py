"""Event Management as a target: what an alert becomes as an event of the table em_event.

ServiceNow itself folds events of one `message_key` into one alert, and closes it when a closing event arrives.
Fields: ServiceNow's documentation of the Event Management inbound web service (docs/servicenow-facts.toml).
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from common.incidents.event_columns import metric_of, node_of, source_of
from common.incidents.expressions import Expression
from common.incidents.fields import inert_fields, inert_note, shorten

SEVERITY_OF_EVENTS: Mapping[str, str] = {"critical": "1", "high": "2", "medium": "3", "low": "4", "info": "5"}
"""Severity → critical, major, minor, warning, OK."""

CLEAR = "0"
RECOVERED = "5"
"""The severities of a closing event, and of one that tells of a recovery but leaves the alert open."""

_COLUMNS = ("source", "event_class", "node", "resource", "type", "metric_name")
_LONGEST_COLUMN = 100
_LONGEST_INFO = 3700  # of 4000: what tells the bridge its own events comes on top
_RESOURCE = Expression.parse("resources[0]")


def event_fields(fields: Mapping[str, str], event: Mapping[str, Any], rule: str, severity: str) -> dict[str, str]:
    """Return the fields of an Event Management event.

    `fields` are the rendered ones of the rule: columns of em_event are taken as they are, the two descriptions become
    one, and everything else travels in `additional_info`, where alert rules of ServiceNow can use it.
    """
    arn = _RESOURCE.text(event)
    defaults = {
        "source": source_of(event),
        "event_class": event["source"],
        "node": node_of(event),
        "resource": arn,
        "type": event["detail-type"],
        "metric_name": metric_of(event),
    }
    columns = inert_fields({name: fields.get(name) or defaults[name] for name in _COLUMNS})
    described = "\n".join(filter(None, (fields.get("short_description"), fields.get("description"))))
    apart = {"short_description", "description", "impact", "urgency", "severity", *_COLUMNS}
    others = {name: inert_note(text) for name, text in fields.items() if name not in apart}
    info = {"rule": rule, "account": event["account"], "region": event["region"], "resource_arn": arn, **others}
    return {
        **{name: shorten(text, _LONGEST_COLUMN) for name, text in columns.items()},
        "severity": fields.get("severity") or severity,
        **inert_fields({"description": described}),
        "additional_info": _bounded({name: text for name, text in info.items() if text}),
    }


def event_time(milliseconds: int) -> str:
    """Return milliseconds since the epoch the way Event Management writes times: UTC, to the second."""
    return datetime.fromtimestamp(milliseconds // 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _bounded(info: dict[str, str]) -> str:
    """Return the object as JSON that fits its column: the last fields are left out where it would not."""
    while len(text := json.dumps(info, ensure_ascii=False)) > _LONGEST_INFO:
        info.popitem()
    return text
