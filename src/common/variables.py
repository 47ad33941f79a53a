"""What each variable of an environment may hold, and what to set it to where it holds something else.

Each function notes mistakes in the reader; what it returns is of use once the reader was checked.
"""

import re
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
    return {
        "instance_host": reader.text(
            "SERVICENOW_INSTANCE_HOST", _HOST, "the host name alone, lower case, such as example.service-now.com"
        ),
        "secret_id": reader.text("SERVICENOW_SECRET_ID", _ANY_TEXT, "the ARN of the secret"),
        "token_parameter": reader.text("TOKEN_PARAMETER", _PARAMETER_NAME, "an SSM parameter name that starts with /"),
        "token_key_id": reader.text("TOKEN_KEY_ID", _ANY_TEXT, "the ARN of the KMS key"),
        "token_tier": reader.text("TOKEN_TIER", _TIER, "Standard or Intelligent-Tiering, or leave it out", "Standard"),
        "oauth_scope": reader.text("OAUTH_SCOPE", _ANY_TEXT, "scopes separated by blanks, or leave it out", ""),
        "oauth_token_path": reader.text(
            "OAUTH_TOKEN_PATH", _TOKEN_PATH, "a path such as /oauth_token.do", "/oauth_token.do"
        ),
        "certificate_authorities": reader.text(
            "CERTIFICATE_AUTHORITIES", _CERTIFICATES, "certificates in PEM form, or leave it out", ""
        ).replace("\\n", "\n"),
        "proxy_url": reader.text("PROXY_URL", _PROXY_URL, "http://host:port, or leave it out", ""),
    }


def ledger(reader: Reader) -> dict[str, Any]:
    """Read the parts of LedgerSettings."""
    return {
        **access(reader),
        "ledger_table": reader.text("LEDGER_TABLE", _ANY_TEXT, "the name of the DynamoDB table"),
        "deployment": reader.text("DEPLOYMENT", _ANY_TEXT, "a name that no other stack uses, such as its name"),
    }


def queues(reader: Reader) -> dict[str, Any]:
    """Read the parts of QueueSettings."""
    return {
        **ledger(reader),
        "queue_url": reader.text("QUEUE_URL", _QUEUE_URL, "the URL of the event queue"),
        "dead_letter_queue_url": reader.text("DEAD_LETTER_QUEUE_URL", _QUEUE_URL, "the URL of the dead-letter queue"),
    }


def desk(reader: Reader) -> dict[str, Any]:
    """Read the parts of DeskSettings but for changes and windows, which not all functions are told of."""
    return {
        **queues(reader),
        "close_code": reader.text("CLOSE_CODE", _ANY_TEXT, "a resolution code", "Solution provided"),
        "shadow_mode": reader.switch("SHADOW_MODE"),
        "mask_records": reader.switch("MASK_RECORDS"),
        "allowed_tables": allowed_tables(reader),
    }


def allowed_tables(reader: Reader) -> tuple[str, ...]:
    """Read the tables that rules may write besides incidents."""
    advice = "names of tables separated by commas, or leave it out"
    tables = reader.text("ALLOWED_TABLES", _NAMES, advice, "").split(",")
    reader.refuse("ALLOWED_TABLES", [name for name in tables if _SENSITIVE.fullmatch(name)], "leave out")
    return tuple(filter(None, tables))


def actions(reader: Reader) -> dict[str, Any]:
    """Read which of AWS's own objects follow what people do in ServiceNow."""
    return {"record_actions": _listed(reader, "RECORD_ACTIONS", _ACTIONS, "names of actions separated by commas")}


def users(reader: Reader) -> frozenset[str]:
    """Read the user names of those who change records and are no people."""
    return _listed(reader, "INTEGRATION_USERS", _ANY_TEXT, "user names separated by commas")


def place(reader: Reader) -> dict[str, Any]:
    """Read where in AWS a function stands."""
    advice = "partition/account/region, such as aws/123456789012/eu-west-1"
    parts = reader.text("OWN_PLACE", _PLACE, advice).split("/")
    return dict(zip(("partition", "account", "region"), [*parts, "", "", ""], strict=False))


def member(reader: Reader) -> dict[str, Any]:
    """Read the name of the role in other accounts, and what its trust asks for."""
    return {
        "member_role_name": reader.text("MEMBER_ROLE_NAME", _ANY_TEXT, "the name of a role, or leave it out", ""),
        "member_role_external_id": reader.text(
            "MEMBER_ROLE_EXTERNAL_ID", _ANY_TEXT, "the external id of that role's trust, or leave it out", ""
        ),
    }


def look_ups(reader: Reader) -> dict[str, Any]:
    """Read what is looked up about an event before its record opens."""
    advice = "none, resources or accounts, a comma, and true or false"
    tags, _, items = reader.text("LOOK_UPS", _LOOK_UPS, advice, "none,false").partition(",")
    return {"tag_lookups": tags, "finds_items": items == "true", **member(reader)}


