"""The actions function's parts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import boto3

from common.accounts import Accounts
from common.actions.accessanalyzer import AccessAnalyzer
from common.actions.follower import Follower, Performer, RuleFollower
from common.actions.guardduty import GuardDuty
from common.actions.inbox import Inbox
from common.actions.opsitem import OpsItems
from common.actions.securityhub import SecurityHub
from common.actions.trial import try_out
from common.actions.turns import Turns
from common.bridge.clients import AWS_CONFIG, QUICK_CONFIG, RULES, service_of
from common.bridge.members import members_of
from common.clock import Clock, SystemClock
from common.incidents.ledger import Ledger
from common.incidents.rules import rules_to_run
from common.queue import EventQueue
from common.settings import ActionSettings, read_action_settings
from common.telemetry import Telemetry


@dataclass(frozen=True, slots=True)
class Actions:
    """What the actions function does. `try_out` says of each action what keeps it from working, and changes nothing."""

    clock: Clock
    telemetry: Telemetry
    inbox: Inbox
    try_out: Callable[[], dict[str, dict[str, str]]]


def build_actions(environment: Mapping[str, str]) -> Actions:
    """Put the parts together; nothing is asked yet. Raises ConfigurationError that names the setting that is wrong.

    Rules with a mistake hold all changes.
    """
    settings = read_action_settings(environment)
    clock = SystemClock()
    service = service_of(environment)
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
    accounts = members_of(settings, clock, session=service)
    performers = performers_of(settings, accounts, service, clock, telemetry)
    followers: list[Follower] = [RuleFollower(rules, performers, turns, telemetry=telemetry)]
    if settings.change_gate:
        from common.bridge.answers import gate_follower  # noqa: PLC0415 (no start has to wait for what is off)

        followers.append(gate_follower(ledger, settings, clock, telemetry))
    inbox = Inbox(followers, queue, deployment=settings.deployment, telemetry=telemetry, now=clock.now)
    return Actions(clock, telemetry, inbox, lambda: try_out(accounts, clients_of(settings)))


def performers_of(
    settings: ActionSettings, accounts: Accounts, service: str, clock: Clock, telemetry: Telemetry
) -> dict[str, Performer]:
    """Return those who carry out the actions that are switched on, by the names of these; `service` signs."""
    makers: dict[str, Callable[[Callable[..., Any]], Performer]] = {
        "securityhub": lambda make: SecurityHub(accounts, make, author=service, clock=clock, telemetry=telemetry),
        "opsitem": lambda make: OpsItems(accounts, make),
        "guardduty": lambda make: GuardDuty(accounts, make),
        "accessanalyzer": lambda make: AccessAnalyzer(accounts, make),
    }
    return {name: makers[name](make) for name, make in clients_of(settings).items()}


def clients_of(settings: ActionSettings) -> dict[str, Callable[..., Any]]:
    """Return what makes the client of each action that is switched on, for a place that `Accounts` names."""
    makers: dict[str, Callable[..., Any]] = {
        "securityhub": lambda **place: boto3.client("securityhub", config=AWS_CONFIG, **place),
        "opsitem": lambda **place: boto3.client("ssm", config=AWS_CONFIG, **place),
        "guardduty": lambda **place: boto3.client("guardduty", config=AWS_CONFIG, **place),
        "accessanalyzer": lambda **place: boto3.client("accessanalyzer", config=AWS_CONFIG, **place),
    }
    return {name: make for name, make in makers.items() if name in settings.record_actions}
