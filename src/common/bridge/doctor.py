"""The check-up, put together from the settings."""

from collections.abc import Mapping

import boto3

from common.bridge.access import AWS_CONFIG, QUICK_CONFIG, access_of, credentials_reader, token_endpoint, token_store
from common.checkup.checks import Examination, FixedToken, Parts
from common.checkup.report import Report, examine, failed
from common.errors import BridgeError
from common.incidents.ledger import Ledger
from common.servicenow.client import ServiceNowClient
from common.settings import read_settings


def check_up(environment: Mapping[str, str], *, write: bool) -> Report:
    """Walk through everything that has to work and return what was found; never raises.

    With `write` the walk also opens a marked incident and closes it.
    """
    try:
        settings = read_settings(environment)
        access = access_of(settings, environment)
    except BridgeError as error:
        return Report((failed("settings", error),))
    tokens = FixedToken()
    parts = Parts(
        settings,
        access.clock,
        access.transport,
        credentials_reader(settings),
        token_store(settings, access.clock, access.telemetry),
        token_endpoint(settings, access.transport, access.clock, access.telemetry),
        ServiceNowClient(access.transport, tokens, clock=access.clock, telemetry=access.telemetry),
        Ledger(boto3.client("dynamodb", config=QUICK_CONFIG), settings.ledger_table, clock=access.clock),
        boto3.client("sqs", config=AWS_CONFIG),
    )
    try:
        return examine(Examination(parts, tokens, write=write).checks())
    finally:
        access.transport.close()
        access.telemetry.flush()
