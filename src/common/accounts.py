"""Clients of AWS in other accounts and other Regions: the role that is assumed there, and for how long it is kept.

In each other account stands a role of the name that the parameter MemberRoleName gives, and trusts the functions' role
on the condition of an external id, MemberRoleExternalId. The own account needs no role. The door is `Accounts`; it asks
nobody before the first client of another account is made.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from common.aws_errors import meaning
from common.clock import Clock
from common.errors import ConfigurationError, PermanentError

if TYPE_CHECKING:
    from mypy_boto3_sts.client import STSClient

ACCOUNT = "{account}"
"""Stands in the name of the role for the account's twelve digits."""

_SESSION_SECONDS = 900
"""The shortest that STS gives: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html"""

_RENEWED_BEFORE = 300.0
_MOST_CLIENTS = 64
_NUMBER = re.compile(r"[0-9]{12}")
_PLACE = re.compile(r"[a-z0-9-]{1,40}")
_NOT_IN_A_SESSION = re.compile(r"[^\w+=,.@-]", re.ASCII)
_LONGEST_SESSION = 64


@dataclass(frozen=True, slots=True)
class Member:
    """How other accounts are reached: by the role of a name there, `{account}` in it being its account; empty for not.

    `external_id` is what the role's trust asks for, empty where it asks for none. `session` tells CloudTrail who came.
    """

    role_name: str = ""
    external_id: str = ""
    session: str = "servicenow-bridge"

    def role_arn(self, partition: str, account: str) -> str:
        """Return the ARN of the role in `account`."""
        return f"arn:{partition}:iam::{account}:role/{self.role_name.replace(ACCOUNT, account)}"


@dataclass(slots=True)
class _Place:
    """What boto3 is told of one account, until a moment in seconds since the epoch."""

    arguments: Mapping[str, str]
    until: float


class Accounts:
    """Makes clients for an account and a Region, and keeps them while their credentials last."""

    def __init__(  # noqa: PLR0913 (where it stands, how it gets elsewhere, and time)
        self,
        own: str,
        region: str,
        member: Member,
        sts: "Callable[[], STSClient]",
        *,
        clock: Clock,
        partition: str = "aws",
    ) -> None:
        """Stand in the account `own` (twelve digits) and in `region`; `sts` makes the client that assumes roles."""
        self.own = own
        self.region = region
        self._member = member
        self._sts = sts
        self._clock = clock
        self.partition = partition
        self._places: dict[str, _Place] = {}
        self._clients: dict[tuple[str, str, str], tuple[float, Any]] = {}

    def client[Client](
        self, name: str, make: Callable[..., Client], account: str | None = None, region: str | None = None
    ) -> Client:
        """Return the client called `name` of an account and a Region, the own ones where None.

        `make` takes what boto3.client takes of it: `region_name`, and for another account its credentials. Raises
        ConfigurationError where the role is not there, or does not let this one in, TransientError where STS is away,
        PermanentError for what can be no account or no Region.
        """
        account, region = account or self.own, region or self.region
        if not _NUMBER.fullmatch(account) or not _PLACE.fullmatch(region):
            # Both may come from what somebody published, and become part of a role's name and of a host's.
            raise PermanentError(
                "An account or a Region is named that can't be one.",
                action="Look who sent the event that names it; accounts have twelve digits.",
                code="no_place",
            )
        key, now = (name, account, region), self._clock.now()
        until, client = self._clients.get(key, (0.0, None))
        if client is None or now >= until:
            place = self._place(account, now)
            client, until = make(region_name=region, **place.arguments), place.until
            if len(self._clients) >= _MOST_CLIENTS:
                self._clients.clear()
            self._clients[key] = until, client
        found: Client = client
        return found

    def _place(self, account: str, now: float) -> _Place:
        if account == self.own:
            return _Place({}, float("inf"))
        known = self._places.get(account)
        if known is None or now >= known.until:
            known = _Place(self._assumed(account), now + _SESSION_SECONDS - _RENEWED_BEFORE)
            self._places[account] = known
        return known

    def _assumed(self, account: str) -> Mapping[str, str]:
        if not self._member.role_name:
            raise ConfigurationError(
                f"Something is to be done in account {account}, and no role is named for other accounts.",
                action="Set the parameter MemberRoleName to the name of a role that stands in that account.",
                code="aws_denied",
            )
        arn = self._member.role_arn(self.partition, account)
        outside: dict[str, Any] = {"ExternalId": self._member.external_id} if self._member.external_id else {}
        try:
            credentials = self._sts().assume_role(
                RoleArn=arn,
                RoleSessionName=_NOT_IN_A_SESSION.sub("-", self._member.session)[:_LONGEST_SESSION],
                DurationSeconds=_SESSION_SECONDS,
                **outside,
            )["Credentials"]
        except (ClientError, BotoCoreError) as error:
            raise meaning(
                error,
                refused=f"The role {arn} can't be assumed",
                action="Look whether the role is there, and whether its trust names this function's role and the "
                "external id of the parameter MemberRoleExternalId.",
                failed="STS did not answer",
            ) from None
        return {
            "aws_access_key_id": credentials["AccessKeyId"],
            "aws_secret_access_key": credentials["SecretAccessKey"],
            "aws_session_token": credentials["SessionToken"],
        }
