"""What each variable of an environment may hold, and what to set it to where it holds something else.

Each function notes mistakes in the reader; what it returns is of use once the reader was checked.
"""

import re
from collections.abc import Callable
from datetime import tzinfo
from typing import Any

from common.environment import Reader

_PORT = r":([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"(?=.{{1,255}}$){_LABEL}(\.{_LABEL})*({_PORT})?")
_TOKEN_PATH = re.compile(r"/[A-Za-z0-9._~/-]{1,200}")
_TIER = re.compile(r"Standard|Intelligent-Tiering")
_PARAMETER_NAME = re.compile(r"/[A-Za-z0-9._/-]{1,1000}")
_QUEUE_URL = re.compile(r"https?://[^\s]+")
_PROXY_URL = re.compile(rf"https?://{_LABEL}(\.{_LABEL})*({_PORT})?", re.IGNORECASE | re.ASCII)
_ANY_TEXT = re.compile(r"[^\x00-\x1f]+")
_CERTIFICATES = re.compile(r"(\s|\\n)*-----BEGIN CERTIFICATE-----.+-----END CERTIFICATE-----(\s|\\n)*", re.DOTALL)
_REACH = re.compile(r"(off|account|all)(?:/([1-9][0-9]?))?")
_COUNT = re.compile(r"[0-9]{1,6}")
_NAME = r"[a-z][a-z0-9_]{0,79}"
_NAMES = re.compile(rf"{_NAME}(,{_NAME})*")
_TABLES = re.compile(rf"{_NAME}:{_NAME}(,{_NAME})*(;{_NAME}:{_NAME}(,{_NAME})*)*")
# Whoever writes these tables changes who may do what, what runs, or how the instance is reached.
_SENSITIVE = re.compile(
    r"(sys|oauth|ecc|saml2|ldap|kmf|jwt|discovery)_[a-z0-9_]*|[a-z0-9_]*(credential|password|certificate)[a-z0-9_]*"
)
_UNDOING = frozenset({"incident", "task"})
_ARN = r"arn:[a-z0-9-]+:iam::[0-9]{12}:(role|user)/[A-Za-z0-9+=.@_/-]{1,576}"
_ARNS = re.compile(rf"{_ARN}(,{_ARN})*")
SOURCE = re.compile(r"[a-z][a-z0-9-]{0,39}")
"""What the name of a source of webhooks looks like."""

_ACTIONS = re.compile(r"[a-z]{1,40}(,[a-z]{1,40})*")
_PLACE = re.compile(r"aws[a-z-]*/[0-9]{12}/[a-z0-9-]{1,40}")
_LOOK_UPS = re.compile(r"(none|resources|accounts),(true|false)")
_SOURCES = re.compile(rf"{SOURCE.pattern}(,{SOURCE.pattern})*")
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}")
_TOPIC = r"arn:[a-z0-9-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_.-]{1,256}"
_TOPICS = re.compile(rf"{_TOPIC}(,{_TOPIC})*")
_FOLLOW_UP = "(graph|log|events)"
_FOLLOW_UPS = re.compile(rf"{_FOLLOW_UP}(,{_FOLLOW_UP})*")
_SWITCH_NAME = "(access-logs|watch|gate|changes|graph|log|events)"
_SWITCHES = re.compile(rf"{_SWITCH_NAME}(,{_SWITCH_NAME})*")
_INCIDENT_FIELDS = (
    "short_description,description,impact,urgency,category,subcategory,assignment_group,assigned_to,"
    "cmdb_ci,business_service,service_offering,caller_id,contact_type,company,location"
)


def access(reader: Reader) -> dict[str, Any]:
    """Read the parts of AccessSettings."""
    text: Callable[..., str] = reader.text
    return {
        "instance_host": text(
            "SERVICENOW_INSTANCE_HOST",
            _HOST,
            "set it to the host name alone, lower case, such as example.service-now.com",
        ),
        "secret_id": text("SERVICENOW_SECRET_ID", _ANY_TEXT, "set it to the ARN of the secret"),
        "token_parameter": text(
            "TOKEN_PARAMETER", _PARAMETER_NAME, "set it to an SSM parameter name that starts with /"
        ),
        "token_key_id": text("TOKEN_KEY_ID", _ANY_TEXT, "set it to the ARN of the KMS key"),
        "token_tier": text(
            "TOKEN_TIER", _TIER, "set it to Standard or Intelligent-Tiering, or leave it out", "Standard"
        ),
        "oauth_scope": text("OAUTH_SCOPE", _ANY_TEXT, "set it to scopes separated by blanks, or leave it out", ""),
        "oauth_token_path": text(
            "OAUTH_TOKEN_PATH", _TOKEN_PATH, "set it to a path such as /oauth_token.do", "/oauth_token.do"
        ),
        "certificate_authorities": text(
            "CERTIFICATE_AUTHORITIES",
            _CERTIFICATES,
            "set it to certificates in PEM form, or leave it out",
            "",
        ).replace("\\n", "\n"),
        "proxy_url": text("PROXY_URL", _PROXY_URL, "set it to http://host:port, or leave it out", ""),
    }


