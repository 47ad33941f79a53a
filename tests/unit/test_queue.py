from collections.abc import Callable, Iterator
from itertools import cycle
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ParamValidationError, ReadTimeoutError
from hypothesis import given
from hypothesis import strategies as st

from common.errors import (
    AmbiguousError,
    BridgeError,
    ConfigurationError,
    CredentialsError,
    PermanentError,
    TransientError,
)
from common.incidents.windows import LONGEST_WINDOW
from common.queue import EventQueue, Message, pause_before_return, pause_until, tries_since
from tests.support.moto import mock_aws
from tests.support.reports import Reports

WEEK = 7 * 86_400
REFUSED = PermanentError("It is refused.", action="Mend it.")
LATER = TransientError("Not now.", action="Wait.")


@pytest.fixture
def reports() -> Reports:
    """Provide telemetry that can be read."""
    return Reports()


class Queues:
    """The two queues in moto."""

    def __init__(self, reports: Reports) -> None:
        self.sqs = boto3.client("sqs", region_name="eu-west-1")
        self.events = self.sqs.create_queue(QueueName="events", Attributes={"VisibilityTimeout": "360"})["QueueUrl"]
        self.dead_letters = self.sqs.create_queue(QueueName="dead-letters")["QueueUrl"]
        self.queue = EventQueue(self.sqs, self.events, self.dead_letters, telemetry=reports.telemetry)

    def receive(self, body: str) -> Message:
        """Put a message into the event queue and take it out as Lambda does."""
        self.sqs.send_message(QueueUrl=self.events, MessageBody=body)
        (received,) = self.sqs.receive_message(QueueUrl=self.events)["Messages"]
        return Message(received["MessageId"], received["ReceiptHandle"], received["Body"])

    def visible(self) -> list[str]:
        """Return the bodies that can be received now."""
        answer = self.sqs.receive_message(QueueUrl=self.events, MaxNumberOfMessages=10)
        return [message["Body"] for message in answer.get("Messages", [])]

    def refused(self) -> list[dict[str, Any]]:
        """Return the messages of the dead-letter queue."""
        answer = self.sqs.receive_message(
            QueueUrl=self.dead_letters, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        )
        return [dict(message) for message in answer.get("Messages", [])]


@pytest.fixture
def queues(reports: Reports) -> Iterator[Queues]:
    """Provide both queues."""
    with mock_aws():
        yield Queues(reports)


def test_a_message_is_read_from_a_record_of_lambda() -> None:
    """Only what is needed is taken over."""
    record = {
        "messageId": "m-1",
        "receiptHandle": "r-1",
        "body": "{}",
        "attributes": {"ApproximateReceiveCount": "4", "SentTimestamp": "1"},
        "eventSource": "aws:sqs",
    }
    assert Message.of(record) == Message("m-1", "r-1", "{}", 4, 0.001)


@pytest.mark.parametrize(
    ("attributes", "receives"),
    [({}, 1), ({"ApproximateReceiveCount": 7}, 7), ({"ApproximateReceiveCount": "-1"}, 1), ({"x": "2"}, 1)],
)
def test_odd_records_still_make_a_message(attributes: dict[str, Any], receives: int) -> None:
    """What does not say how often it came counts as new."""
    assert Message.of({"messageId": "m", "attributes": attributes}) == Message("m", "", "", receives)
    assert Message.of({"messageId": "m"}).receives == 1


def test_a_message_does_not_show_its_body() -> None:
    """An event may hold what does not belong into a log."""
    assert "confidential" not in repr(Message("m", "r", "confidential"))


def test_a_message_for_later_is_hidden(queues: Queues, reports: Reports) -> None:
    """It is not deleted, and comes back when its time is over."""
    queues.queue.later(queues.receive("soon"), 0.4)
    assert queues.visible() == ["soon"]
    queues.queue.later(queues.receive("later"), 3600.0)
    assert queues.visible() == []
    attributes = queues.sqs.get_queue_attributes(
        QueueUrl=queues.events, AttributeNames=["ApproximateNumberOfMessagesNotVisible"]
    )
    assert attributes["Attributes"]["ApproximateNumberOfMessagesNotVisible"] == "2"
    assert reports.counts == {}


def test_a_finished_message_is_gone(queues: Queues) -> None:
    """It does not come back, whatever becomes of the function."""
    message = queues.receive("event")
    assert queues.queue.finish(message) is True
    queues.queue.later(message, 0)
    assert queues.visible() == []


def test_a_dead_letter_keeps_its_body_and_says_why(queues: Queues) -> None:
    """Whoever looks into the queue reads what is wrong and what to do, and can send it again as it was."""
    body = '{"detail": "é 🔥 \\ud83d"}'
    assert queues.queue.dead_letter(queues.receive(body), REFUSED) is True
    (letter,) = queues.refused()
    assert letter["Body"] == body
    assert {name: value["StringValue"] for name, value in letter["MessageAttributes"].items()} == {
        "Reason": "It is refused.",
        "Action": "Mend it.",
    }