def time_zone(reader: Reader) -> tzinfo | None:
    """Read the time zone of the readers, None where texts tell UTC alone."""
    advice = "the name of a time zone such as Europe/Berlin, or leave it out"
    name = reader.text("TIME_ZONE", _ZONE, advice, "")
    if not _ZONE.fullmatch(name):
        return None
    from zoneinfo import ZoneInfo  # noqa: PLC0415 (no start has to wait for what is not asked for)

    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        reader.mistakes.append(f"TIME_ZONE names no time zone that is known: set it to {advice}.")
        return None


def gate(reader: Reader) -> str:
    """Read where a look at a change is asked for; empty where none are opened."""
    return reader.text("ACTIONS_QUEUE_URL", _QUEUE_URL, "the URL of the queue of actions", "")


def bus(reader: Reader) -> dict[str, Any]:
    """Read where events are put, and in whose name."""
    return {
        "event_bus": reader.text("EVENT_BUS", _ANY_TEXT, "the name of an event bus"),
        "event_source": reader.text("EVENT_SOURCE", _ANY_TEXT, "servicenow-bridge. and the name of the stack"),
    }


def topics(reader: Reader) -> frozenset[str]:
    """Read the ARNs of the topics whose messages are taken."""
    return _listed(reader, "SNS_TOPICS", _TOPICS, "ARNs of topics separated by commas")


def follow_ups(reader: Reader) -> frozenset[str]:
    """Read what may be added to records that are open."""
    return _listed(reader, "FOLLOW_UPS", _FOLLOW_UPS, "some of graph,log,events")


def switched_on(reader: Reader) -> dict[str, Any]:
    """Read which parts of the stack are on that the doctor looks at: one variable, since its environment is full."""
    names = _listed(reader, "SWITCHED_ON", _SWITCHES, "some of access-logs,watch,gate,changes,graph,log,events")
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
    advice = "the URL of the queue of follow-ups"
    url = reader.text("FOLLOW_UP_QUEUE_URL", _QUEUE_URL, advice, None if kinds else "")
    return {"follow_ups": kinds, "follow_up_queue_url": url}


def expression(reader: Reader, name: str) -> str:
    """Read a regular expression."""
    text = reader.text(name, _ANY_TEXT, "a regular expression, or leave it out", "")
    try:
        re.compile(text)
    except re.PatternError:
        reader.mistakes.append(f"{name} is no regular expression of Python: correct it, or leave it out.")
    return text


def number(reader: Reader, name: str, default: str) -> int:
    """Read a whole number."""
    value = reader.text(name, _COUNT, "a whole number", default)
    return int(value) if _COUNT.fullmatch(value) else 0


def choice(reader: Reader, name: str, default: str, other: str) -> str:
    """Read one of two words."""
    return reader.text(name, re.compile(f"{default}|{other}"), f"{default} or {other}", default)


def windows(reader: Reader) -> dict[str, Any]:
    """Read whose events callers may quiet, and for how many hours at most."""
    value = reader.text("API_WINDOWS", _REACH, "off, account or all, and hours such as account/24", "off")
    found = _REACH.fullmatch(value)
    return {"windows": found[1], "window_hours": int(found[2] or 24)} if found else {}


def webhooks(reader: Reader) -> dict[str, Any]:
    """Read whose webhooks are taken, and which secret holds theirs."""
    sources = _listed(reader, "WEBHOOK_SOURCES", _SOURCES, "names of sources separated by commas")
    secret = reader.text("WEBHOOK_SECRET_ID", _ANY_TEXT, "the ARN of the secret", None if sources else "")
    return {"webhook_sources": sources, "webhook_secret_id": secret}


def _listed(reader: Reader, name: str, pattern: re.Pattern[str], advice: str) -> frozenset[str]:
    return frozenset(filter(None, reader.text(name, pattern, advice, "").split(",")))


def roles(reader: Reader, name: str) -> frozenset[str]:
    """Read the ARNs of roles and users of a variable."""
    return _listed(reader, name, _ARNS, "ARNs of roles")


def requestable(reader: Reader) -> dict[str, tuple[str, ...]]:
    """Read the fields that callers of the API may write, by table; those of `incident` always."""
    fields = reader.text("API_INCIDENT_FIELDS", _NAMES, "names of fields separated by commas", _INCIDENT_FIELDS)
    advice = "table:field,field;table:field or leave it out"
    tables = _tables(reader.text("API_TABLES", _TABLES, advice, ""))
    sensitive = _tables(reader.text("API_SENSITIVE_TABLES", _TABLES, advice, ""))
    reader.refuse("API_TABLES", [name for name in tables if _SENSITIVE.fullmatch(name)], "move to API_SENSITIVE_TABLES")
    for name, listed in (("API_TABLES", tables), ("API_SENSITIVE_TABLES", sensitive)):
        reader.refuse(name, sorted(_UNDOING & listed.keys()), "use the routes of incidents instead of")
    return {"incident": tuple(fields.split(",")), **tables, **sensitive}


def _tables(text: str) -> dict[str, tuple[str, ...]]:
    pairs = (entry.partition(":") for entry in text.split(";") if entry)
    return {table: tuple(fields.split(",")) for table, _, fields in pairs}