def ledger(reader: Reader) -> dict[str, Any]:
    """Read where the ledger is, and by which name the deployment goes in it."""
    text: Callable[..., str] = reader.text
    return {
        "ledger_table": text("LEDGER_TABLE", _ANY_TEXT, "set it to the name of the DynamoDB table"),
        "deployment": text("DEPLOYMENT", _ANY_TEXT, "set it to a name that no other stack uses, such as its name"),
    }


def actions(reader: Reader) -> dict[str, Any]:
    """Read which of AWS's own objects follow what people do in ServiceNow."""
    listed = reader.text("RECORD_ACTIONS", _ACTIONS, "set it to names of actions separated by commas", "")
    return {"record_actions": _listed(listed)}


def users(reader: Reader) -> frozenset[str]:
    """Read the user names of those who change records and are no people."""
    return _listed(reader.text("INTEGRATION_USERS", _ANY_TEXT, "set it to user names separated by commas", ""))


def place(reader: Reader) -> dict[str, Any]:
    """Read where in AWS a function stands."""
    advice = "set it to partition/account/region, such as aws/123456789012/eu-west-1"
    parts = reader.text("OWN_PLACE", _PLACE, advice).split("/")
    return dict(zip(("partition", "account", "region"), [*parts, "", "", ""], strict=False))


def member(reader: Reader) -> dict[str, Any]:
    """Read the name of the role in other accounts, and what its trust asks for."""
    text: Callable[..., str] = reader.text
    return {
        "member_role_name": text("MEMBER_ROLE_NAME", _ANY_TEXT, "set it to the name of a role, or leave it out", ""),
        "member_role_external_id": text(
            "MEMBER_ROLE_EXTERNAL_ID", _ANY_TEXT, "set it to the external id of that role's trust, or leave it out", ""
        ),
    }


def look_ups(reader: Reader) -> dict[str, Any]:
    """Read what is looked up about an event before its record opens."""
    advice = "set it to none, resources or accounts, a comma, and true or false"
    tags, _, items = reader.text("LOOK_UPS", _LOOK_UPS, advice, "none,false").partition(",")
    return {"tag_lookups": tags, "finds_items": items == "true", **member(reader)}


def desk(reader: Reader) -> dict[str, Any]:
    """Read how records are written."""
    return {
        "close_code": reader.text("CLOSE_CODE", _ANY_TEXT, "set it to a resolution code", "Solution provided"),
        "shadow_mode": reader.switch("SHADOW_MODE"),
        "mask_records": reader.switch("MASK_RECORDS"),
    }


def time_zone(reader: Reader) -> tzinfo | None:
    """Read the time zone of the readers, None where texts tell UTC alone."""
    advice = "set it to the name of a time zone such as Europe/Berlin, or leave it out"
    name = reader.text("TIME_ZONE", _ZONE, advice, "")
    if not _ZONE.fullmatch(name):
        return None
    from zoneinfo import ZoneInfo  # noqa: PLC0415 (no start has to wait for what is not asked for)

    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        reader.mistakes.append(f"TIME_ZONE names no time zone that is known: {advice}.")
        return None


def queues(reader: Reader) -> dict[str, Any]:
    """Read the addresses of both queues."""
    text: Callable[..., str] = reader.text
    return {
        "queue_url": text("QUEUE_URL", _QUEUE_URL, "set it to the URL of the event queue"),
        "dead_letter_queue_url": text(
            "DEAD_LETTER_QUEUE_URL", _QUEUE_URL, "set it to the URL of the dead-letter queue"
        ),
    }


def gate(reader: Reader) -> str:
    """Read where a look at a change is asked for; empty where none are opened."""
    return reader.text("ACTIONS_QUEUE_URL", _QUEUE_URL, "set it to the URL of the queue of actions", "")


def bus(reader: Reader) -> dict[str, Any]:
    """Read where events are put, and in whose name."""
    text: Callable[..., str] = reader.text
    return {
        "event_bus": text("EVENT_BUS", _ANY_TEXT, "set it to the name of an event bus"),
        "event_source": text("EVENT_SOURCE", _ANY_TEXT, "set it to servicenow-bridge. and the name of the stack"),
    }


def topics(reader: Reader) -> frozenset[str]:
    """Read the ARNs of the topics whose messages are taken."""
    return _listed(reader.text("SNS_TOPICS", _TOPICS, "set it to ARNs of topics separated by commas", ""))


