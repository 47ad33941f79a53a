"""What becomes of a message of the queue: done, later, or dead letter."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from common.errors import BridgeError
from common.retry import LONGEST_RETRY_AFTER
from common.telemetry import Telemetry

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient

_FIRST_PAUSE = 15.0
_LONGEST_PAUSE = LONGEST_RETRY_AFTER
_LONGEST_HELD_PAUSE = 900.0
_PROMPT_RECEIVES = 10
_LONGEST_ATTRIBUTE = 1024
_NOT_ALLOWED = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the event queue. `receives` counts how often it was received, this time included."""

    message_id: str
    receipt_handle: str
    body: str = field(repr=False)
    receives: int = 1

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> "Message":
        """Return the message in one record of a Lambda function's SQS event."""
        receives = str(record.get("attributes", {}).get("ApproximateReceiveCount", "1"))
        return cls(
            message_id=record["messageId"],
            receipt_handle=record.get("receiptHandle", ""),
            body=record.get("body", ""),
            receives=int(receives) if receives.isdecimal() else 1,
        )


class EventQueue:
    """The event queue and its dead-letter queue. No trouble with them raises: a message then just stays."""

    def __init__(self, sqs: "SQSClient", queue_url: str, dead_letter_queue_url: str, *, telemetry: Telemetry) -> None:
        """Use the queues at these URLs."""
        self._sqs = sqs
        self._queue_url = queue_url
        self._dead_letter_queue_url = dead_letter_queue_url
        self._telemetry = telemetry

    def later(self, message: Message, seconds: float) -> None:
        """Hide the message for that many seconds; where that fails it comes back after the queue's own time."""
        self._try(
            "change_message_visibility",
            QueueUrl=self._queue_url,
            ReceiptHandle=message.receipt_handle,
            VisibilityTimeout=max(0, round(seconds)),
        )

    def finish(self, message: Message) -> bool:
        """Delete the message now instead of at the end of the invocation; return whether that worked."""
        return self._try("delete_message", QueueUrl=self._queue_url, ReceiptHandle=message.receipt_handle)

    def dead_letter(self, message: Message, error: BridgeError) -> bool:
        """Put the message, as it came, into the dead-letter queue with its reason; return whether that worked."""
        attributes = {"Reason": error.message, "Action": error.action}
        return self._try(
            "send_message",
            QueueUrl=self._dead_letter_queue_url,
            MessageBody=message.body or " ",
            MessageAttributes={
                name: {"DataType": "String", "StringValue": _NOT_ALLOWED.sub("?", text)[:_LONGEST_ATTRIBUTE]}
                for name, text in attributes.items()
            },
        )

    def _try(self, operation: str, **arguments: Any) -> bool:  # noqa: ANN401
        try:
            getattr(self._sqs, operation)(**arguments)
        except (ClientError, BotoCoreError) as error:
            self._telemetry.count("QueueFaults")
            self._telemetry.log.warning(
                "The queue refused a call; the message comes back by itself.",
                operation=operation,
                reason=type(error).__name__,
            )
            return False
        return True


def pause_before_return(receives: int, error: BridgeError, *, held: bool, sample: float) -> float:
    """Return the seconds for which a message is hidden after `receives` tries.

    The pause doubles from 15 s to an hour, and to 15 minutes while everything is held, so that work goes on soon
    after a person has mended it. `sample` from 0 to 1 is the jitter: between three quarters of the pause and all
    of it. What the server asked for, or when a lock ends, counts alone for the first receives; after them the pause
    grows from there, because a message has only 1,000 receives and may need to last for 7 days.
    """
    longest = _LONGEST_HELD_PAUSE if held else _LONGEST_PAUSE
    asked = error.retry_after
    doublings = receives - 1 if asked is None else receives - _PROMPT_RECEIVES
    pause = min(longest, _FIRST_PAUSE * 2.0 ** min(max(doublings, 0), 32)) * (0.75 + sample / 4)
    if asked is None:
        return pause
    return min(max(asked, pause if doublings > 0 else 1.0), longest)
