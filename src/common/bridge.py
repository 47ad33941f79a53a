"""The one place where the parts are put together from the settings."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import boto3
from botocore.config import Config
from snapshot_restore_py import register_after_restore

from common.api.alerts import AlertQueue
from common.api.allow_list import AllowList
from common.api.creation import Creation
from common.api.health import Health
from common.api.incidents import TABLE, Incidents, fields_of_one, fields_of_page
from common.api.once import Once
from common.api.tables import Tables
from common.checkup.checks import Examination, FixedToken, Parts
from common.checkup.report import Report, examine, failed
from common.clock import Clock, Deadline, SystemClock
from common.errors import BridgeError
from common.incidents.changes import READ_FIELDS
from common.incidents.circuit import Circuit
from common.incidents.desk import Desk
from common.incidents.ledger import Ledger
from common.incidents.rules import load_rules
from common.intake import Intake
from common.oauth.credentials import CredentialsReader
from common.oauth.endpoint import TokenEndpoint
from common.oauth.source import TokenSource
from common.oauth.store import TokenStore
from common.queue import EventQueue
from common.servicenow.client import ServiceNowClient
from common.servicenow.event_management import EVENT_FIELDS, EventManagement
from common.servicenow.names import NAME_FIELDS, Names
from common.servicenow.query import term
from common.servicenow.records import Records
from common.servicenow.shadow import ShadowRecords
from common.servicenow.targets import Targets
from common.settings import (
    AccessSettings,
    ApiSettings,
    Settings,
    read_access_settings,
    read_api_settings,
    read_settings,
)
from common.telemetry import Telemetry
from common.transport import Transport

RULES = Path(__file__).resolve().parents[1] / "rules"

_AWS = Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 2})
# A claim leaves 5 s for writing its outcome down: two tries of the ledger must fit.
_LEDGER = Config(connect_timeout=0.5, read_timeout=1, retries={"mode": "standard", "total_max_attempts": 2})


@dataclass(frozen=True, slots=True)
class Access:
    """What a function needs that only gets tokens."""

    clock: Clock
    telemetry: Telemetry
    transport: Transport
    tokens: TokenSource


@dataclass(frozen=True, slots=True)
class Bridge(Access):
    """The parts that handlers and commands call. `deployment` names the deployment to the ledger."""

    deployment: str
    ledger: Ledger
    records: Records
    intake: Intake


@dataclass(frozen=True, slots=True)
class Api(Access):
    """What the API does. `region` is where it runs; `swagger_ui` says whether it shows its own page."""

    region: str
    instance_host: str
    swagger_ui: bool
    incidents: Incidents
    tables: Tables
    alerts: AlertQueue
    health: Health


def build_access(environment: Mapping[str, str]) -> Access:
    """Put together what it takes to get a token; nothing is fetched or connected yet.

    Raises ConfigurationError that names the setting that is wrong.
    """
    return _access(read_access_settings(environment), environment)


def build_bridge(environment: Mapping[str, str]) -> Bridge:
    """Put everything together; nothing is fetched or connected yet.

    Raises ConfigurationError that names the setting or the rule file that is wrong.
    """
    settings = read_settings(environment)
    access = _access(settings, environment)
    clock, telemetry, transport, tokens = access.clock, access.telemetry, access.transport, access.tokens
    dynamodb = boto3.client("dynamodb", config=_LEDGER)
    deployment = _deployment(settings)
    ledger = Ledger(dynamodb, settings.ledger_table, clock=clock)
    records = _targets(settings, access)
    desk = Desk(ledger, records, deployment=deployment, close_code=settings.close_code, telemetry=telemetry)
    circuit = Circuit(desk, dynamodb, settings.ledger_table, deployment=deployment, telemetry=telemetry)
    queue = EventQueue(
        boto3.client("sqs", config=_AWS),
        settings.queue_url,
        settings.dead_letter_queue_url,
        telemetry=telemetry,
    )
    intake = Intake(load_rules(RULES, settings.allowed_tables), circuit, queue, telemetry=telemetry)
    return Bridge(clock, telemetry, transport, tokens, deployment, ledger, records, intake)


def build_api(environment: Mapping[str, str]) -> Api:
    """Put the API's parts together; nothing is fetched or connected yet.

    Raises ConfigurationError that names the setting that is wrong.
    """
    settings = read_api_settings(environment)
    access = _access(settings, environment)
    clock, telemetry = access.clock, access.telemetry
    deployment = _deployment(settings)
    ledger = Ledger(boto3.client("dynamodb", config=_LEDGER), settings.ledger_table, clock=clock)
    records = _targets(settings, access)
    desk = Desk(ledger, records, deployment=deployment, close_code=settings.close_code, telemetry=telemetry)
    creation = Creation(desk, clock=clock)
    allowed = AllowList(settings.incident_fields, settings.all_incidents, settings.tables)
    return Api(
        clock,
        telemetry,
        access.transport,
        access.tokens,
        environment.get("AWS_REGION", ""),
        settings.instance_host,
        settings.swagger_ui,
        Incidents(
            _records(settings, access, fields_of_one(allowed)),
            _records(settings, access, fields_of_page(allowed)),
            creation,
            Once(ledger, deployment=deployment, clock=clock),
            allowed,
            deployment=deployment,
            close_code=settings.close_code,
        ),
        Tables(
            {
                table: _records(settings, access, ("sys_id", "sys_created_on", *fields))
                for table, fields in settings.tables.items()
            },
            creation,
            allowed,
        ),
        AlertQueue(boto3.client("sqs", config=_AWS), settings.queue_url, clock=clock),
        _health(ledger, access.tokens, records),
    )


def check_up(environment: Mapping[str, str], *, write: bool) -> Report:
    """Walk through everything that has to work and return what was found; never raises.

    With `write` the walk also opens a marked incident and closes it.
    """
    try:
        settings = read_settings(environment)
        access = _access(settings, environment)
    except BridgeError as error:
        return Report((failed("settings", error),))
    tokens = FixedToken()
    parts = Parts(
        settings,
        access.clock,
        access.transport,
        _credentials(settings),
        _store(settings, access.clock, access.telemetry),
        _endpoint(settings, access.transport, access.clock, access.telemetry),
        ServiceNowClient(access.transport, tokens, clock=access.clock, telemetry=access.telemetry),
        Ledger(boto3.client("dynamodb", config=_LEDGER), settings.ledger_table, clock=access.clock),
        boto3.client("sqs", config=_AWS),
    )
    try:
        return examine(Examination(parts, tokens, write=write).checks())
    finally:
        access.transport.close()
        access.telemetry.flush()


def _health(ledger: Ledger, tokens: TokenSource, records: Records) -> Health:
    def read_ledger(_: Deadline) -> None:
        ledger.read("health", dedup_key="", table=TABLE)

    def get_token(deadline: Deadline) -> None:
        tokens.token(deadline)

    def ask_servicenow(deadline: Deadline) -> None:
        records.find(TABLE, term("sys_created_on", ">=", "1970-01-01 00:00:00"), deadline, limit=1)

    return Health({"ledger": read_ledger, "token": get_token, "servicenow": ask_servicenow})


def _access(settings: AccessSettings, environment: Mapping[str, str]) -> Access:
    clock = SystemClock()
    telemetry = Telemetry(environment.get("POWERTOOLS_SERVICE_NAME", "servicenow-bridge"))
    transport = Transport(
        settings.instance_host,
        clock=clock,
        certificate_authorities=settings.certificate_authorities,
        proxy_url=settings.proxy_url,
    )
    # Environments that start from one snapshot would else draw the same numbers: the SDK's pauses use `random`.
    register_after_restore(random.seed)
    return Access(clock, telemetry, transport, _tokens(settings, transport, clock, telemetry))


def _tokens(settings: AccessSettings, transport: Transport, clock: Clock, telemetry: Telemetry) -> TokenSource:
    return TokenSource(
        credentials=_credentials(settings),
        store=_store(settings, clock, telemetry),
        endpoint=_endpoint(settings, transport, clock, telemetry),
        clock=clock,
        telemetry=telemetry,
    )


def _credentials(settings: AccessSettings) -> CredentialsReader:
    return CredentialsReader(boto3.client("secretsmanager", config=_AWS), settings.secret_id)


def _store(settings: AccessSettings, clock: Clock, telemetry: Telemetry) -> TokenStore:
    return TokenStore(
        boto3.client("ssm", config=_AWS),
        parameter=settings.token_parameter,
        key_id=settings.token_key_id,
        host=settings.instance_host,
        scope=settings.oauth_scope,
        clock=clock,
        telemetry=telemetry,
    )


def _endpoint(settings: AccessSettings, transport: Transport, clock: Clock, telemetry: Telemetry) -> TokenEndpoint:
    return TokenEndpoint(
        transport,
        clock=clock,
        telemetry=telemetry,
        path=settings.oauth_token_path,
        scope=settings.oauth_scope,
    )


def _deployment(settings: Settings | ApiSettings) -> str:
    return f"{settings.deployment}/shadow" if settings.shadow_mode else settings.deployment


def _records(settings: Settings | ApiSettings, access: Access, fields: Sequence[str] = READ_FIELDS) -> Records:
    return ShadowRecords(access.telemetry) if settings.shadow_mode else Records(_client(access), fields)


def _targets(settings: Settings | ApiSettings, access: Access) -> Records:
    if settings.shadow_mode:
        return ShadowRecords(access.telemetry)
    client = _client(access)
    names = Names(Records(client, NAME_FIELDS), clock=access.clock, telemetry=access.telemetry)
    events = EventManagement(client, Records(client, EVENT_FIELDS))
    return Targets(client, READ_FIELDS, names=names, events=events)


def _client(access: Access) -> ServiceNowClient:
    return ServiceNowClient(access.transport, access.tokens, clock=access.clock, telemetry=access.telemetry)
