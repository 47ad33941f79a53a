"""The follow-up function's parts."""

from collections.abc import Mapping
from dataclasses import dataclass

import boto3

from common.bridge.access import Access, access_of, client_of, whole
from common.bridge.clients import QUICK_CONFIG, service_of
from common.bridge.members import members_of
from common.bridge.services import services_through
from common.context.additions import Source
from common.context.aws import Services
from common.context.changes import READ, Changes
from common.context.claims import Claims
from common.context.graph import Graphs
from common.context.log import Log
from common.context.outside import Outside
from common.context.runner import Runner
from common.incidents.alert import FollowUp
from common.incidents.changes import READ_FIELDS
from common.incidents.item import deployment_prefix
from common.incidents.ledger import Ledger
from common.servicenow.records import Records
from common.settings import FollowUpSettings, read_follow_up_settings


@dataclass(frozen=True, slots=True)
class FollowUps(Access):
    """What the follow-up function does."""

    runner: Runner


def build_follow_ups(environment: Mapping[str, str]) -> FollowUps:
    """Put the parts together; nothing but stored settings is fetched yet.

    Raises ConfigurationError that names the setting that is wrong, or as `whole`.
    """
    settings = read_follow_up_settings(whole(environment))
    access = access_of(settings, environment)
    ledger = Ledger(boto3.client("dynamodb", config=QUICK_CONFIG), settings.ledger_table, clock=access.clock)
    runner = Runner(
        sources_of(settings, services_of(settings, environment, access), access),
        Records(client_of(access), READ_FIELDS, masks=True),
        Claims(ledger, deployment=settings.deployment),
        per_minute=settings.per_minute,
        clock=access.clock,
        telemetry=access.telemetry,
    )
    return FollowUps(access.clock, access.telemetry, access.transport, access.tokens, access.credentials, runner)


def services_of(settings: FollowUpSettings, environment: Mapping[str, str], access: Access) -> Services:
    """Return a way into the services of AWS, here and where MemberRoleName leads."""
    return services_through(members_of(settings, access.clock, session=service_of(environment)))


def sources_of(settings: FollowUpSettings, services: Services, access: Access) -> dict[FollowUp, Source]:
    """Return where what is allowed is looked for."""
    outside = Outside(settings.masked)
    records = Records(client_of(access), READ)
    prefix = deployment_prefix(settings.deployment)
    sources: dict[FollowUp, Source] = {
        FollowUp.GRAPH: Graphs(services, access.clock),
        FollowUp.LOG: Log(services, outside, access.clock),
        FollowUp.EVENTS: Changes(services, records, prefix, outside, access.clock),
    }
    return {kind: source for kind, source in sources.items() if kind in settings.follow_ups}
