"""At most once, the newest first, so many a minute, and never to the record's harm."""

from collections.abc import Sequence
from typing import Any

import pytest

from common.clock import Deadline
from common.context.additions import Addition, File, Note
from common.context.claims import Claims
from common.context.request import Request
from common.context.runner import LONGEST_WAIT, Runner
from common.errors import AmbiguousError, ConfigurationError, PermanentError, TransientError
from common.incidents.alert import FollowUp
from common.incidents.ledger import Ledger
from common.queue import Message
from common.servicenow.client import Content
from common.telemetry import Telemetry
from tests.support.clock import FakeClock
from tests.support.context import FakeRecords, event, request
from tests.support.ledger import THROTTLED, InMemoryDynamoDB, refusal

PICTURE = File("alarm.png", Content("image/png", b"png"))
NOTE = Note("Lines of the log: password=hunter22")
ALARM = event("cloudwatch-alarm-metric-alarm")
AWAY = TransientError("ServiceNow is away.", action="Nothing.")
UNCLEAR = AmbiguousError("No answer.", action="Nothing.")
REFUSED = PermanentError("ServiceNow refuses it.", action="Nothing.")
NO_RIGHT = ConfigurationError("AWS refuses cloudwatch:DescribeAlarms.", action="Give the right.")


class World:
    """A runner with everything around it in memory."""

    def __init__(self, *, per_minute: int = 20, faults: Sequence[Exception | None] = ()) -> None:
        """Start with an open record; writes of ServiceNow end with `faults`."""
        self.clock = FakeClock()
        self.dynamodb = InMemoryDynamoDB(self.clock.now)
        self.records = FakeRecords(faults=faults)
        self.telemetry = Telemetry("test")
        self.found: Sequence[Addition] | Exception = [PICTURE]
        self.looked: list[Request] = []
        ledger = Ledger(self.dynamodb, "ledger", clock=self.clock)  # type: ignore[arg-type]
        self.runner = Runner(
            dict.fromkeys(FollowUp, self.source),
            self.records,
            Claims(ledger, deployment="test"),
            per_minute=per_minute,
            clock=self.clock,
            telemetry=self.telemetry,
        )

    def source(self, asked: Request, _: Deadline) -> Sequence[Addition]:
        """Return what there is to add."""
        self.looked.append(asked)
        if isinstance(self.found, Exception):
            raise self.found
        return self.found

    def run(self, *messages: Message, seconds: float = 300) -> list[str]:
        """Handle a batch."""
        return self.runner.run(messages, Deadline.after(self.clock, seconds))

    def counted(self, name: str) -> int:
        """Return how often something was counted."""
        return self.telemetry.counts().get(name, 0)


def message(number: int = 1, *kinds: FollowUp, receives: int = 1, sent_at: float | None = None, **asks: Any) -> Message:  # noqa: ANN401
    """Return a message that asks for something for the record of that number."""
    asked = request(ALARM, *kinds, sys_id=f"{number:032x}", **asks)
    return Message(f"message-{number}", "", asked.body(), receives, sent_at)


def test_what_is_found_is_added() -> None:
    """A file as an attachment, a text as a work note."""
    world = World()
    world.found = [PICTURE, NOTE]

    assert world.run(message()) == []
    assert world.records.files == [("alarm.png", b"png")]
    assert len(world.records.notes) == 1
    assert world.counted("FollowUpsAdded") == 2


def test_a_message_that_comes_again_adds_nothing_and_costs_nothing() -> None:
    """SQS delivers twice. Even AWS is not asked again."""
    world = World()
    world.run(message())
    world.run(message(receives=2))

    assert len(world.records.files) == 1
    assert len(world.looked) == 1


def test_two_workers_at_once_add_one() -> None:
    """The claim is a conditional write: one of both loses it."""
    world = World()
    other = World()
    other.dynamodb.items = world.dynamodb.items
    world.found = [PICTURE]
    original = world.source

    def meanwhile(asked: Request, deadline: Deadline) -> Sequence[Addition]:
        other.run(message())
        return original(asked, deadline)

    world.runner._sources = {FollowUp.GRAPH: meanwhile}
    world.run(message())

    assert (len(world.records.files), len(other.records.files)) == (0, 1)


def test_a_lost_answer_is_never_repeated() -> None:
    """Rather none than two."""
    world = World(faults=[UNCLEAR])

    assert world.run(message()) == []
    world.run(message(receives=2))
    assert world.records.files == []
    assert world.counted("FollowUpsRefused") == 1


def test_what_was_provably_not_added_comes_back() -> None:
    """ServiceNow was away before anything was sent."""
    world = World(faults=[AWAY])

    assert world.run(message()) == ["message-1"]
    assert world.run(message(receives=2)) == []
    assert len(world.records.files) == 1


