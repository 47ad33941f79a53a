"""What each function is told: its environment, read once into one frozen, validated value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any

from common import variables
from common.environment import Reader, stored_names


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
class LedgerSettings(AccessSettings):
    """The same, and where the ledger is, in which each `deployment` has its own problems."""

    ledger_table: str
    deployment: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSettings(LedgerSettings):
    """The same, and the addresses of the event queue and of the queue of dead letters."""

    queue_url: str
    dead_letter_queue_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskSettings(QueueSettings):
    """The same, and how records are written, by events and by callers of the API.

    `allowed_tables` are those that rules may write besides incidents. `windows` says whose events callers may quiet:
    none (`off`), those of their `account`, or `all`. `actions_queue_url` is where a look at a change is asked for,
    empty where none are opened.
    """

    close_code: str = "Solution provided"
    shadow_mode: bool = False
    mask_records: bool = False
    allowed_tables: tuple[str, ...] = ()
    windows: str = "off"
    actions_queue_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(DeskSettings):
    """What the events function can be told.

    `requestable` holds the fields by table that record requests may ask for: those that callers of the API may write.
    `sns_topics` are the ARNs of those whose messages are taken. `time_zone` is where readers of records are, None where
    they read UTC alone. Tags are looked up of `resources`, and of `accounts` too, or of none, in other accounts by a
    role; with `finds_items` records name their configuration item. `change_windows` says whether changes in ServiceNow
    quiet events.
    """

    requestable: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sns_topics: frozenset[str] = frozenset()
    time_zone: tzinfo | None = None
    follow_ups: frozenset[str] = frozenset()
    follow_up_queue_url: str = ""
    tag_lookups: str = "none"
    finds_items: bool = False
    member_role_name: str = ""
    member_role_external_id: str = ""
    change_windows: bool = False

    @property
    def looks_up(self) -> bool:
        """Whether anything is looked up about an event before its record opens."""
        return self.tag_lookups != "none" or self.finds_items


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
    change_gate: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUpSettings(LedgerSettings):
    """What the follow-up function can be told.

    It adds `follow_ups` to records, to `per_minute` of them at most, and stands in a partition, an account and a Region
    of AWS. `masked` is a regular expression of what must not leave AWS beside what src/masking.toml names, empty for
    nothing more.
    """

    follow_ups: frozenset[str]
    partition: str
    account: str
    region: str
    per_minute: int = 20
    masked: str = ""
    member_role_name: str = ""
    member_role_external_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchSettings(LedgerSettings):
    """What the watch function can be told.

    It puts events of `event_source` on `event_bus`, about incidents and records of `allowed_tables`, and with
    `change_gate` about changes.
    """

    event_bus: str
    event_source: str
    shadow_mode: bool = False
    allowed_tables: tuple[str, ...] = ()
    integration_users: frozenset[str] = frozenset()
    record_comments: bool = False
    record_actions: frozenset[str] = frozenset()
    change_gate: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionSettings(QueueSettings):
    """What the actions function can be told: of `record_actions`, what follows a change in ServiceNow.

    It stands in a partition, an account and a Region of AWS. `allowed_tables` are those that rules may write. With
    `change_gate` those who wait for a change are answered.
    """

    record_actions: frozenset[str]
    partition: str
    account: str
    region: str
    member_role_name: str = ""
    member_role_external_id: str = ""
    allowed_tables: tuple[str, ...] = ()
    change_gate: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSettings(DeskSettings):
    """What the API function can be told. `tables` holds the fields of each table that callers may use.

    `requests_per_caller` is how many requests a minute one may send, 0 where nobody counts them; `health_readers` see
    what deep health found. `webhook_sources` are those whose webhooks are taken; a window of a caller lasts
    `window_hours` at most.
    """

    incident_fields: frozenset[str] = frozenset()
    all_incidents: bool = False
    tables: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    swagger_ui: bool = False
    tied: bool = False
    wide_callers: frozenset[str] = frozenset()
    requests_per_caller: int = 0
    health_readers: frozenset[str] = frozenset()
    webhook_sources: frozenset[str] = frozenset()
    webhook_secret_id: str = ""
    window_hours: int = 24


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Return the settings that `environment` (`os.environ` in a function) holds.

    Raises ConfigurationError that names every variable which is missing or malformed, and what to set it to.
    """
    reader = Reader(environment)
    return reader.checked(
        Settings(
            **_settings(reader),
            **variables.follow_up_queue(reader),
            actions_queue_url=variables.gate(reader),
            windows=variables.windows(reader).get("windows", "off"),
            change_windows=reader.switch("CHANGE_WINDOWS"),
        )
    )


