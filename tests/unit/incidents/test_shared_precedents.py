"""What one environment saw accepted counts in the others: refusals that nobody understands are judged by all of it."""

from typing import Any

import pytest

from common.incidents.ledger import Ledger
from common.incidents.shared_precedents import LOOKED_UP_EVERY, SharedPrecedents
from tests.support.clock import FakeClock
from tests.support.ledger import THROTTLED, InMemoryDynamoDB, refusal

MINE = ("POST", "incident", "mine")
OTHER = ("POST", "incident", "other")
SECONDS = LOOKED_UP_EVERY / 1000


class Given:
    """Environments of one deployment over one table, on one clock."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.dynamodb = InMemoryDynamoDB(self.clock.now)

    def environment(self, deployment: str = "one") -> SharedPrecedents:
        """Return a new environment."""
        client: Any = self.dynamodb
        return SharedPrecedents(Ledger(client, "ledger", clock=self.clock), deployment=deployment)

    def refused(self, *, seconds: float = 60.0, deployment: str = "one") -> bool:
        """Let a new environment see my write refused after a while; return whether it takes it for a matter of all."""
        self.clock.advance(seconds)
        return self.environment(deployment).concerns_everybody(*MINE)

    def accepted(self, write: tuple[str, str, str] = OTHER, *, by: SharedPrecedents | None = None) -> None:
        """Let an environment see a write accepted a minute later."""
        self.clock.advance(60)
        environment = by or self.environment()
        environment.accept(*write)
        environment.tell()


@pytest.fixture
def given() -> Given:
    """Provide an empty table."""
    return Given()


def test_what_another_environment_saw_accepted_since_decides(given: Given) -> None:
    """Every time in an environment of its own: it waits, and is given up after another was accepted."""
    assert given.refused()
    assert given.refused()
    given.accepted()
    assert not given.refused()


def test_what_was_accepted_before_says_nothing(given: Given) -> None:
    """Rights may have been lost since."""
    given.accepted()
    assert given.refused()
    assert given.refused()


@pytest.mark.parametrize("write", [("PATCH", "incident", "other"), ("POST", "problem", "other")])
def test_writes_of_another_kind_say_nothing(given: Given, write: tuple[str, str, str]) -> None:
    """Each has rights of its own."""
    assert given.refused()
    given.accepted(write)
    assert given.refused()


def test_other_deployments_say_nothing(given: Given) -> None:
    """They may share a table, and have users of their own."""
    assert given.refused(deployment="two")
    given.accepted()
    assert given.refused(deployment="two")


def test_who_did_not_come_back_begins_anew(given: Given) -> None:
    """It was accepted in the end, by whichever environment; a refusal much later is its first."""
    assert given.refused()
    given.accepted()
    assert given.refused(seconds=7200)
    assert given.refused()


def test_without_a_doubt_an_environment_reads_once_in_five_minutes(given: Given) -> None:
    """And writes nothing."""
    environment = given.environment()
    for _ in range(20):
        given.accepted(by=environment)
    assert given.dynamodb.calls.count("get_item") == 20 * 60 / SECONDS
    assert given.dynamodb.items == {}


def test_a_doubt_that_began_meanwhile_is_answered_five_minutes_later_at_the_latest(given: Given) -> None:
    """By an environment that looked just before."""
    environment = given.environment()
    given.accepted(by=environment)
    assert given.refused(seconds=1)
    given.accepted(by=environment)
    assert given.refused()
    given.clock.advance(SECONDS)
    given.accepted(by=environment)
    assert not given.refused()


def test_a_doubt_is_answered_once(given: Given) -> None:
    """What was accepted later adds nothing."""
    assert given.refused()
    for _ in range(5):
        given.accepted()
    assert given.dynamodb.calls.count("put_item") == 2


def test_trouble_of_the_ledger_holds_and_stops_nobody(given: Given) -> None:
    """What this environment saw itself still counts, and telling is tried again."""
    environment = given.environment()
    given.dynamodb.faults.append(refusal(THROTTLED, "GetItem", given.clock.now()))
    assert environment.concerns_everybody(*MINE)
    given.dynamodb.faults.append(refusal(THROTTLED, "GetItem", given.clock.now() + 60))
    given.accepted(by=environment)
    assert not environment.concerns_everybody(*MINE)
    assert given.refused()
    given.accepted(by=environment)
    assert not given.refused()


def test_who_loses_a_race_holds(given: Given) -> None:
    """The message comes back, and finds what the other wrote."""
    given.dynamodb.faults.extend([None, "repeated"])
    assert given.refused()
    assert given.refused()


def test_what_is_remembered_is_bounded(given: Given) -> None:
    """The problems that came back longest ago are forgotten."""
    for number in range(150):
        given.clock.advance(1)
        given.environment().concerns_everybody("POST", "incident", str(number))
    [item] = given.dynamodb.items.values()
    assert list(item["refused"]["M"]) == [str(number) for number in range(50, 150)]
