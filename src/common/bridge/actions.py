"""The actions function's parts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import boto3

from common.accounts import Accounts, Member
from common.actions.accessanalyzer import AccessAnalyzer
from common.actions.follower import Performer, RuleFollower
from common.actions.guardduty import GuardDuty
from common.actions.inbox import Inbox
from common.actions.opsitem import OpsItems
from common.actions.securityhub import SecurityHub
from common.actions.turns import Turns
from common.bridge.clients import AWS_CONFIG, QUICK_CONFIG, RULES
from common.clock import Clock, SystemClock
from common.incidents.ledger import Ledger
from common.incidents.rules import rules_to_run
from common.queue import EventQueue
from common.settings import ActionSettings, read_action_settings
from common.telemetry import Telemetry


@dataclass(frozen=True, slots=True)
class Actions:
    """What the actions function does."""

    clock: Clock
    telemetry: Telemetry
    inbox: Inbox


def build_actions(environment: Mapping[str, str]) -> Actions:
    """Put the parts together; nothing is asked yet. Raises ConfigurationError that names the setting that is wrong.

    Rules with a mistake hold all changes.
    """
    settings = read_action_settings(environment)
    clock = SystemClock()
    service = environment.get("POWERTOOLS_SERVICE_NAME", "servicenow-bridge")
    telemetry = Telemetry(service)
    queue = EventQueue(
        boto3.client("sqs", config=QUICK_CONFIG),
        settings.queue_url,
        settings.dead_letter_queue_url,
        telemetry=telemetry,
    )
    rules = rules_to_run(RULES, settings.allowed_tables)
    ledger = Ledger(boto3.client("dynamodb", config=QUICK_CONFIG), settings.ledger_table, clock=clock)
    turns = Turns(ledger, deployment=settings.deployment)
    follower = RuleFollower(rules, performers_of(settings, service, clock, telemetry), turns, telemetry=telemetry)
    inbox = Inbox([follower], queue, deployment=settings.deployment, telemetry=telemetry, now=clock.now)
    return Actions(clock, telemetry, inbox)


def performers_of(settings: ActionSettings, service: str, clock: Clock, telemetry: Telemetry) -> dict[str, Performer]:
    """Return those who carry out the actions that are switched on, by the names of these; `service` signs."""
    accounts = Accounts(
        settings.account,
        settings.region,
        Member(settings.member_role_name, settings.member_role_external_id, service),
        lambda: boto3.client("sts", config=AWS_CONFIG),
        clock=clock,
        partition=settings.partition,
    )
    makers: dict[str, Callable[[], Performer]] = {
        "securityhub": lambda: SecurityHub(
            accounts,
            lambda **place: boto3.client("securityhub", config=AWS_CONFIG, **place),
            author=service,
            clock=clock,
            telemetry=telemetry,
        ),
        "opsitem": lambda: OpsItems(accounts, lambda **place: boto3.client("ssm", config=AWS_CONFIG, **place)),
        "guardduty": lambda: GuardDuty(accounts, lambda **place: boto3.client("guardduty", config=AWS_CONFIG, **place)),
        "accessanalyzer": lambda: AccessAnalyzer(
            accounts, lambda **place: boto3.client("accessanalyzer", config=AWS_CONFIG, **place)
        ),
    }
    return {name: make() for name, make in makers.items() if name in settings.record_actions}