def read_doctor_settings(environment: Mapping[str, str]) -> DoctorSettings:
    """Return the settings of the doctor function. Raises as `read_settings`."""
    reader = Reader(environment)
    return reader.checked(
        DoctorSettings(
            **_settings(reader),
            **variables.webhooks(reader),
            maximum_concurrency=variables.number(reader, "MAXIMUM_CONCURRENCY", "5"),
            rotation_days=variables.number(reader, "SECRET_ROTATION_DAYS", "0"),
            stored=stored_names(environment),
            **variables.switched_on(reader),
        )
    )


def _settings(reader: Reader) -> dict[str, Any]:
    return {
        **variables.desk(reader),
        **variables.look_ups(reader),
        "requestable": variables.requestable(reader),
        "sns_topics": variables.topics(reader),
        "time_zone": variables.time_zone(reader),
    }


def read_follow_up_settings(environment: Mapping[str, str]) -> FollowUpSettings:
    """Return the settings of the follow-up function. Raises as `read_settings`."""
    reader = Reader(environment)
    return reader.checked(
        FollowUpSettings(
            **variables.ledger(reader),
            follow_ups=variables.follow_ups(reader),
            per_minute=variables.number(reader, "FOLLOW_UPS_PER_MINUTE", "20"),
            masked=variables.expression(reader, "FOLLOW_UP_MASK"),
            **variables.place(reader),
            **variables.member(reader),
        )
    )


def read_watch_settings(environment: Mapping[str, str]) -> WatchSettings:
    """Return the settings of the watch function. Raises as `read_settings`."""
    reader = Reader(environment)
    return reader.checked(
        WatchSettings(
            **variables.ledger(reader),
            **variables.bus(reader),
            **variables.actions(reader),
            integration_users=variables.users(reader),
            record_comments=reader.switch("RECORD_COMMENTS"),
            shadow_mode=reader.switch("SHADOW_MODE"),
            allowed_tables=variables.allowed_tables(reader),
            change_gate=reader.switch("CHANGE_GATE"),
        )
    )


def read_action_settings(environment: Mapping[str, str]) -> ActionSettings:
    """Return the settings of the actions function. Raises as `read_settings`."""
    reader = Reader(environment)
    return reader.checked(
        ActionSettings(
            **variables.queues(reader),
            **variables.actions(reader),
            **variables.place(reader),
            **variables.member(reader),
            change_gate=reader.switch("CHANGE_GATE"),
            allowed_tables=variables.allowed_tables(reader),
        )
    )


def read_api_settings(environment: Mapping[str, str]) -> ApiSettings:
    """Return the settings of the API function. Raises as `read_settings`."""
    reader = Reader(environment)
    requestable = variables.requestable(reader)
    return reader.checked(
        ApiSettings(
            **variables.desk(reader),
            **variables.webhooks(reader),
            actions_queue_url=variables.gate(reader),
            incident_fields=frozenset(requestable.pop("incident")),
            all_incidents=variables.choice(reader, "API_INCIDENTS", "own", "all") == "all",
            tables=requestable,
            swagger_ui=reader.switch("API_SWAGGER_UI"),
            tied=variables.choice(reader, "API_CHANGES", "everybody", "opener") == "opener",
            wide_callers=variables.roles(reader, "API_WIDE_ROLES"),
            health_readers=variables.roles(reader, "API_HEALTH_ROLES"),
            requests_per_caller=variables.number(reader, "API_REQUESTS_PER_CALLER", "0"),
            **variables.windows(reader),
        )
    )


def read_access_settings(environment: Mapping[str, str]) -> AccessSettings:
    """Return the part of the settings that a function needs which only gets tokens. Raises as `read_settings`."""
    reader = Reader(environment)
    return reader.checked(AccessSettings(**variables.access(reader)))
