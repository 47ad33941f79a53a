"""What becomes of each message that tells of a change."""

from collections.abc import Callable

import pytest

from common.actions.change import RecordChange
from common.actions.follower import Follower
from common.actions.inbox import Inbox
from common.clock import Deadline
from common.errors import BridgeError, ConfigurationError, PermanentError, TransientError
from common.queue import DEFECT_RECEIVES, RETENTION, EventQueue, Message
from tests.support.changes import DEPLOYMENT, message_of
from tests.support.clock import FakeClock
from tests.support.queue import InMemoryQueue, InMemorySQS
from tests.support.telemetry import readable_telemetry

QUEUE, DEAD_LETTERS = "https://sqs/actions", "https://sqs/dead-letters"


class Place:
    """An inbox with its queues, and a follower that does what a test says."""

    def __init__(self, follow: Callable[[RecordChange], None] = lambda _: None) -> None:
        """Start with empty queues."""
        self.clock = FakeClock()
        self.queue = InMemoryQueue(QUEUE, self.clock.now)
        self.dead_letters = InMemoryQueue(DEAD_LETTERS, self.clock.now)
        self.telemetry, self.log = readable_telemetry()
        self.seen: list[RecordChange] = []
        self._follow = follow
        self.followers: list[Follower] = [self]
        sqs = InMemorySQS(self.queue, self.dead_letters)
        queue = EventQueue(sqs, QUEUE, DEAD_LETTERS, telemetry=self.telemetry)  # type: ignore[arg-type]
        self.inbox = Inbox(
            self.followers,
            queue,
            deployment=DEPLOYMENT,
            telemetry=self.telemetry,
            now=self.clock.now,
            sample=lambda: 1.0,
        )

    def follow(self, change: RecordChange, deadline: Deadline) -> None:
        """Note the change and do what the test says."""
        assert deadline.remaining() > 0
        self.seen.append(change)
        self._follow(change)

    def run(self, *bodies: str, receives: int = 1, seconds: float = 60.0, age: float = 0.0) -> list[str]:
        """Handle these messages, each received so often, and return the ids of those that stay."""
        sent = self.clock.now() - age
        for body in bodies:
            self.queue.send_message(QueueUrl=QUEUE, MessageBody=body)
        received = self.queue.receive_message(QueueUrl=QUEUE, MaxNumberOfMessages=10)["Messages"]
        messages = [
            Message(each["MessageId"], each["ReceiptHandle"], each["Body"], receives=receives, sent_at=sent)
            for each in received
        ]
        return self.inbox.process(messages, Deadline.after(self.clock, seconds))

    def reasons(self) -> list[str]:
        """Return the reasons of the dead letters."""
        found = self.dead_letters.receive_message(QueueUrl=DEAD_LETTERS, MaxNumberOfMessages=10).get("Messages", [])
        return [each["MessageAttributes"]["Reason"]["StringValue"] for each in found]


def raising(error: Exception) -> Callable[[RecordChange], None]:
    """Return what raises that error of every change."""

    def follow(_: RecordChange) -> None:
        raise error

    return follow


def test_a_change_that_was_followed_leaves_the_queue() -> None:
    """The follower is told all of it."""
    place = Place()

    assert place.run(message_of("2", "6")) == []
    assert [change.number for change in place.seen] == ["INC0010001"]


@pytest.mark.parametrize(
    ("error", "counted"),
    [
        (TransientError("Throttled.", action="None."), "ActionsPostponed"),
        (ConfigurationError("Denied.", action="Allow it."), "ActionsHeld"),
    ],
)
def test_what_passes_or_has_to_be_mended_stays_in_the_queue(error: BridgeError, counted: str) -> None:
    """It comes back after a pause, and its kind is counted: one of them raises an alarm."""
    place = Place(raising(error))

    assert len(place.run(message_of("2", "6"))) == 1
    assert place.telemetry.counts()[counted] == 1
    assert place.queue.next_visible_at() == place.clock.now() + 15
    assert place.reasons() == []


def test_what_waits_until_its_queue_would_delete_it_becomes_a_dead_letter() -> None:
    """With the last reason, for a person who mends it after a week."""
    place = Place(raising(ConfigurationError("Denied.", action="Allow it.")))

    assert place.run(message_of("2", "6"), age=RETENTION - 60) == []
    assert "Denied." in place.reasons()[0]


@pytest.mark.parametrize(
    "body",
    [
        "no JSON",
        "[]",
        "{}",
        message_of("2", "6", deployment="another"),
        message_of("2", "6", updates="3"),
        message_of("2", "6", number=None),
        message_of("2", "6", record={"state": 6}),
        message_of("2", "6", changes={"state": {"new": "6"}}),
        message_of("2", "6", objects=["arn"]),
    ],
)
def test_what_tells_of_no_change_becomes_a_dead_letter(body: str) -> None:
    """At once, with what is wrong with it; nobody follows it."""
    place = Place()

    assert place.run(body) == []
    assert place.seen == []
    assert "tells of no change" in place.reasons()[0]


def test_what_is_wrong_with_one_object_becomes_a_dead_letter() -> None:
    """It is counted too; its neighbours go on."""
    place = Place(raising(PermanentError("The finding is gone.", action="Nothing.")))

    assert place.run(message_of("2", "6"), message_of("1", "6")) == []
    assert place.reasons() == ["The finding is gone."] * 2
    assert place.telemetry.counts()["ActionsRefused"] == 2


def test_what_one_follower_refuses_keeps_no_other_from_following() -> None:
    """Who waits for an answer gets it, although the object that the record stands for is gone."""
    place = Place(raising(PermanentError("The finding is gone.", action="Nothing.")))
    other = Place()
    place.followers.append(other)

    assert place.run(message_of("2", "6")) == []
    assert len(other.seen) == 1


def test_what_may_pass_counts_more_than_what_is_final() -> None:
    """The message comes back; as a dead letter nobody would try again what only has to be repeated."""
    place = Place(raising(PermanentError("The finding is gone.", action="Nothing.")))
    place.followers.append(Place(raising(TransientError("Throttled.", action="None."))))

    assert len(place.run(message_of("2", "6"))) == 1
    assert place.reasons() == []


def test_a_defect_is_tried_again_and_given_up_in_the_end() -> None:
    """With the name of the exception, and nothing of its text."""
    place = Place(raising(KeyError("secret")))

    assert len(place.run(message_of("2", "6"))) == 1
    assert place.run(message_of("2", "6"), receives=DEFECT_RECEIVES) == []
    assert place.telemetry.counts()["Defects"] == 2
    assert place.reasons() == ["The bridge failed on this message (KeyError)."]


def test_nothing_is_begun_for_which_too_little_time_is_left() -> None:
    """A function that is killed in the middle would have to do it twice."""
    place = Place()

    assert len(place.run(message_of("2", "6"), seconds=10.0)) == 1
    assert place.seen == []
