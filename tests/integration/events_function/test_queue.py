"""The queue in memory, on which outages are played, does what moto's SQS does."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.support.clock import FakeClock
from tests.support.deployment import REGION
from tests.support.moto import mock_aws
from tests.support.queue import InMemoryQueue, lambda_event

COUNTS = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]


@dataclass
class Sqs:
    """A client, its queue and the clock that it goes by."""

    client: Any
    url: str
    clock: FakeClock

    def send(self, *bodies: str) -> None:
        """Send messages."""
        for body in bodies:
            self.client.send_message(QueueUrl=self.url, MessageBody=body)

    def receive(self, most: int = 10) -> list[dict[str, Any]]:
        """Receive messages with all that the poller asks for."""
        answer = self.client.receive_message(
            QueueUrl=self.url,
            MaxNumberOfMessages=most,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["ApproximateReceiveCount"],
        )
        messages: list[dict[str, Any]] = answer.get("Messages", [])
        return messages

    def received(self, most: int = 10) -> list[tuple[str, int]]:
        """Receive messages; return their bodies with how often each was received."""
        records = lambda_event({"Messages": self.receive(most)})["Records"]
        return sorted((record["body"], int(record["attributes"]["ApproximateReceiveCount"])) for record in records)

    def hide(self, handle: str, seconds: int) -> None:
        """Change a message's visibility."""
        self.client.change_message_visibility(QueueUrl=self.url, ReceiptHandle=handle, VisibilityTimeout=seconds)

    def delete(self, handle: str) -> None:
        """Delete a message."""
        self.client.delete_message(QueueUrl=self.url, ReceiptHandle=handle)

    def counts(self) -> tuple[int, ...]:
        """Return how many messages are visible, and how many are not."""
        answer = self.client.get_queue_attributes(QueueUrl=self.url, AttributeNames=COUNTS)
        return tuple(int(answer["Attributes"][name]) for name in COUNTS)


@pytest.fixture(params=["in memory", "moto"])
def sqs(request: pytest.FixtureRequest) -> Iterator[Sqs]:
    """Provide an empty queue that hides messages for 360 seconds and gives each at most three times."""
    clock = FakeClock()
    if request.param == "in memory":
        queue = InMemoryQueue("https://sqs.example/events", clock.now, most_receives=3)
        yield Sqs(queue, queue.url, clock)
        return
    with (
        mock_aws(),
        patch("moto.sqs.models.unix_time_millis", lambda *_: clock.now() * 1000),
        patch("moto.sqs.models.unix_time", lambda *_: clock.now()),
    ):
        client = boto3.client("sqs", region_name=REGION, aws_access_key_id="-", aws_secret_access_key="-")
        dead = client.create_queue(QueueName="dead-letters")["QueueUrl"]
        arn = client.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        policy = f'{{"deadLetterTargetArn": "{arn}", "maxReceiveCount": 3}}'
        attributes = {"VisibilityTimeout": "360", "RedrivePolicy": policy}
        url = client.create_queue(QueueName="events", Attributes=attributes)["QueueUrl"]  # type: ignore[arg-type]
        yield Sqs(client, url, clock)


def test_a_received_message_is_hidden_until_its_time_is_over(sqs: Sqs) -> None:
    """Then it comes again, and counts its receives."""
    sqs.send("a", "b")
    assert sqs.counts() == (2, 0)
    assert sqs.received() == [("a", 1), ("b", 1)]
    assert sqs.received() == []
    assert sqs.counts() == (0, 2)
    sqs.clock.advance(361)
    assert sqs.counts() == (2, 0)
    assert sqs.received() == [("a", 2), ("b", 2)]


def test_no_more_messages_come_than_were_asked_for(sqs: Sqs) -> None:
    """Ten at most, as Lambda asks."""
    sqs.send(*map(str, range(12)))
    assert len(sqs.received(10)) == 10
    assert len(sqs.received(10)) == 2


def test_a_changed_visibility_counts_from_the_change(sqs: Sqs) -> None:
    """Longer, shorter, or not at all."""
    sqs.send("long", "none")
    handles = {message["Body"]: message["ReceiptHandle"] for message in sqs.receive()}
    sqs.clock.advance(100)
    sqs.hide(handles["long"], 3600)
    sqs.hide(handles["none"], 0)
    sqs.clock.advance(1)
    assert sqs.received() == [("none", 2)]
    sqs.clock.advance(3597)
    assert ("long", 2) not in sqs.received()
    sqs.clock.advance(3)
    assert ("long", 2) in sqs.received()


def test_a_deleted_message_is_gone_and_may_be_deleted_again(sqs: Sqs) -> None:
    """Whatever becomes of its visibility."""
    sqs.send("a")
    [message] = sqs.receive()
    sqs.delete(message["ReceiptHandle"])
    sqs.delete(message["ReceiptHandle"])
    sqs.clock.advance(361)
    assert sqs.received() == []
    assert sqs.counts() == (0, 0)


def test_a_message_with_attributes_keeps_them(sqs: Sqs) -> None:
    """The reason of a dead letter is one."""
    reason = {"Reason": {"DataType": "String", "StringValue": "because"}}
    sqs.client.send_message(QueueUrl=sqs.url, MessageBody="a", MessageAttributes=reason)
    assert sqs.receive()[0]["MessageAttributes"] == reason


def test_a_message_received_too_often_does_not_come_again(sqs: Sqs) -> None:
    """It is a dead letter then."""
    sqs.send("a")
    for receives in (1, 2, 3):
        assert sqs.received() == [("a", receives)]
        sqs.clock.advance(361)
    assert sqs.received() == []
    assert sqs.counts() == (0, 0)


def test_a_visibility_out_of_bounds_is_refused(sqs: Sqs) -> None:
    """Twelve hours are the most."""
    sqs.send("a")
    [message] = sqs.receive()
    with pytest.raises(ClientError):
        sqs.hide(message["ReceiptHandle"], 43_201)


def test_an_unknown_receipt_is_refused(sqs: Sqs) -> None:
    """For both calls that take one."""
    with pytest.raises(ClientError) as hiding:
        sqs.hide("unknown", 1)
    with pytest.raises(ClientError) as deleting:
        sqs.delete("unknown")
    assert {caught.value.response["Error"]["Code"] for caught in (hiding, deleting)} == {"ReceiptHandleIsInvalid"}
