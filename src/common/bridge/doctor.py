"""The check-up, put together from the settings."""

from collections.abc import Mapping
from functools import partial

import boto3

from common.accounts import Accounts, Member
from common.bridge.access import access_of, token_endpoint, token_store, whole
from common.bridge.clients import AWS_CONFIG, QUICK_CONFIG, RULES
from common.bridge.doors import webhook_secrets
from common.bridge.look_ups import account_of, partition_of, region_of, tag_lookup_of
from common.bridge.services import services_through
from common.checkup.account import Account
from common.checkup.checks import FixedToken, TokenTrial, doctor_checks
from common.checkup.dictionary import Dictionary
from common.checkup.doors import Doors
from common.checkup.follow_ups import FollowUpTrial
from common.checkup.gate import GateCheck
from common.checkup.instance import Instance
from common.checkup.limits import Limits
from common.checkup.look_ups import LookUps, subjects
from common.checkup.report import Report
from common.checkup.rotation import RotationCheck
from common.checkup.walk import examine, failed
from common.checkup.watch import WatchCheck
from common.checkup.windows import ChangeWindowCheck
from common.clock import Clock, Deadline
from common.context.configuration_items import ITEM_FIELDS
from common.context.request import Place
from common.errors import BridgeError
from common.incidents.change_windows import CHANGE_FIELDS
from common.incidents.ledger import Ledger
from common.incidents.rules import load_rules
from common.oauth.client import ClientInUse
from common.servicenow.client import ServiceNowClient
from common.servicenow.records import Records
from common.servicenow.registry import Registry
from common.settings import DoctorSettings, read_doctor_settings
from common.watch.decide import READ, watched_tables


def check_up(environment: Mapping[str, str], *, write: bool, seconds: float) -> Report:
    """Walk through everything that has to work, within `seconds`, and return what was found; never raises.

    With `write` the walk also opens a marked incident and resolves it.
    """
    try:
        complete = whole(environment)
    except BridgeError as error:
        return Report((failed("stored settings", error),))
    try:
        settings = read_doctor_settings(complete)
        access = access_of(settings, environment)
    except BridgeError as error:
        return Report((failed("settings", error),))
    tokens = FixedToken()
    client = ServiceNowClient(access.transport, tokens, clock=access.clock, telemetry=access.telemetry)
    ledger = Ledger(boto3.client("dynamodb", config=QUICK_CONFIG), settings.ledger_table, clock=access.clock)
    account = Account(access.credentials, ledger, boto3.client("sqs", config=AWS_CONFIG))
    endpoint = token_endpoint(settings, access.transport, access.clock, access.telemetry)
    in_use = ClientInUse(account.credentials, endpoint, access.telemetry, access.clock.now)
    store = token_store(settings, access.clock, access.telemetry)
    trial = TokenTrial(account, endpoint, store, tokens, in_use)
    rotation = RotationCheck(Registry(client), in_use, settings.rotation_days)
    instance = Instance(settings.instance_host, access.transport, client, clock=access.clock)
    rules = partial(load_rules, RULES, settings.allowed_tables, settings.requestable)
    dictionary = Dictionary(client, rules, settings.close_code)
    functions = boto3.client("lambda", config=AWS_CONFIG)
    limits = Limits(functions, settings.maximum_concurrency, settings.access_logging)
    doors = Doors(
        settings.webhook_sources,
        webhook_secrets(settings, access),
        settings.sns_topics,
        boto3.client("sns", config=AWS_CONFIG),
        settings.queue_url,
    )
    watch = WatchCheck(
        Records(client, READ),
        settings.deployment,
        watched_tables(settings.allowed_tables, changes=settings.change_gate),
        access.clock,
        watches=settings.watches_records,
    )
    look_ups = LookUps(
        rules,
        tag_lookup_of(settings, environment, access, ledger) if settings.tag_lookups != "none" else None,
        subjects(
            account_of(settings),
            region_of(environment),
            partition_of(settings),
            settings.queue_url.rpartition("/")[2],
            accounts=settings.tag_lookups == "accounts",
        ),
        Records(client, ITEM_FIELDS) if settings.finds_items else None,
    )
    try:
        checks = doctor_checks(
            settings,
            account,
            instance,
            trial,
            dictionary,
            limits=limits,
            doors=doors,
            rotation=rotation,
            watch=watch,
            follow_ups=_follow_ups(settings, environment, access.clock),
            look_ups=look_ups,
            change_windows=ChangeWindowCheck(Records(client, CHANGE_FIELDS), quiets=settings.change_windows),
            gate=GateCheck(client, Records(client, ("sys_id", "approval")), settings.change_gate),
            write=write,
        )
        return examine(checks, Deadline.after(access.clock, seconds))
    finally:
        access.transport.close()
        access.telemetry.flush()


def _follow_ups(settings: DoctorSettings, environment: Mapping[str, str], clock: Clock) -> FollowUpTrial:
    """Return what tries the calls behind FollowUps."""
    place = Place(account_of(settings), region_of(environment))
    accounts = Accounts(
        place.account, place.region, Member(), lambda: boto3.client("sts", config=AWS_CONFIG), clock=clock
    )
    return FollowUpTrial(services_through(accounts), settings.follow_ups, place, partition_of(settings))