@pytest.mark.parametrize(
    ("words", "stored"),
    [
        ("nul\x00, bell\x07, escape\x1b", "nul, bell, escape"),
        ("half a pair \ud83d", "half a pair"),
        ("not a character \ufffe\uffff", "not a character"),
        ("tab\t, lines\r\n, é, 🔥, \u202e.", "tab , lines , é, 🔥, ."),
        ("\x00", "?"),
        ("x" * 5000, "x" * 1024),
    ],
)
def test_a_reason_holds_only_what_sqs_takes(queues: Queues, words: str, stored: str) -> None:
    """SQS refuses a message with a forbidden character, and the refused message would never leave."""
    assert queues.queue.dead_letter(queues.receive("event"), PermanentError(words, action=words))
    (letter,) = queues.refused()
    assert {value["StringValue"] for value in letter["MessageAttributes"].values()} == {stored}


def test_a_message_without_a_body_can_be_refused(queues: Queues) -> None:
    """SQS takes no empty body."""
    assert queues.queue.dead_letter(Message("m", "r", ""), REFUSED)
    assert [letter["Body"] for letter in queues.refused()] == [" "]


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Callable[[Exception], Any]:
    """Provide a client of which every call fails."""

    def break_with(error: Exception) -> Any:  # noqa: ANN401 (a boto3 client)
        def call(*_: object) -> None:
            raise error

        sqs = boto3.client("sqs", region_name="eu-west-1")
        monkeypatch.setattr(sqs, "_make_api_call", call)
        return sqs

    return break_with


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "SendMessage"),
        ClientError({"Error": {"Code": "RequestThrottled", "Message": "slow"}}, "SendMessage"),
        ClientError({"Error": {"Code": "AWS.SimpleQueueService.NonExistentQueue", "Message": "gone"}}, "SendMessage"),
        ReadTimeoutError(endpoint_url="https://sqs"),
        EndpointConnectionError(endpoint_url="https://sqs"),
        ParamValidationError(report="bad"),
    ],
    ids=["denied", "throttled", "no queue", "no answer", "no connection", "bad parameter"],
)
def test_no_trouble_with_the_queue_raises(
    broken: Callable[[Exception], Any], error: Exception, reports: Reports
) -> None:
    """The message then just stays, and somebody can see that the queue was in trouble."""
    queue = EventQueue(broken(error), "events", "dead-letters", telemetry=reports.telemetry)
    message = Message("m", "r", "body")
    queue.later(message, 10)
    assert queue.finish(message) is False
    assert queue.dead_letter(message, REFUSED) is False
    assert reports.counts.pop("QueueFaults") == 3
    operations = [line["operation"] for line in reports.lines]
    assert operations == ["change_message_visibility", "delete_message", "send_message"]


def test_an_expired_receipt_does_not_raise(queues: Queues, reports: Reports) -> None:
    """A message that was away too long belongs to somebody else by now."""
    queues.queue.later(Message("m", "no-such-receipt", "body"), 10)
    assert reports.counts == {"QueueFaults": 1}


@pytest.mark.parametrize(
    ("code", "counts"),
    [
        ("AccessDenied", {"Held": 1}),
        ("AWS.SimpleQueueService.NonExistentQueue", {"Held": 1}),
        ("KMS.DisabledException", {"Held": 1}),
        ("KmsAccessDenied", {"Held": 1}),
        ("KmsThrottled", {}),
        ("RequestThrottled", {}),
        ("OverLimit", {}),
    ],
)
def test_a_queue_that_waits_for_a_person_is_held_and_named(
    broken: Callable[[Exception], Any], reports: Reports, code: str, counts: dict[str, int]
) -> None:
    """The metric is the one that an alarm watches, and the log has AWS's own code."""
    sqs = broken(ClientError({"Error": {"Code": code, "Message": "no"}}, "SendMessage"))
    queue = EventQueue(sqs, "events", "dead-letters", telemetry=reports.telemetry)

    assert queue.dead_letter(Message("m", "r", "body"), REFUSED) is False

    assert reports.counts == {"QueueFaults": 1, **counts}
    (line,) = reports.lines
    assert line["reason"] == code
    assert line["level"] == ("ERROR" if counts else "WARNING")


@pytest.mark.parametrize(
    ("receives", "age", "pause", "ends"),
    [
        (1, 0.0, 3600.0, False),
        (1, 6.9 * 86_400, 3600.0, False),
        (1, 6.96 * 86_400, 3600.0, True),
        (1000, 0.0, 1.0, True),
    ],
)
def test_a_message_knows_when_the_queue_would_lose_it(receives: int, age: float, pause: float, *, ends: bool) -> None:
    """It is kept for 7 days and for 1,000 receives; a pause that would end too late does not begin."""
    assert Message("m", "r", "{}", receives, sent_at=1000.0).ends_within(pause, 1000.0 + age) is ends