def follow_ups(reader: Reader) -> frozenset[str]:
    """Read what may be added to records that are open."""
    return _listed(reader.text("FOLLOW_UPS", _FOLLOW_UPS, "set it to some of graph,log,events", ""))


def switched_on(reader: Reader) -> dict[str, Any]:
    """Read which parts of the stack are on that the doctor looks at: one variable, since its environment is full."""
    names = _listed(
        reader.text("SWITCHED_ON", _SWITCHES, "set it to some of access-logs,watch,gate,changes,graph,log,events", "")
    )
    return {
        "access_logging": "access-logs" in names,
        "watches_records": "watch" in names,
        "change_gate": "gate" in names,
        "change_windows": "changes" in names,
        "follow_ups": names - {"access-logs", "watch", "gate", "changes"},
    }


def follow_up_queue(reader: Reader) -> dict[str, Any]:
    """Read the same, and the address of the queue by which it is asked for."""
    kinds = follow_ups(reader)
    advice = "set it to the URL of the queue of follow-ups"
    url = reader.text("FOLLOW_UP_QUEUE_URL", _QUEUE_URL, advice, None if kinds else "")
    return {"follow_ups": kinds, "follow_up_queue_url": url}


def expression(reader: Reader, name: str) -> str:
    """Read a regular expression."""
    text = reader.text(name, _ANY_TEXT, "set it to a regular expression, or leave it out", "")
    try:
        re.compile(text)
    except re.PatternError:
        reader.mistakes.append(f"{name} is no regular expression of Python: correct it, or leave it out.")
    return text


def number(reader: Reader, name: str, default: str) -> int:
    """Read a whole number."""
    value = reader.text(name, _COUNT, "set it to a whole number", default)
    return int(value) if _COUNT.fullmatch(value) else 0


def choice(reader: Reader, name: str, default: str, other: str) -> str:
    """Read one of two words."""
    return reader.text(name, re.compile(f"{default}|{other}"), f"set it to {default} or {other}", default)


def windows(reader: Reader) -> dict[str, Any]:
    """Read whose events callers may quiet, and for how many hours at most."""
    value = reader.text("API_WINDOWS", _REACH, "set it to off, account or all, and hours such as account/24", "off")
    found = _REACH.fullmatch(value)
    return {"windows": found[1], "window_hours": int(found[2] or 24)} if found else {}


def allowed_tables(reader: Reader) -> tuple[str, ...]:
    """Read the tables that rules may write besides incidents."""
    advice = "set it to names of tables separated by commas, or leave it out"
    tables = reader.text("ALLOWED_TABLES", _NAMES, advice, "").split(",")
    reader.refuse("ALLOWED_TABLES", [name for name in tables if _SENSITIVE.fullmatch(name)], "leave out")
    return tuple(filter(None, tables))


def webhooks(reader: Reader) -> dict[str, Any]:
    """Read whose webhooks are taken, and which secret holds theirs."""
    sources = reader.text("WEBHOOK_SOURCES", _SOURCES, "set it to names of sources separated by commas", "")
    secret = reader.text("WEBHOOK_SECRET_ID", _ANY_TEXT, "set it to the ARN of the secret", None if sources else "")
    return {"webhook_sources": _listed(sources), "webhook_secret_id": secret}


def _listed(text: str) -> frozenset[str]:
    return frozenset(filter(None, text.split(",")))


def roles(reader: Reader, name: str) -> frozenset[str]:
    """Read the ARNs of roles and users of a variable."""
    return _listed(reader.text(name, _ARNS, "set it to ARNs of roles", ""))


def requestable(reader: Reader) -> dict[str, tuple[str, ...]]:
    """Read the fields that callers of the API may write, by table; those of `incident` always."""
    text: Callable[..., str] = reader.text
    fields = text("API_INCIDENT_FIELDS", _NAMES, "set it to names of fields separated by commas", _INCIDENT_FIELDS)
    advice = "set it to table:field,field;table:field or leave it out"
    tables = _tables(text("API_TABLES", _TABLES, advice, ""))
    sensitive = _tables(text("API_SENSITIVE_TABLES", _TABLES, advice, ""))
    reader.refuse("API_TABLES", [name for name in tables if _SENSITIVE.fullmatch(name)], "move to API_SENSITIVE_TABLES")
    for name, listed in (("API_TABLES", tables), ("API_SENSITIVE_TABLES", sensitive)):
        reader.refuse(name, sorted(_UNDOING & listed.keys()), "use the routes of incidents instead of")
    return {"incident": tuple(fields.split(",")), **tables, **sensitive}


def _tables(text: str) -> dict[str, tuple[str, ...]]:
    pairs = (entry.partition(":") for entry in text.split(";") if entry)
    return {table: tuple(fields.split(",")) for table, _, fields in pairs}
