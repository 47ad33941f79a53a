"""The one place where the parts are put together from the settings."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import boto3
from botocore.config import Config

from common.clock import Clock, SystemClock
from common.incidents.changes import READ_FIELDS
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
from common.settings import Settings, read_settings
from common.telemetry import Telemetry
from common.transport import Transport

RULES = Path(__file__).resolve().parents[1] / "rules"

_AWS = Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 2})
# A claim leaves 5 s for writing its outcome down: two tries of the ledger must fit.
_LEDGER = Config(connect_timeout=0.5, read_timeout=1, retries={"mode": "standard", "total_max_attempts": 2})


@dataclass(frozen=True, slots=True)
class Bridge:
    """The parts that handlers call."""

    clock: Clock
    telemetry: Telemetry
    transport: Transport
    tokens: TokenSource
    intake: Intake


def build_bridge(environment: Mapping[str, str]) -> Bridge:
    """Put everything together; nothing is fetched or connected yet.

    Raises ConfigurationError that names the setting or the rule file that is wrong.
    """
    settings = read_settings(environment)
    clock = SystemClock()
    telemetry = Telemetry(environment.get("POWERTOOLS_SERVICE_NAME", "servicenow-bridge"))
    transport = Transport(
        settings.instance_host,
        clock=clock,
        certificate_authorities=settings.certificate_authorities,
        proxy_url=settings.proxy_url,
    )
    tokens = _tokens(settings, transport, clock, telemetry)
    desk = Desk(
        Ledger(boto3.client("dynamodb", config=_LEDGER), settings.ledger_table, clock=clock),
        _records(settings, transport, tokens, clock, telemetry),
        deployment=f"{settings.deployment}/shadow" if settings.shadow_mode else settings.deployment,
        close_code=settings.close_code,
        telemetry=telemetry,
    )
    queue = EventQueue(
        boto3.client("sqs", config=_AWS),
        settings.queue_url,
        settings.dead_letter_queue_url,
        telemetry=telemetry,
    )
    intake = Intake(load_rules(RULES), desk, queue, telemetry=telemetry)
    return Bridge(clock, telemetry, transport, tokens, intake)


def _tokens(settings: Settings, transport: Transport, clock: Clock, telemetry: Telemetry) -> TokenSource:
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
