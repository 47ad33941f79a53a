"""The events function's parts."""

from collections.abc import Mapping
from dataclasses import dataclass

import boto3

from common.bridge.access import Access, access_of, whole
from common.bridge.clients import QUICK_CONFIG, RULES
from common.bridge.records import deployment_of, targets_of
from common.bridge.windows import windows_of
from common.context.door import Context
from common.context.queue import FollowUpQueue
from common.incidents.circuit import Applier, Circuit
from common.incidents.desk import Desk
from common.incidents.ledger import Ledger
from common.incidents.rules import Rules, rules_to_run
from common.incidents.shared_precedents import SharedPrecedents
from common.intake import Intake
from common.queue import EventQueue
from common.servicenow.records import Records
from common.settings import Settings, read_settings


@dataclass(frozen=True, slots=True)
class Bridge(Access):
    """The parts that handlers and commands call. `deployment` names the deployment to the ledger."""

    deployment: str
    ledger: Ledger
    records: Records
    intake: Intake
    follow_ups: FollowUpQueue


def build_bridge(environment: Mapping[str, str]) -> Bridge:
    """Put everything together; nothing but stored settings is fetched yet.

    Raises ConfigurationError that names the setting that is wrong, or as `whole`. Rules with a mistake hold all events.
    """
    settings = read_settings(whole(environment))
    access = access_of(settings, environment)
    clock, telemetry, transport, tokens = access.clock, access.telemetry, access.transport, access.tokens
    dynamodb = boto3.client("dynamodb", config=QUICK_CONFIG)
    deployment = deployment_of(settings)
    ledger = Ledger(dynamodb, settings.ledger_table, clock=clock)
    rules = rules_to_run(RULES, settings.allowed_tables, settings.requestable, settings.time_zone)
    records, context = _looking_up(settings, environment, access, rules, ledger)
    sqs = boto3.client("sqs", config=QUICK_CONFIG)
    allowed = () if settings.shadow_mode else settings.follow_ups
    follow_ups = FollowUpQueue(sqs, settings.follow_up_queue_url, allowed, telemetry)
    desk = Desk(
        ledger,
        records,
        deployment=deployment,
        close_code=settings.close_code,
        telemetry=telemetry,
        precedents=SharedPrecedents(ledger, deployment=deployment),
        after=follow_ups.after,
    )
    before: Applier = Circuit(desk, dynamodb, settings.ledger_table, deployment=deployment, telemetry=telemetry)
    queue = EventQueue(
        sqs,
        settings.queue_url,
        settings.dead_letter_queue_url,
        telemetry=telemetry,
    )
    changes = None
    if settings.actions_queue_url:
        from common.bridge import gate  # noqa: PLC0415 (no start has to wait for what is off)

        before = gate.gate_desk(before, ledger, sqs, settings, telemetry)
        changes = gate.alerts_of
    intake = Intake(
        rules,
        before,
        queue,
        telemetry=telemetry,
        topics=settings.sns_topics,
        context=context,
        windows=windows_of(settings, access, ledger, deployment),
        changes=changes,
        now=lambda: ledger.now() / 1000,
    )
    return Bridge(
        clock, telemetry, transport, tokens, access.credentials, deployment, ledger, records, intake, follow_ups
    )


def _looking_up(
    settings: Settings, environment: Mapping[str, str], access: Access, rules: Rules, ledger: Ledger
) -> tuple[Records, Context]:
    """Return how records are reached, and what makes alerts of events: with look-ups, where the deployment asks so."""
    if not settings.looks_up:
        return targets_of(settings, access), Context(rules)
    from common.bridge.context import looking_up  # noqa: PLC0415 (no start has to wait for what is off)

    return looking_up(settings, environment, access, rules, ledger)
