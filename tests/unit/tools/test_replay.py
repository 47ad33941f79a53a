"""`make replay`, against a queue whose answers are made up."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pytest

from tests.support.aws_service import Service, refused
from tools.deployed import DeployedStack, ToolError
from tools.replay import replay

OUTPUTS = {
    "QueueUrl": "https://sqs.example/events",
    "DeadLetterQueueUrl": "https://sqs.example/dead",
    "EventDeadLetterQueueUrl": "https://sqs.example/undelivered",
}
LONG_AGO, LATER = "1000", "99999999999999"
CHANGE = json.dumps({"detail-type": "ServiceNow Record Changed"})


def letter(name: str, sent: str = LONG_AGO) -> dict[str, Any]:
    """Return a dead letter whose body is its name; `sent` is its time in milliseconds since the epoch."""
    return {"MessageId": name, "ReceiptHandle": name, "Body": name, "Attributes": {"SentTimestamp": sent}}


class Queues:
    """The queues of a stack: each answer to a receiver of dead letters is made up, and what is sent is kept."""

    def __init__(self, *answers: list[dict[str, Any]], forbidden: str = "") -> None:
        """Answer in this order, and then with nothing; refuse to send to the queue `forbidden`."""
        self.sent: list[tuple[str, str]] = []
        self.deleted: list[str] = []
        self._answers: Iterable[list[dict[str, Any]]] = iter(answers)
        self._forbidden = forbidden
        self.stack = _Stack(OUTPUTS, Service("sqs", self._answer).client)

    def _answer(self, operation: str, asked: Mapping[str, Any]) -> Mapping[str, Any] | Exception:
        if operation == "ReceiveMessage":
            is_ours = asked["QueueUrl"] == OUTPUTS["DeadLetterQueueUrl"]
            return {"Messages": next(self._answers, []) if is_ours else []}  # type: ignore[call-overload]
        if operation == "DeleteMessage":
            self.deleted.append(asked["ReceiptHandle"])
            return {}
        if asked["QueueUrl"] == self._forbidden:
            return refused("AccessDenied", operation)
        self.sent.append((asked["QueueUrl"], asked["MessageBody"]))
        return {"MessageId": "1", "MD5OfMessageBody": "0"}


class _Stack(DeployedStack):
    def client(self, service: str, config: object = None) -> Any:  # noqa: ANN401 (a boto3 client)
        assert (service, config) == ("sqs", None)
        return self.session


def test_letters_that_were_refused_again_hide_none_of_the_others() -> None:
    """However many of them an answer holds, what stood there before is sent; they are not."""
    again = [[letter(f"again-{number}", LATER)] for number in range(15)]
    queues = Queues([letter("first")], *again, [letter("second")], [letter("first")])

    assert len(list(replay(queues.stack))) == 2
    assert [body for _, body in queues.sent] == queues.deleted == ["first", "second"]


def test_a_queue_that_fills_as_fast_as_it_is_read_ends_the_round() -> None:
    """Nobody waits for ever where each answer holds newer letters."""

    def endless() -> Iterator[list[dict[str, Any]]]:
        number = 0
        while True:
            number += 1
            yield [letter(f"new-{number}", LATER)]

    queues = Queues()
    queues._answers = endless()

    assert list(replay(queues.stack)) == []
    assert queues.sent == []


def test_a_letter_whose_queue_is_gone_stays_and_the_others_go() -> None:
    """Somebody switched RecordActions off since; the command ends with what to switch on."""
    queues = Queues([letter("1") | {"Body": CHANGE}, letter("2")])

    with pytest.raises(ToolError, match=r"1 messages stay: .*only with RecordActions"):
        list(replay(queues.stack))

    assert queues.sent == [(OUTPUTS["QueueUrl"], "2")]
    assert queues.deleted == ["2"]


def test_whoever_may_not_send_is_told_what_is_where() -> None:
    """A letter that was not sent is not deleted."""
    queues = Queues([letter("1")], forbidden=OUTPUTS["QueueUrl"])

    with pytest.raises(ToolError, match=r"stay where they are.*ReplayRoleArns"):
        list(replay(queues.stack))

    assert queues.deleted == []
