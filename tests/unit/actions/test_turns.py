"""Changes of one record are followed in their order, whatever the queue does with theirs."""

import json
from itertools import permutations

import pytest

from common.actions.change import RecordChange
from common.actions.decide import Action
from common.actions.follower import RuleFollower
from common.actions.turns import Turns
from common.clock import Deadline
from common.errors import BridgeError, NotYetError, TransientError
from common.incidents.ledger import Ledger
from tests.support.changes import DEPLOYMENT, change_of
from tests.support.clock import FakeClock
from tests.support.ledger import InMemoryDynamoDB
from tests.support.rules import SHIPPED
from tests.support.telemetry import readable_telemetry
from tests.support.watch import seeded

RESOLVED = change_of("2", "6", close_code="Solution provided", updates=1, time="2026-11-23T08:00:00Z")
REOPENED = change_of("6", "2", updates=2, time="2026-11-23T08:00:10Z")
AGAIN = change_of("2", "7", close_code="Duplicate", updates=3, time="2026-11-23T08:00:10Z")
BY_BRIDGE = change_of("6", "2", by="bridge", updates=2, time="2026-11-23T08:00:10Z")
RESTORED = change_of("6", "2", updates=0, time="2026-11-24T08:00:00Z")


class Place:
    """A follower with a ledger in memory, and one finding that everything is set on."""

    def __init__(self) -> None:
        """Start without turns."""
        self.clock = FakeClock()
        self.table = InMemoryDynamoDB(self.clock.now)
        self.telemetry, _ = readable_telemetry()
        self.finding = "NEW"
        self.sets: list[str] = []
        self.during: list[RecordChange] = []
        self.seconds = 1.0
        self.errors: list[BridgeError] = []

    def follower(self) -> RuleFollower:
        """Return one of a new environment."""
        ledger = Ledger(self.table, "ledger", clock=self.clock)  # type: ignore[arg-type]
        turns = Turns(ledger, deployment=DEPLOYMENT)
        return RuleFollower(SHIPPED, {"securityhub": self}, turns, telemetry=self.telemetry)

    def perform(self, action: Action, deadline: Deadline) -> None:
        """Set the finding, after what happens meanwhile."""
        assert deadline.remaining() > 0
        for change in self.during[:1]:
            self.during.clear()
            with pytest.raises(NotYetError):
                self.follow(change)
        self.clock.advance(self.seconds)
        if self.errors:
            raise self.errors.pop()
        self.finding = action.value
        self.sets.append(action.value)

    def follow(self, change: RecordChange) -> None:
        """Follow a change in a new environment."""
        self.follower().follow(change, Deadline.after(self.clock, 60))


@pytest.mark.parametrize("order", list(permutations([RESOLVED, REOPENED, AGAIN])))
def test_in_whatever_order_changes_come_the_newest_one_counts(order: list[RecordChange]) -> None:
    """Twice each, too: the queue gives a message out again now and then."""
    place = Place()

    for change in [*order, *order]:
        place.follow(change)

    assert place.finding == "SUPPRESSED"


def test_a_change_that_comes_late_is_followed_no_more() -> None:
    """It had to come back an hour later, and meanwhile somebody opened the record again."""
    place = Place()
    place.follow(REOPENED)

    place.follow(RESOLVED)

    assert place.sets == ["NOTIFIED"]
    assert place.telemetry.counts()["ActionsSuperseded"] == 1


def test_what_the_bridge_did_ends_what_came_before_it() -> None:
    """It opened the record again because the finding is there again: that somebody resolved it before is over."""
    place = Place()
    place.follow(BY_BRIDGE)

    place.follow(RESOLVED)

    assert place.sets == []


def test_two_changes_of_one_record_are_never_under_way_at_once() -> None:
    """The other one comes back when this one is done."""
    place = Place()
    place.during = [REOPENED]

    place.follow(RESOLVED)
    place.follow(REOPENED)

    assert place.sets == ["RESOLVED", "NOTIFIED"]


def test_a_record_that_was_restored_counts_anew() -> None:
    """Its count of updates is lower than before, its time is newer."""
    place = Place()
    place.follow(AGAIN)

    place.follow(RESTORED)

    assert place.finding == "NOTIFIED"


def test_what_failed_is_followed_again() -> None:
    """The turn is given back."""
    place = Place()
    place.errors = [TransientError("Throttled.", action="None.")]
    with pytest.raises(TransientError):
        place.follow(RESOLVED)

    place.follow(RESOLVED)

    assert place.sets == ["RESOLVED"]


def test_a_turn_of_an_environment_that_died_ends_by_itself() -> None:
    """After its run must have ended."""
    place = Place()
    turns = Turns(Ledger(place.table, "ledger", clock=place.clock), deployment=DEPLOYMENT)  # type: ignore[arg-type]
    assert turns.begin(RESOLVED, seconds=60) is not None
    with pytest.raises(NotYetError):
        place.follow(RESOLVED)
    place.clock.advance(76)

    place.follow(RESOLVED)

    assert place.sets == ["RESOLVED"]


def test_a_write_of_the_ledger_that_the_sdk_repeats_is_its_own() -> None:
    """It finds its own effect in its way."""
    place = Place()
    place.table.faults.extend([None, "repeated"])

    place.follow(RESOLVED)

    assert place.sets == ["RESOLVED"]


def test_histories_drawn_by_lot_end_with_the_newest() -> None:
    """A dozen changes, in any order, some failing at first, each delivered until it was followed."""
    for seed in range(200):
        random, place = seeded(seed), Place()
        states = [random.choice("1267") for _ in range(12)]
        changes = [
            change_of("6" if state in "12" else "2", state, updates=number, time=f"2026-11-23T08:00:{number // 3:02}Z")
            for number, state in enumerate(states)
        ]
        waiting = random.sample(changes, len(changes))
        while waiting:
            change = waiting.pop(random.randrange(len(waiting)))
            if random.random() < 0.3:
                place.errors = [TransientError("Throttled.", action="None.")]
            try:
                place.follow(change)
            except TransientError:
                waiting.append(change)
            place.errors.clear()
        assert place.finding == ("NOTIFIED" if states[-1] in "12" else "RESOLVED"), json.dumps([seed, states])