def test_what_was_added_in_part_is_not_tried_again() -> None:
    """The first of two pictures is there already."""
    world = World(faults=[None, AWAY])
    world.found = [PICTURE, PICTURE]
    world.run(message())
    world.run(message(receives=2))

    assert len(world.records.files) == 1


@pytest.mark.parametrize(("receives", "stays"), [(1, True), (2, True), (3, False)])
def test_what_aws_does_not_answer_is_tried_three_times(receives: int, *, stays: bool) -> None:
    """Throttled, or away."""
    world = World()
    world.found = TransientError("cloudwatch:DescribeAlarms did not answer.", action="Nothing.")

    assert bool(world.run(message(receives=receives))) is stays
    assert world.counted("FollowUpsRefused") == 1
    assert world.records.files == []


@pytest.mark.parametrize("error", [NO_RIGHT, REFUSED, ValueError("odd")], ids=["no right", "gone", "a defect"])
def test_what_no_try_can_mend_is_said_once_and_over(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    """One line and one count; the record stays as it is, and the other kinds get their turn."""
    world = World()
    world.found = error

    assert world.run(message(1, FollowUp.GRAPH, FollowUp.LOG)) == []
    assert len(world.looked) == 2
    assert world.records.files == []
    assert world.counted("FollowUpsRefused") + world.counted("Defects") == 2
    if error is NO_RIGHT:
        assert "AWS refuses cloudwatch:DescribeAlarms" in caplog.text


@pytest.mark.parametrize("state", ["7", "8", None], ids=["closed", "cancelled", "gone"])
def test_a_record_that_was_closed_meanwhile_gets_nothing(state: str | None) -> None:
    """Nobody reads it any more, and some instances forbid it."""
    world = World()
    world.records.state = state

    assert world.run(message()) == []
    assert world.records.files == []
    assert world.counted("FollowUpsTooLate") == 1


@pytest.mark.attack
def test_a_record_that_is_not_of_this_problem_gets_nothing() -> None:
    """Whatever a message says."""
    world = World()
    world.records.correlation_id = "b" * 32 + "-" + "0" * 16

    world.run(message())

    assert world.records.files == []


def test_a_resolved_record_gets_the_picture_of_its_episode() -> None:
    """It was resolved by the very recovery."""
    world = World()
    world.records.state = "6"

    world.run(message(ended=1))

    assert len(world.records.files) == 1


def test_each_episode_gets_its_own() -> None:
    """The same record, opened again."""
    world = World()
    world.run(message(1, order=11))
    world.run(message(1, order=21))

    assert len(world.records.files) == 2


def test_of_more_than_a_minute_allows_the_newest_come_first_and_the_rest_is_dropped() -> None:
    """With a count, so that somebody can raise the limit."""
    world = World(per_minute=3)
    now = world.clock.now()
    storm = [message(number, sent_at=now - 100 + number) for number in range(1, 11)]

    assert world.run(*storm) == []
    assert [int(asked.sys_id, 16) for asked in world.looked] == [10, 9, 8]
    assert world.counted("FollowUpsDropped") == 7
    world.run(message(11))
    assert len(world.looked) == 3
    world.clock.sleep(60)
    world.run(message(12))
    assert len(world.looked) == 4


def test_what_waited_too_long_is_dropped() -> None:
    """Whoever has the record has looked for themselves."""
    world = World()

    assert world.run(message(sent_at=world.clock.now() - LONGEST_WAIT - 1)) == []
    assert world.looked == []
    assert world.counted("FollowUpsDropped") == 1


def test_what_does_not_fit_into_a_run_comes_back() -> None:
    """It is not begun with."""
    world = World()

    assert world.run(message(), seconds=30) == ["message-1"]
    assert world.looked == []


@pytest.mark.attack
def test_a_message_of_somebody_else_is_dropped() -> None:
    """And does not keep its neighbours from theirs."""
    world = World()

    assert world.run(Message("odd", "", "{}"), message()) == []
    assert len(world.records.files) == 1


@pytest.mark.parametrize("calls", [1, 2, 3, 4])
def test_a_ledger_that_is_away_adds_nothing(calls: int) -> None:
    """Before the claim nothing is written to ServiceNow; the message comes back."""
    world = World()
    world.dynamodb.faults.extend([None] * calls + [refusal(THROTTLED, "Call", 0)])

    stay = world.run(message())

    assert stay == ["message-1"]
    assert world.records.files == []


def test_a_write_of_the_claim_that_the_sdk_repeats_counts_once() -> None:
    """It meets its own."""
    world = World()
    world.dynamodb.faults.extend([None, None, None, None, "repeated"])

    world.run(message())

    assert len(world.records.files) == 1