@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize("sample", [0.0, 0.5, 1.0])
def test_pauses_grow_and_never_shrink(sample: float, *, held: bool) -> None:
    """From seconds to an hour, or to 800 s while everything is held."""
    pauses = [pause_before_return(receives, LATER, held=held, sample=sample) for receives in range(1, 1001)]
    assert pauses == sorted(pauses)
    assert 10 <= pauses[0] <= 15
    longest = 800 if held else 3600
    assert 0.75 * longest <= pauses[-1] <= longest


@given(st.integers(-5, 10**9), st.floats(0, 1), st.booleans(), st.none() | st.floats(0, 1e9))
def test_every_pause_is_one_that_sqs_takes(receives: int, sample: float, held: bool, asked: float | None) -> None:  # noqa: FBT001 (Hypothesis passes by position)
    """At least a moment, at most an hour."""
    error = TransientError("Not now.", action="Wait.", retry_after=asked)
    assert 1.0 <= pause_before_return(receives, error, held=held, sample=sample) <= (800 if held else 3600)


def receives_in(seconds: float, error: BridgeError, samples: Iterator[float], *, held: bool) -> int:
    """Return how often a message is received in that time if every try ends with `error` at once."""
    elapsed, receives = 0.0, 0
    while elapsed < seconds:
        receives += 1
        elapsed += pause_before_return(receives, error, held=held, sample=next(samples))
    return receives


@pytest.mark.parametrize("asked", [None, 0.0, 1.0, 30.0, 3600.0])
@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize("samples", [(0.0,), (0.0, 1.0, 0.3)], ids=["shortest", "mixed"])
def test_a_message_outlasts_a_week_of_failures(samples: tuple[float, ...], asked: float | None, *, held: bool) -> None:
    """After 1,000 receives SQS moves a message away without a reason, so a week must take fewer.

    That holds for a server too which answers "503, come back in a second" all week.
    """
    kind = CredentialsError if held else AmbiguousError
    error = kind("Down.", action="Wait.", retry_after=asked)
    assert receives_in(WEEK, error, cycle(samples), held=held) < 1000


@pytest.mark.parametrize(
    ("asked", "held", "pause"),
    [
        (0.0, False, 1.0),
        (1.0, False, 1.0),
        (42.0, False, 42.0),
        (3600.0, False, 3600.0),
        (9999.0, False, 3600.0),
        (30.0, True, 30.0),
        (3600.0, True, 800.0),
    ],
)
@pytest.mark.parametrize("receives", [1, 5, 10])
def test_what_was_asked_for_counts_at_first(asked: float, pause: float, receives: int, *, held: bool) -> None:
    """A lock that ends in 42 s brings the message back in 42 s; while everything is held nobody waits an hour."""
    kind = ConfigurationError if held else TransientError
    error = kind("Not now.", action="Wait.", retry_after=asked)
    assert pause_before_return(receives, error, held=held, sample=0.0) == pause


def test_what_was_asked_for_stays_the_least_pause() -> None:
    """However often a message came, the server is not asked earlier than it wants."""
    error = TransientError("Limited.", action="Wait.", retry_after=2000.0)
    pauses = [pause_before_return(receives, error, held=False, sample=0.0) for receives in range(1, 40)]
    assert min(pauses) == 2000.0
    assert pauses == sorted(pauses)


@pytest.mark.parametrize(
    ("seconds", "pause"),
    [(0.2, 1.0), (59.0, 59.0), (240.0, 240.0), (241.0, 120.5), (3600.0, 240.0), (86_400.0, 240.0), (90_000.0, 900.0)],
)
def test_what_waits_for_its_hour_looks_at_it_now_and_then(seconds: float, pause: float) -> None:
    """At the hour itself, and in even steps of four minutes at most before it; beyond a day, of fifteen."""
    assert pause_until(seconds) == pause


def test_a_wait_costs_few_receives() -> None:
    """At most 15 an hour and one a minute; the longest window leaves enough of the thousand for an outage after it."""

    def looks(seconds: float) -> list[float]:
        pauses = []
        while seconds > 0:
            pauses.append(pause_until(seconds))
            seconds -= pauses[-1]
        return pauses

    assert len(looks(3600.0)) == 15
    assert min(looks(3600.0)) > 60
    assert len(looks(12 * 3600.0)) == 180
    assert len(looks(LONGEST_WINDOW / 1000)) < 700


@pytest.mark.parametrize(
    ("hour", "now", "tries"),
    [(0.0, 1e9, 40), (100.0, 99.0, 40), (100.0, 100.0, 1), (100.0, 115.0, 2), (100.0, 145.0, 3), (100.0, 1e9, 26)],
)
def test_tries_are_counted_from_the_hour(hour: float, now: float, tries: int) -> None:
    """Receives before it were no sign of trouble; who had not to wait, or still has, is judged by all of them."""
    assert tries_since(hour, 40, now) == tries


def test_no_more_tries_than_receives_are_counted() -> None:
    """A message may have been in the queue for long before anybody saw it."""
    assert tries_since(100.0, 2, 1e9) == 2
