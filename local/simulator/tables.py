"""The tables and the records that a new instance has."""

import uuid
from collections.abc import Mapping

from .schema import BOOLEAN, DATETIME, INTEGER, JOURNAL, Field, Table, choice, reference, string

STATES = {"1": "New", "2": "In Progress", "3": "On Hold", "6": "Resolved", "7": "Closed", "8": "Canceled"}
_LEVELS = {"1": "1 - High", "2": "2 - Medium", "3": "3 - Low"}
_PRIORITIES = {"1": "1 - Critical", "2": "2 - High", "3": "3 - Moderate", "4": "4 - Low", "5": "5 - Planning"}
_CATEGORIES = {
    "inquiry": "Inquiry / Help",
    "software": "Software",
    "hardware": "Hardware",
    "network": "Network",
    "database": "Database",
}
_CLOSE_CODES = (
    "Solution provided",
    "Workaround provided",
    "Resolved by caller",
    "Resolved by change",
    "Resolved by problem",
    "Resolved by request",
    "Duplicate",
    "Known error",
    "No resolution provided",
    "User error",
)
_CONTACT_TYPES = {
    "email": "Email",
    "phone": "Phone",
    "self-service": "Self-service",
    "monitoring": "Monitoring",
}
_HOLD_REASONS = {
    "1": "Awaiting Caller",
    "5": "Awaiting Change",
    "3": "Awaiting Problem",
    "4": "Awaiting Vendor",
}
_SEVERITIES = {"0": "Clear", "1": "Critical", "2": "Major", "3": "Minor", "4": "Warning", "5": "OK"}

_TASK: Mapping[str, Field] = {
    "number": string(40),
    "short_description": string(160),
    "description": string(),
    "active": Field("boolean", default="true"),
    "impact": choice(_LEVELS, "3"),
    "urgency": choice(_LEVELS, "3"),
    "priority": choice(_PRIORITIES, "4"),
    "assignment_group": reference("sys_user_group"),
    "assigned_to": reference("sys_user"),
    "cmdb_ci": reference("cmdb_ci"),
    "contact_type": choice(_CONTACT_TYPES),
    "correlation_id": string(100),
    "correlation_display": string(100),
    "opened_at": DATETIME,
    "opened_by": reference("sys_user"),
    "closed_at": DATETIME,
    "closed_by": reference("sys_user"),
    "close_notes": string(label="Close notes"),
    "work_notes": JOURNAL,
    "comments": JOURNAL,
}
_EVENT: Mapping[str, Field] = {
    "source": string(100),
    "node": string(100),
    "resource": string(100),
    "metric_name": string(100),
    "type": string(100),
    "severity": choice(_SEVERITIES),
    "message_key": string(1024),
    "description": string(),
    "additional_info": string(),
}


def default_tables() -> dict[str, Table]:
    """Return the tables of a new instance by name."""
    tables = (
        Table("task", {**_TASK, "state": choice(STATES, "1")}, display="number", prefix="TASK"),
        Table("incident", _incident_fields(), "number", "INC", extends="task", views={"mobile": _MOBILE_VIEW}),
        Table("problem", {"close_code": string()}, "number", "PRB", 40001, extends="task"),
        Table("change_request", {"type": string(), "risk": string()}, "number", "CHG", 30001, extends="task"),
        Table("sys_user", _USER, display="name"),
        Table("sys_user_group", {"name": string(80), "description": string(), "active": _ACTIVE}, "name"),
        Table("cmdb_ci", _CONFIGURATION_ITEM, display="name"),
        Table("cmdb_ci_server", {"ip_address": string(255)}, extends="cmdb_ci"),
        Table("sys_journal_field", _JOURNAL_FIELD),
        Table(
            "sys_choice",
            {"name": string(), "element": string(), "value": string(), "label": string()},
            "label",
        ),
        Table("sys_attachment", _ATTACHMENT, display="file_name"),
        Table("sys_import_set", {"number": string(40), "table_name": string(80)}, "number", "ISET"),
        Table("em_event", {**_EVENT, **_EVENT_ONLY}),
        Table("em_alert", {**_EVENT, **_ALERT_ONLY}, "number", "Alert"),
    )
    return {table.name: table for table in tables}


def seed_id(table: str, name: str) -> str:
    """Return the sys_id of a record that every new instance has."""
    return uuid.uuid5(uuid.NAMESPACE_URL, f"{table}/{name}").hex


