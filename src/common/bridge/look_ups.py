"""How tags are looked up, put together from the settings. Only imported where a deployment asks for it."""

from collections.abc import Mapping
from urllib.parse import urlsplit

import boto3

from common.accounts import Accounts, Member
from common.bridge.access import Access
from common.bridge.clients import QUICK_CONFIG, calls_within
from common.bridge.records import deployment_of
from common.context.shared import Shared
from common.context.tags import Makers, TagLookup
from common.incidents.ledger import Ledger
from common.settings import Settings

LOOK_UP_CONFIG = calls_within(0.5, 0.8, tries=1)
"""How long a look-up may take, in seconds: nobody waits longer than one for all of them, and none is repeated."""


def tag_lookup_of(settings: Settings, environment: Mapping[str, str], access: Access, ledger: Ledger) -> TagLookup:
    """Return what looks tags up; nothing is asked yet, and no client made."""
    return TagLookup(
        accounts_of(settings, environment, access),
        Makers(
            lambda **where: boto3.client("cloudwatch", config=LOOK_UP_CONFIG, **where),
            lambda **where: boto3.client("resourcegroupstaggingapi", config=LOOK_UP_CONFIG, **where),
            lambda **where: boto3.client("organizations", config=LOOK_UP_CONFIG, **where),
        ),
        Shared(ledger, deployment=deployment_of(settings)),
        accounts=settings.tag_lookups == "accounts",
        clock=access.clock,
        telemetry=access.telemetry,
    )


def accounts_of(settings: Settings, environment: Mapping[str, str], access: Access) -> Accounts:
    """Return the clients of the own account, and of others."""
    region = region_of(environment)
    return Accounts(
        account_of(settings),
        region,
        Member(settings.member_role_name, settings.member_role_external_id),
        lambda: boto3.client("sts", config=QUICK_CONFIG, region_name=region),
        clock=access.clock,
        partition=partition_of(settings),
    )


def account_of(settings: Settings) -> str:
    """Return the own account, which the address of the queue names."""
    return urlsplit(settings.queue_url).path.split("/")[1]


def partition_of(settings: Settings) -> str:
    """Return the partition of AWS in which the stack stands."""
    return settings.secret_id.split(":")[1] if settings.secret_id.startswith("arn:") else "aws"


def region_of(environment: Mapping[str, str]) -> str:
    """Return the Region in which the function runs."""
    return environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION", "")
