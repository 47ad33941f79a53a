"""The watch function's parts."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import boto3

from common.bridge.access import Access, access_of, client_of, whole
from common.bridge.clients import AWS_CONFIG, QUICK_CONFIG, RULES
from common.bridge.records import deployment_of
from common.incidents.ledger import Ledger
from common.incidents.own_events import RECORD_CHANGED
from common.servicenow.records import Records
from common.settings import WatchSettings, read_watch_settings
from common.watch.bus import Bus, EventBus, ShadowBus
from common.watch.comments import READ as ENTRIES
from common.watch.comments import READ_OF_APPROVALS, Comments
from common.watch.decide import READ, watched_tables
from common.watch.event import Told
from common.watch.memory import Memory
from common.watch.watcher import Watcher


@dataclass(frozen=True, slots=True)
class Watch(Access):
    """What the watch function does."""

    watcher: Watcher


def build_watch(environment: Mapping[str, str]) -> Watch:
    """Put the parts together; nothing but stored settings is fetched yet.

    In shadow mode it looks at the records of the deployment itself, since a shadow has none, but tells nobody, and
    what it remembers is kept apart. Raises ConfigurationError that names the setting that is wrong, or as `whole`.
    """
    settings = read_watch_settings(whole(environment))
    access = access_of(settings, environment)
    ledger = Ledger(boto3.client("dynamodb", config=QUICK_CONFIG), settings.ledger_table, clock=access.clock)
    watcher = Watcher(
        Records(client_of(access), READ),
        Memory(ledger, deployment=deployment_of(settings), clock=access.clock),
        _bus(settings, access),
        deployment=settings.deployment,
        tables=watched_tables(settings.allowed_tables, changes=settings.change_gate),
        host=settings.instance_host,
        telemetry=access.telemetry,
        integrations=settings.integration_users,
        comments=_comments(access) if settings.record_comments else None,
    )
    return Watch(access.clock, access.telemetry, access.transport, access.tokens, access.credentials, watcher)


def _comments(access: Access) -> Comments:
    client = client_of(access)
    return Comments(Records(client, ENTRIES), Records(client, READ_OF_APPROVALS))


def _plan(settings: WatchSettings) -> Callable[[Told], Sequence[str]]:
    """Return what tells what would follow an event. Only a shadow needs the rules for it."""
    from common.actions.change import change_in  # noqa: PLC0415
    from common.actions.follower import would_do  # noqa: PLC0415
    from common.incidents.rules import rules_to_run  # noqa: PLC0415

    rules = rules_to_run(RULES, settings.allowed_tables)

    def plan(told: Told) -> Sequence[str]:
        event = {"detail-type": RECORD_CHANGED, "time": told.at.isoformat(), "detail": told.detail}
        change = change_in(json.dumps(event), deployment=settings.deployment)
        return would_do(change, rules, settings.record_actions)

    return plan


def _bus(settings: WatchSettings, access: Access) -> Bus:
    if settings.shadow_mode:
        return ShadowBus(access.telemetry, _plan(settings) if settings.record_actions else lambda _: ())
    return EventBus(
        boto3.client("events", config=AWS_CONFIG),
        settings.event_bus,
        source=settings.event_source,
        clock=access.clock,
        telemetry=access.telemetry,
    )
