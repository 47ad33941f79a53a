"""What rules, the API and all who send events of their own have in common: names of types, and severities."""

from collections.abc import Mapping

ALERT = "ServiceNow Alert"
RECORD_REQUEST = "ServiceNow Record Request"
CHANGE_REQUEST = "ServiceNow Change Request"
CHANGE_RESULT = "ServiceNow Change Result"
"""The types of events that are the bridge's own; their schemas are in docs/schemas/."""

RECORD_CHANGED = "ServiceNow Record Changed"
"""The type of events that tell what changed in ServiceNow. The stack's rules of incidents take none of them."""

API_SOURCE = "servicenow-bridge.api"
"""The source of alerts that the API takes from callers; only the API sends these, and says who the caller is."""

SEVERITIES: Mapping[str, tuple[str, str]] = {
    "critical": ("1", "1"),
    "high": ("1", "2"),
    "medium": ("2", "2"),
    "low": ("2", "3"),
    "info": ("3", "3"),
}
"""Severity → impact and urgency, from which ServiceNow looks the priority up: 1, 2, 3, 4 and 5."""
