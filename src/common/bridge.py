"""The one place where the parts are put together from the settings."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import boto3
from botocore.config import Config
from snapshot_restore_py import register_after_restore

from common.clock import Clock, SystemClock
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
from common.servicenow.records import Records
from common.servicenow.shadow import ShadowRecords
from common.settings import AccessSettings, Settings, read_access_settings, read_settings
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
    deployment = f"{settings.deployment}/shadow" if settings.shadow_mode else settings.deployment
    ledger = Ledger(dynamodb, settings.ledger_table, clock=clock)
    records = _records(settings, transport, tokens, clock, telemetry)
    desk = Desk(ledger, records, deployment=deployment, close_code=settings.close_code, telemetry=telemetry)
    circuit = Circuit(desk, dynamodb, settings.ledger_table, deployment=deployment, telemetry=telemetry)
    queue = EventQueue(
        boto3.client("sqs", config=_AWS),
        settings.queue_url,
        settings.dead_letter_queue_url,
        telemetry=telemetry,
    )
    intake = Intake(load_rules(RULES), circuit, queue, telemetry=telemetry)
    return Bridge(clock, telemetry, transport, tokens, deployment, ledger, records, intake)


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
        credentials=CredentialsReader(boto3.client("secretsmanager", config=_AWS), settings.secret_id),
        store=TokenStore(
            boto3.client("ssm", config=_AWS),
            parameter=settings.token_parameter,
            key_id=settings.token_key_id,
            host=settings.instance_host,
            scope=settings.oauth_scope,
            clock=clock,
            telemetry=telemetry,
        ),
        endpoint=TokenEndpoint(
            transport,
            clock=clock,
            telemetry=telemetry,
            path=settings.oauth_token_path,
            scope=settings.oauth_scope,
        ),
        clock=clock,
        telemetry=telemetry,
    )


def _records(
    settings: Settings, transport: Transport, tokens: TokenSource, clock: Clock, telemetry: Telemetry
) -> Records:
    if settings.shadow_mode:
        return ShadowRecords(telemetry)
    return Records(ServiceNowClient(transport, tokens, clock=clock, telemetry=telemetry), READ_FIELDS)
