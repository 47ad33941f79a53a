"""SQS in memory: the calls that the bridge and Lambda's poller make, on a clock that can be moved on by days.

Held against moto in tests/integration/events_function/test_queue.py. Safe to share between threads.
"""

import heapq
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

LONGEST_VISIBILITY = 43_200
"""Seconds that SQS allows from the receive on."""


@dataclass(slots=True)
class StoredMessage:
    """One message. Times are in seconds of the queue's clock; `handles` are those of all its receives."""

    message_id: str
    body: str
    attributes: Mapping[str, Any]
    sent: float
    visible_at: float
    receives: int = 0
    handles: list[str] = field(default_factory=list)


class InMemoryQueue:
    """One queue under one URL, and the boto3 client of it. `now` tells seconds.

    What was received more than `most_receives` times goes to `dead_letters`, and what is older than `retention`
    seconds to `expired`: there the message is lost.
    """

    def __init__(
        self,
        url: str,
        now: Callable[[], float],
        *,
        visibility: float = 360.0,
        most_receives: int = 1000,
        retention: float = 7 * 86_400.0,
    ) -> None:
        """Start empty."""
        self.url = url
        self.dead_letters: list[StoredMessage] = []
        self.expired: list[StoredMessage] = []
        self.most_received = 0
        self._now = now
        self._visibility = visibility
        self._most_receives = most_receives
        self._retention = retention
        self._messages: dict[str, StoredMessage] = {}
        self._by_handle: dict[str, StoredMessage] = {}
        self._order: list[tuple[float, int, StoredMessage]] = []
        self._sequence = 0
        self._lock = threading.RLock()

    def __len__(self) -> int:
        """Return how many messages there are, visible or not."""
        return len(self._messages)

    def send_message(
        self,
        *,
        QueueUrl: str,  # noqa: N803
        MessageBody: str,  # noqa: N803
        MessageAttributes: Mapping[str, Any] | None = None,  # noqa: N803
    ) -> dict[str, Any]:
        """Put a message into the queue."""
        self._check(QueueUrl)
        with self._lock:
            message_id = f"00000000-0000-4000-8000-{self._sequence:012}"
            message = StoredMessage(message_id, MessageBody, MessageAttributes or {}, self._now(), self._now())
            self._messages[message_id] = message
            self._line_up(message)
            return {"MessageId": message_id}

    def receive_message(
        self,
        *,
        QueueUrl: str,  # noqa: N803
        MaxNumberOfMessages: int = 1,  # noqa: N803
        **_: Any,  # noqa: ANN401 (which attributes are wanted: all come)
    ) -> dict[str, Any]:
        """Return visible messages, those first that are visible for longest, and hide them."""
        self._check(QueueUrl)
        received: list[dict[str, Any]] = []
        with self._lock:
            while len(received) < MaxNumberOfMessages and (message := self._next()) is not None:
                received.append(self._received(message))
        return {"Messages": received} if received else {}

    def change_message_visibility(self, *, QueueUrl: str, ReceiptHandle: str, VisibilityTimeout: int) -> dict[str, Any]:  # noqa: N803
        """Hide a message for that many seconds from now."""
        self._check(QueueUrl)
        if not 0 <= VisibilityTimeout <= LONGEST_VISIBILITY:
            raise _refusal("InvalidParameterValue", "ChangeMessageVisibility")
        with self._lock:
            message = self._of(ReceiptHandle, "ChangeMessageVisibility")
            if message.message_id in self._messages:
                message.visible_at = self._now() + VisibilityTimeout
                self._line_up(message)
        return {}

    def delete_message(self, *, QueueUrl: str, ReceiptHandle: str) -> dict[str, Any]:  # noqa: N803
        """Remove a message; a second time does no harm."""
        self._check(QueueUrl)
        with self._lock:
            self._messages.pop(self._of(ReceiptHandle, "DeleteMessage").message_id, None)
        return {}

    def get_queue_attributes(self, *, QueueUrl: str, AttributeNames: list[str]) -> dict[str, Any]:  # noqa: N803
        """Return how many messages are visible and how many are not, as SQS writes it."""
        self._check(QueueUrl)
        with self._lock:
            hidden = sum(message.visible_at > self._now() for message in self._messages.values())
            counts = {
                "ApproximateNumberOfMessages": str(len(self._messages) - hidden),
                "ApproximateNumberOfMessagesNotVisible": str(hidden),
            }
        return {"Attributes": {name: counts[name] for name in AttributeNames}}

    def visible_at(self, moment: float) -> int:
        """Return how many of the messages that are there are visible at a moment."""
        with self._lock:
            return sum(message.visible_at <= moment for message in self._messages.values())

    def next_visible_at(self) -> float | None:
        """Return when the next message is or becomes visible, None where there is none."""
        with self._lock:
            self._forget_outdated()
            return self._order[0][0] if self._order else None

    def _next(self) -> StoredMessage | None:
        while True:
            self._forget_outdated()
            if not self._order or self._order[0][0] > self._now():
                return None
            message = heapq.heappop(self._order)[2]
            if self._now() - message.sent > self._retention:
                self.expired.append(self._messages.pop(message.message_id))
            elif message.receives >= self._most_receives:
                self.dead_letters.append(self._messages.pop(message.message_id))
            else:
                return message

    def _received(self, message: StoredMessage) -> dict[str, Any]:
        message.receives += 1
        self.most_received = max(self.most_received, message.receives)
        handle = f"{message.message_id}#{message.receives}"
        message.handles.append(handle)
        self._by_handle[handle] = message
        message.visible_at = self._now() + self._visibility
        self._line_up(message)
        return {
            "MessageId": message.message_id,
            "ReceiptHandle": handle,
            "Body": message.body,
            "Attributes": {
                "ApproximateReceiveCount": str(message.receives),
                "SentTimestamp": str(int(message.sent * 1000)),
            },
            **({"MessageAttributes": message.attributes} if message.attributes else {}),
        }

    def _line_up(self, message: StoredMessage) -> None:
        self._sequence += 1
        heapq.heappush(self._order, (message.visible_at, self._sequence, message))

    def _forget_outdated(self) -> None:
        """Drop entries of messages that are gone, or whose visibility was changed since."""
        while self._order:
            visible_at, _, message = self._order[0]
            if message.message_id in self._messages and message.visible_at == visible_at:
                return
            heapq.heappop(self._order)

    def _of(self, handle: str, operation: str) -> StoredMessage:
        message = self._by_handle.get(handle)
        if message is None:
            raise _refusal("ReceiptHandleIsInvalid", operation)
        return message

    def _check(self, url: str) -> None:
        if url != self.url:
            raise _refusal("AWS.SimpleQueueService.NonExistentQueue", "any")


class InMemorySQS:
    """The boto3 client of several queues."""

    def __init__(self, *queues: InMemoryQueue) -> None:
        """Pass each call on to the queue whose URL it names."""
        self._queues = {queue.url: queue for queue in queues}

    def __getattr__(self, operation: str) -> Callable[..., dict[str, Any]]:
        """Return an operation of SQS."""

        def call(**arguments: Any) -> dict[str, Any]:  # noqa: ANN401 (SQS's own)
            answer: dict[str, Any] = getattr(self._queues[arguments["QueueUrl"]], operation)(**arguments)
            return answer

        return call


def lambda_event(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return what Lambda's poller hands to a function for the messages of a receive."""
    return {
        "Records": [
            {
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": message["Attributes"],
                "eventSource": "aws:sqs",
            }
            for message in answer.get("Messages", [])
        ]
    }


def _refusal(code: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, operation)