def seed_records() -> list[tuple[str, dict[str, str]]]:
    """Return the records of a new instance, each with its sys_id: users, groups, items and all choices."""
    records = [
        (
            "sys_user",
            user,
            {"user_name": user, "name": name, "email": f"{user}@example.com", "preferred_language": "en"},
        )
        for user, name in _USERS.items()
    ]
    records += [("sys_user_group", name, {"name": name}) for name in _GROUPS]
    records += [(table, row["name"], row) for table, row in _ITEMS]
    records += [
        ("sys_choice", f"{table.name}.{element}.{value}", _choice_row(table.name, element, value, label))
        for table in default_tables().values()
        for element, column in table.fields.items()
        for value, label in column.choices.items()
    ]
    return [(table, {**row, "sys_id": seed_id(table, key)}) for table, key, row in records]


def _choice_row(table: str, element: str, value: str, label: str) -> dict[str, str]:
    return {"name": table, "element": element, "value": value, "label": label}


_USERS = {
    "admin": "System Administrator",
    "guest": "Guest",
    "aws.bridge": "AWS Bridge",
    "abel.tuter": "Abel Tuter",
}
_GROUPS = ("Cloud Operations", "Database", "Network", "Service Desk")
_PAYMENTS = "arn:aws:ecs:eu-central-1:123456789012:service/payments"
_ITEMS = (
    ("cmdb_ci", {"name": "payments-api", "correlation_id": _PAYMENTS}),
    (
        "cmdb_ci_server",
        {"name": "orders-db", "correlation_id": "i-0123456789abcdef0", "ip_address": "10.0.0.12"},
    ),
)
_ACTIVE = Field("boolean", default="true")
_USER: Mapping[str, Field] = {
    "user_name": string(40),
    "name": string(151),
    "first_name": string(50),
    "last_name": string(50),
    "email": string(100),
    "manager": reference("sys_user"),
    "active": _ACTIVE,
    "locked_out": BOOLEAN,
    "preferred_language": string(3),
}
_CONFIGURATION_ITEM: Mapping[str, Field] = {
    "name": string(255),
    "correlation_id": string(1000),
    "support_group": reference("sys_user_group"),
    "operational_status": choice({"1": "Operational", "2": "Non-Operational"}, "1"),
}
_JOURNAL_FIELD: Mapping[str, Field] = {
    "name": string(80),
    "element": string(80),
    "element_id": string(32),
    "value": string(65000),
}
_ATTACHMENT: Mapping[str, Field] = {
    "file_name": string(100),
    "content_type": string(255),
    "table_name": string(80),
    "table_sys_id": string(32),
    "size_bytes": string(),
    "download_link": string(),
    "hash": string(64),
}
_EVENT_ONLY: Mapping[str, Field] = {
    "event_class": string(100),
    "time_of_event": DATETIME,
    "resolution_state": string(40),
    "state": choice({"Ready": "Ready", "Processed": "Processed", "Error": "Error"}, "Processed"),
    "alert": reference("em_alert"),
}
_ALERT_ONLY: Mapping[str, Field] = {
    "number": string(40),
    "state": choice({"Open": "Open", "Reopen": "Reopen", "Closed": "Closed"}, "Open"),
    "event_count": INTEGER,
    "initial_event_time": DATETIME,
    "last_event_time": DATETIME,
    "incident": reference("incident"),
}
_MOBILE_VIEW = ("number", "short_description", "state", "priority", "sys_id")


def _incident_fields() -> dict[str, Field]:
    return {
        "state": choice(STATES, "1"),
        "incident_state": choice(STATES, "1"),
        "category": choice(_CATEGORIES, "inquiry"),
        "subcategory": string(40),
        "caller_id": reference("sys_user"),
        "business_service": reference("cmdb_ci"),
        "severity": choice(_LEVELS, "3"),
        "hold_reason": choice(_HOLD_REASONS),
        "close_code": choice({code: code for code in _CLOSE_CODES}, label="Resolution code"),
        "resolved_at": DATETIME,
        "resolved_by": reference("sys_user"),
        "reopen_count": INTEGER,
        "reopened_time": DATETIME,
        "problem_id": reference("problem"),
        "parent_incident": reference("incident"),
    }
