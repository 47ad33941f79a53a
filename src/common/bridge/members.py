"""The way into other accounts, for the functions that act or look there."""

import boto3

from common.accounts import Accounts, Member
from common.bridge.clients import AWS_CONFIG
from common.clock import Clock
from common.settings import ActionSettings, FollowUpSettings


def members_of(settings: ActionSettings | FollowUpSettings, clock: Clock, *, session: str) -> Accounts:
    """Return the clients of the own account, and of those that MemberRoleName leads to; `session` names who comes."""
    return Accounts(
        settings.account,
        settings.region,
        Member(settings.member_role_name, settings.member_role_external_id, session),
        lambda: boto3.client("sts", config=AWS_CONFIG),
        clock=clock,
        partition=settings.partition,
    )
