"""Clients for other accounts and Regions: which role is assumed, for how long, and what its absence means."""

from typing import Any

import pytest

from common.accounts import Accounts, Member
from common.errors import BridgeError, ConfigurationError, PermanentError, TransientError
from tests.support.changes import AwsService, refused
from tests.support.clock import FakeClock

GIVEN = {"AccessKeyId": "ASIAEXAMPLEEXAMPLE00", "SecretAccessKey": "s3cr3t", "SessionToken": "token"}


class Place:
    """Accounts as a function in 111122223333 sees them."""

    def __init__(self, member: Member, answer: Any = None) -> None:  # noqa: ANN401 (an answer of STS, or an error)
        """Let STS give `answer`."""
        self.clock = FakeClock()
        self.sts = AwsService("sts", assume_role=answer or {"Credentials": GIVEN})
        self.service = AwsService("securityhub")
        self.accounts = Accounts(
            "111122223333",
            "eu-west-1",
            member,
            lambda: self.sts,  # type: ignore[arg-type,return-value]
            clock=self.clock,
        )

    def client(self, account: str | None = None, region: str | None = None) -> object:
        """Return the client of a place."""
        return self.accounts.client("securityhub", self.service.make, account, region)


def test_the_own_account_takes_no_role() -> None:
    """In any Region, and a client is made once for each."""
    place = Place(Member())

    for region in (None, "eu-west-1", "us-east-1", "us-east-1"):
        place.client("111122223333", region)

    assert place.service.places == [{"region_name": "eu-west-1"}, {"region_name": "us-east-1"}]
    assert place.sts.calls == []


def test_another_account_takes_its_role_with_the_external_id() -> None:
    """The account's number may stand in the role's name; the session says who came."""
    place = Place(Member("team/bridge-{account}", "id-of-ours", "my bridge"))

    place.client("444455556666", "eu-west-3")

    ((_, asked),) = place.sts.calls
    assert asked["RoleArn"] == "arn:aws:iam::444455556666:role/team/bridge-444455556666"
    assert (asked["ExternalId"], asked["RoleSessionName"]) == ("id-of-ours", "my-bridge")
    assert place.service.places[0]["aws_session_token"] == "token"
    assert place.service.places[0]["region_name"] == "eu-west-3"


@pytest.mark.attack
@pytest.mark.parametrize(
    ("account", "region"),
    [
        ("444455556666:role/admin", None),
        ("444455556666/../admin", None),
        ("44445555666", None),
        ("aws", None),
        ("*", None),
        ("444455556666\n", None),
        (None, "evil.example/#"),
        (None, "eu-west-1.evil.example"),
        ("444455556666", "eu_west_1"),
    ],
)
def test_what_can_be_no_account_and_no_region_asks_nobody(account: str | None, region: str | None) -> None:
    """Whoever may publish to a listed topic writes both: neither another role nor another host comes of it."""
    place = Place(Member("bridge-{account}"))

    with pytest.raises(PermanentError, match="can't be one"):
        place.client(account, region)

    assert (place.sts.calls, place.service.places) == ([], [])


def test_credentials_serve_every_region_until_shortly_before_their_end() -> None:
    """STS is asked once in ten minutes for an account, however much is done there."""
    place = Place(Member("bridge"))
    place.client("444455556666", "eu-west-1")
    place.clock.advance(590)
    place.client("444455556666", "eu-west-2")
    place.client("444455556666", "eu-west-1")
    assert len(place.sts.calls) == 1

    place.clock.advance(20)
    place.client("444455556666", "eu-west-1")

    assert len(place.sts.calls) == 2
    assert len(place.service.places) == 3


@pytest.mark.parametrize(
    ("member", "answer", "kind", "told"),
    [
        (Member(), None, ConfigurationError, "MemberRoleName"),
        (Member("bridge"), refused("AccessDenied", 403), ConfigurationError, "MemberRoleExternalId"),
        (Member("bridge"), refused("ServiceUnavailable", 503), TransientError, "Health Dashboard"),
    ],
)
def test_what_keeps_it_out_is_told(member: Member, answer: object, kind: type[BridgeError], told: str) -> None:
    """And what a person does about it."""
    with pytest.raises(kind) as caught:
        Place(member, answer).client("444455556666")

    assert told in caught.value.action
