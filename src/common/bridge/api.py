"""The API's parts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import boto3

from common.api.alerts import AlertQueue
from common.api.allow_list import AllowList
from common.api.caller_limit import CallerLimit
from common.api.creation import Creation
from common.api.health import Health
from common.api.incidents import Incidents, fields_of_one, fields_of_page
from common.api.once import Once
from common.api.ownership import Ownership
from common.api.references import References
from common.api.tables import Tables
from common.bridge.access import Access, access_of, client_of, whole
from common.bridge.clients import AWS_CONFIG, QUICK_CONFIG, RULES
from common.bridge.doors import webhook_secrets
from common.bridge.records import deployment_of, records_of, targets_of
from common.clock import Deadline
from common.dead_letters import DeadLetters
from common.doors.door import WebhookDoor
from common.event_sender import EventSender
from common.incidents.desk import Desk
from common.incidents.ledger import Ledger
from common.servicenow.names import NAME_FIELDS, Names
from common.servicenow.records import Records
from common.settings import read_api_settings

if TYPE_CHECKING:
    from common.api.changes import Changes
    from common.api.windows import Windows
    from common.checkup.report import Report
    from common.incidents.rules import Rules


@dataclass(frozen=True, slots=True)
class Api(Access):
    """What the API does.

    `region` is where it runs; `swagger_ui` says whether it shows its own page. `limit` counts what each caller sends.
    `check_up` walks through what it depends on, and `health` says how much of that a caller gets to see. `changes` is
    None where the deployment opens none.
    """

    region: str
    instance_host: str
    swagger_ui: bool
    limit: CallerLimit
    health: Health
    incidents: Incidents
    tables: Tables
    alerts: AlertQueue
    webhooks: WebhookDoor
    windows: Callable[[], "Windows"]
    changes: "Changes | None"
    check_up: Callable[[Deadline], "Report"]


def build_api(environment: Mapping[str, str]) -> Api:
    """Put the API's parts together; nothing but stored settings is fetched yet.

    Raises ConfigurationError that names the setting that is wrong, or as `whole`.
    """
    settings = read_api_settings(whole(environment))
    access = access_of(settings, environment)
    clock, telemetry = access.clock, access.telemetry
    deployment = deployment_of(settings)
    ledger = Ledger(boto3.client("dynamodb", config=QUICK_CONFIG), settings.ledger_table, clock=clock)
    records = targets_of(settings, access)
    desk = Desk(ledger, records, deployment=deployment, close_code=settings.close_code, telemetry=telemetry)
    creation = Creation(desk, clock=clock)
    names = Names(Records(client_of(access), NAME_FIELDS), clock=clock, telemetry=telemetry)
    references = References(None if settings.shadow_mode else names)
    sqs = boto3.client("sqs", config=AWS_CONFIG)
    dead_letters = DeadLetters(sqs, settings.dead_letter_queue_url, telemetry=telemetry)

    sender = EventSender(sqs, settings.queue_url)

    @cache
    def rules() -> "Rules":
        from common.incidents.rules import rules_to_run  # noqa: PLC0415 (no start has to wait for what webhooks need)

        return rules_to_run(RULES, settings.allowed_tables, settings.tables)

    def split(event: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
        from common.incidents.rules import splitting  # noqa: PLC0415 (the same)

        return splitting.split(event, rules())

    def check_up(deadline: Deadline) -> "Report":
        from common.bridge.health import examine_api  # noqa: PLC0415 (no start has to wait for what only this needs)

        return examine_api(settings, access, ledger, sqs, deadline, limit=limit)

    @cache
    def windows() -> "Windows":
        from common.api.windows import Windows  # noqa: PLC0415 (the same)
        from common.incidents.open_windows import OpenWindows  # noqa: PLC0415 (the same)

        kept = OpenWindows(ledger, deployment=deployment, clock=clock, telemetry=telemetry)
        return Windows(kept, reach=settings.windows, hours=settings.window_hours, wide=settings.wide_callers)

    ownership = Ownership(ledger, tied=settings.tied, wide=settings.wide_callers)
    limit = CallerLimit(ledger, share=settings.requests_per_caller, deployment=deployment, telemetry=telemetry)
    allowed = AllowList(settings.incident_fields, settings.all_incidents, settings.tables)

    def changes() -> "Changes | None":
        if not settings.actions_queue_url:
            return None
        from common.bridge.changes import callers_changes  # noqa: PLC0415 (no start has to wait for what is off)

        shown = partial(records_of, settings, access)
        return callers_changes(settings, shown, records, creation, sqs, references=references, telemetry=telemetry)

    return Api(
        clock,
        telemetry,
        access.transport,
        access.tokens,
        access.credentials,
        environment.get("AWS_REGION", ""),
        settings.instance_host,
        settings.swagger_ui,
        limit,
        Health(settings.health_readers, telemetry),
        Incidents(
            records_of(settings, access, fields_of_one(allowed)),
            records_of(settings, access, fields_of_page(allowed)),
            creation,
            Once(ledger, deployment=deployment, clock=clock),
            allowed,
            references=references,
            ownership=ownership,
            deployment=deployment,
            close_code=settings.close_code,
        ),
        Tables(
            {
                table: records_of(settings, access, ("sys_id", "sys_created_on", "correlation_id", *fields))
                for table, fields in settings.tables.items()
            },
            creation,
            allowed,
            references=references,
            ownership=ownership,
        ),
        AlertQueue(sender, dead_letters=dead_letters, clock=clock),
        WebhookDoor(
            settings.webhook_sources,
            webhook_secrets(settings, access),
            split,
            sender,
            dead_letters=dead_letters,
            clock=clock,
            region=environment.get("AWS_REGION", ""),
        ),
        windows,
        changes(),
        check_up,
    )
