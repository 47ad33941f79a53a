"""The environment of a function, read once into one frozen, validated value."""

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from common.environment import Reader
from common.stored_settings import stored_names

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
_COUNT = re.compile(r"[0-9]{1,6}")
_NAME = r"[a-z][a-z0-9_]{0,79}"
_NAMES = re.compile(rf"{_NAME}(,{_NAME})*")
_TABLES = re.compile(rf"{_NAME}:{_NAME}(,{_NAME})*(;{_NAME}:{_NAME}(,{_NAME})*)*")
# Whoever writes these tables changes who may do what, what runs, or how the instance is reached.
_SENSITIVE = re.compile(
    r"(sys|oauth|ecc|saml2|ldap|kmf|jwt|discovery)_[a-z0-9_]*|[a-z0-9_]*(credential|password|certificate)[a-z0-9_]*"
)
_UNDOING = frozenset({"incident", "task"})
_INCIDENTS = re.compile(r"own|all")
_CHANGES = re.compile(r"everybody|opener")
_ARN = r"arn:[a-z0-9-]+:iam::[0-9]{12}:(role|user)/[A-Za-z0-9+=.@_/-]{1,576}"
_ARNS = re.compile(rf"{_ARN}(,{_ARN})*")
_SOURCE = r"[a-z][a-z0-9-]{0,39}"
_SOURCES = re.compile(rf"{_SOURCE}(,{_SOURCE})*")
_TOPIC = r"arn:[a-z0-9-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_.-]{1,256}"
_TOPICS = re.compile(rf"{_TOPIC}(,{_TOPIC})*")
_INCIDENT_FIELDS = (
    "short_description,description,impact,urgency,category,subcategory,assignment_group,assigned_to,"
    "cmdb_ci,business_service,service_offering,caller_id,contact_type,company,location"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessSettings:
    """What it takes to get an access token, and to reach the instance with it. None of it is secret."""

    instance_host: str
    secret_id: str
    token_parameter: str
    token_key_id: str
    token_tier: str = "Standard"  # noqa: S105 (of the parameter)
    oauth_scope: str = ""
    oauth_token_path: str = "/oauth_token.do"  # noqa: S105 (a path, not a password)
    certificate_authorities: str = ""
    proxy_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(AccessSettings):
    """Everything that a deployment can choose.

    `allowed_tables` are those that rules may write besides incidents; `requestable` holds the fields by table that
    record requests may ask for: those that callers of the API may write. `sns_topics` are the ARNs of those whose
    messages are taken.
    """

    ledger_table: str
    queue_url: str
    dead_letter_queue_url: str
    deployment: str
    close_code: str = "Solution provided"
    shadow_mode: bool = False
    mask_records: bool = False
    allowed_tables: tuple[str, ...] = ()
    requestable: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sns_topics: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorSettings(Settings):
    """The same, and what else the doctor looks at: access logs, its share of functions, what is stored, what is on.

    `rotation_days` are those from one rotation of the client secret to the next, 0 for none.
    """

    access_logging: bool = False
    maximum_concurrency: int = 5
    rotation_days: int = 0
    stored: tuple[str, ...] = ()
    webhook_sources: frozenset[str] = frozenset()
    webhook_secret_id: str = ""
    watches_records: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchSettings(AccessSettings):
    """What the watch function can be told.

    It puts events of `event_source` on `event_bus`, about incidents and records of `allowed_tables`.
    """

    ledger_table: str
    deployment: str
    event_bus: str
    event_source: str
    shadow_mode: bool = False
    allowed_tables: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSettings(AccessSettings):
    """What the API function can be told. `tables` holds the fields of each table that callers may use.

    `requests_per_caller` is how many requests a minute one may send, 0 where nobody counts them; `health_readers` see
    what deep health found.
    `allowed_tables` are those that rules may write besides incidents, `webhook_sources` those whose webhooks are taken.
    """

    ledger_table: str
    queue_url: str
    dead_letter_queue_url: str
    deployment: str
    close_code: str = "Solution provided"
    shadow_mode: bool = False
    mask_records: bool = False
    incident_fields: frozenset[str] = frozenset()
    all_incidents: bool = False
    tables: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    swagger_ui: bool = False
    tied: bool = False
    wide_callers: frozenset[str] = frozenset()
    requests_per_caller: int = 0
    health_readers: frozenset[str] = frozenset()
    allowed_tables: tuple[str, ...] = ()
    webhook_sources: frozenset[str] = frozenset()
    webhook_secret_id: str = ""


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Return the settings that `environment` (`os.environ` in a function) holds.

    Raises ConfigurationError that names every variable which is missing or malformed, and what to set it to.
    """
    reader = Reader(environment)
    settings = Settings(**_settings(reader))
    reader.check()
    return settings


def read_doctor_settings(environment: Mapping[str, str]) -> DoctorSettings:
    """Return the settings of the doctor function. Raises as `read_settings`."""
    reader = Reader(environment)
    concurrency = reader.text("MAXIMUM_CONCURRENCY", _COUNT, "set it to a whole number", "5")
    days = reader.text("SECRET_ROTATION_DAYS", _COUNT, "set it to a whole number", "0")
    settings = DoctorSettings(
        rotation_days=int(days) if _COUNT.fullmatch(days) else 0,
        **_settings(reader),
        access_logging=reader.switch("API_ACCESS_LOGGING"),
        watches_records=reader.switch("WATCHES_RECORDS"),
        maximum_concurrency=int(concurrency) if _COUNT.fullmatch(concurrency) else 0,
        stored=stored_names(environment),
        **_webhooks(reader),
    )
    reader.check()
    return settings


def _settings(reader: Reader) -> dict[str, Any]:
    text: Callable[..., str] = reader.text
    return {
        **asdict(_access(reader)),
        **_desk(reader),
        "queue_url": text("QUEUE_URL", _QUEUE_URL, "set it to the URL of the event queue"),
        "dead_letter_queue_url": text(
            "DEAD_LETTER_QUEUE_URL", _QUEUE_URL, "set it to the URL of the dead-letter queue"
        ),
        "allowed_tables": _allowed_tables(reader),
        "requestable": _requestable(reader),
        "sns_topics": _listed(text("SNS_TOPICS", _TOPICS, "set it to ARNs of topics separated by commas", "")),
    }


def read_watch_settings(environment: Mapping[str, str]) -> WatchSettings:
    """Return the settings of the watch function. Raises as `read_settings`."""
    reader = Reader(environment)
    text: Callable[..., str] = reader.text
    settings = WatchSettings(
        **asdict(_access(reader)),
        ledger_table=text("LEDGER_TABLE", _ANY_TEXT, "set it to the name of the DynamoDB table"),
        deployment=text("DEPLOYMENT", _ANY_TEXT, "set it to a name that no other stack uses, such as its name"),
        event_bus=text("EVENT_BUS", _ANY_TEXT, "set it to the name of an event bus"),
        event_source=text("EVENT_SOURCE", _ANY_TEXT, "set it to servicenow-bridge. and the name of the stack"),
        shadow_mode=reader.switch("SHADOW_MODE"),
        allowed_tables=_allowed_tables(reader),
    )
    reader.check()
    return settings


def _allowed_tables(reader: Reader) -> tuple[str, ...]:
    advice = "set it to names of tables separated by commas, or leave it out"
    tables = reader.text("ALLOWED_TABLES", _NAMES, advice, "").split(",")
    reader.refuse("ALLOWED_TABLES", [name for name in tables if _SENSITIVE.fullmatch(name)], "leave out")
    return tuple(filter(None, tables))


def _webhooks(reader: Reader) -> dict[str, Any]:
    sources = reader.text("WEBHOOK_SOURCES", _SOURCES, "set it to names of sources separated by commas", "")
    secret = reader.text("WEBHOOK_SECRET_ID", _ANY_TEXT, "set it to the ARN of the secret", None if sources else "")
    return {"webhook_sources": _listed(sources), "webhook_secret_id": secret}


def _listed(text: str) -> frozenset[str]:
    return frozenset(filter(None, text.split(",")))


def read_api_settings(environment: Mapping[str, str]) -> ApiSettings:
    """Return the settings of the API function. Raises as `read_settings`."""
    reader = Reader(environment)
    text: Callable[..., str] = reader.text
    requestable = _requestable(reader)
    share = text("API_REQUESTS_PER_CALLER", _COUNT, "set it to a whole number, 0 for no limit", "0")
    settings = ApiSettings(
        **asdict(_access(reader)),
        **_desk(reader),
        queue_url=text("QUEUE_URL", _QUEUE_URL, "set it to the URL of the event queue"),
        dead_letter_queue_url=text("DEAD_LETTER_QUEUE_URL", _QUEUE_URL, "set it to the URL of the dead-letter queue"),
        incident_fields=frozenset(requestable.pop("incident")),
        all_incidents=text("API_INCIDENTS", _INCIDENTS, "set it to own or all", "own") == "all",
        tables=requestable,
        swagger_ui=reader.switch("API_SWAGGER_UI"),
        tied=text("API_CHANGES", _CHANGES, "set it to everybody or opener", "everybody") == "opener",
        wide_callers=_arns(reader, "API_WIDE_ROLES"),
        health_readers=_arns(reader, "API_HEALTH_ROLES"),
        requests_per_caller=int(share) if _COUNT.fullmatch(share) else 0,
        allowed_tables=_allowed_tables(reader),
        **_webhooks(reader),
    )
    reader.check()
    return settings


def _arns(reader: Reader, name: str) -> frozenset[str]:
    return _listed(reader.text(name, _ARNS, "set it to ARNs of roles", ""))


def _requestable(reader: Reader) -> dict[str, tuple[str, ...]]:
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


def _desk(reader: Reader) -> dict[str, Any]:
    text: Callable[..., str] = reader.text
    return {
        "ledger_table": text("LEDGER_TABLE", _ANY_TEXT, "set it to the name of the DynamoDB table"),
        "deployment": text("DEPLOYMENT", _ANY_TEXT, "set it to a name that no other stack uses, such as its name"),
        "close_code": text("CLOSE_CODE", _ANY_TEXT, "set it to a resolution code", "Solution provided"),
        "shadow_mode": reader.switch("SHADOW_MODE"),
        "mask_records": reader.switch("MASK_RECORDS"),
    }


def read_access_settings(environment: Mapping[str, str]) -> AccessSettings:
    """Return the part of the settings that a function needs which only gets tokens. Raises as `read_settings`."""
    reader = Reader(environment)
    settings = _access(reader)
    reader.check()
    return settings


def _access(reader: Reader) -> AccessSettings:
    text: Callable[..., str] = reader.text
    return AccessSettings(
        instance_host=text(
            "SERVICENOW_INSTANCE_HOST",
            _HOST,
            "set it to the host name alone, lower case, such as example.service-now.com",
        ),
        secret_id=text("SERVICENOW_SECRET_ID", _ANY_TEXT, "set it to the ARN of the secret"),
        token_parameter=text("TOKEN_PARAMETER", _PARAMETER_NAME, "set it to an SSM parameter name that starts with /"),
        token_key_id=text("TOKEN_KEY_ID", _ANY_TEXT, "set it to the ARN of the KMS key"),
        token_tier=text("TOKEN_TIER", _TIER, "set it to Standard or Intelligent-Tiering, or leave it out", "Standard"),
        oauth_scope=text("OAUTH_SCOPE", _ANY_TEXT, "set it to scopes separated by blanks, or leave it out", ""),
        oauth_token_path=text(
            "OAUTH_TOKEN_PATH", _TOKEN_PATH, "set it to a path such as /oauth_token.do", "/oauth_token.do"
        ),
        certificate_authorities=text(
            "CERTIFICATE_AUTHORITIES",
            _CERTIFICATES,
            "set it to certificates in PEM form, or leave it out",
            "",
        ).replace("\\n", "\n"),
        proxy_url=text("PROXY_URL", _PROXY_URL, "set it to http://host:port, or leave it out", ""),
    )
