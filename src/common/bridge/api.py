"""The API's parts."""

from collections.abc import Mapping
from dataclasses import dataclass

import boto3

from common.api.alerts import AlertQueue
from common.api.allow_list import AllowList
from common.api.creation import Creation
from common.api.health import Health
from common.api.incidents import TABLE, Incidents, fields_of_one, fields_of_page
from common.api.once import Once
from common.api.references import References
from common.api.tables import Tables
from common.bridge.access import AWS_CONFIG, QUICK_CONFIG, Access, access_of, client_of
from common.bridge.records import deployment_of, records_of, targets_of
from common.clock import Deadline
from common.incidents.desk import Desk
from common.incidents.ledger import Ledger
from common.oauth.source import TokenSource
from common.servicenow.names import NAME_FIELDS, Names
from common.servicenow.query import term
from common.servicenow.records import Records
from common.settings import read_api_settings


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


def build_api(environment: Mapping[str, str]) -> Api:
    """Put the API's parts together; nothing is fetched or connected yet.

    Raises ConfigurationError that names the setting that is wrong.
    """
    settings = read_api_settings(environment)
    access = access_of(settings, environment)
    clock, telemetry = access.clock, access.telemetry
    deployment = deployment_of(settings)
    ledger = Ledger(boto3.client("dynamodb", config=QUICK_CONFIG), settings.ledger_table, clock=clock)
    records = targets_of(settings, access)
    desk = Desk(ledger, records, deployment=deployment, close_code=settings.close_code, telemetry=telemetry)
    creation = Creation(desk, clock=clock)
    names = Names(Records(client_of(access), NAME_FIELDS), clock=clock, telemetry=telemetry)
    references = References(None if settings.shadow_mode else names)
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
            records_of(settings, access, fields_of_one(allowed)),
            records_of(settings, access, fields_of_page(allowed)),
            creation,
            Once(ledger, deployment=deployment, clock=clock),
            allowed,
            references=references,
            deployment=deployment,
            close_code=settings.close_code,
        ),
        Tables(
            {
                table: records_of(settings, access, ("sys_id", "sys_created_on", *fields))
                for table, fields in settings.tables.items()
            },
            creation,
            allowed,
            references=references,
        ),
        AlertQueue(boto3.client("sqs", config=AWS_CONFIG), settings.queue_url, clock=clock),
        _health(ledger, access.tokens, records),
    )


def _health(ledger: Ledger, tokens: TokenSource, records: Records) -> Health:
    def read_ledger(_: Deadline) -> None:
        ledger.read("health", dedup_key="", table=TABLE)

    def get_token(deadline: Deadline) -> None:
        tokens.token(deadline)

    def ask_servicenow(deadline: Deadline) -> None:
        records.find(TABLE, term("sys_created_on", ">=", "1970-01-01 00:00:00"), deadline, limit=1)

    return Health({"ledger": read_ledger, "token": get_token, "servicenow": ask_servicenow})
