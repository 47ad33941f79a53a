"""Into the event queue: what the API's doors take, in the shape of EventBridge's events."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from common.aws_errors import meaning
from common.batches import fitting

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient

LARGEST = 250_000
"""The most bytes of a message, and of a batch of them: less than any quota that SQS ever had."""

_BATCH = 10
_SENDERS = 8


class EventSender:
    """Puts events into the event queue."""

    def __init__(self, sqs: "SQSClient", queue_url: str) -> None:
        """Send to the queue at `queue_url`."""
        self._sqs = sqs
        self._queue_url = queue_url

    def send(self, bodies: Sequence[str]) -> int:
        """Put one message for each body, all ASCII, into the queue and return how many there were.

        Raises TransientError where the queue did not take all of them; sending them all again does no harm. Raises
        ConfigurationError where it takes none until a person has mended a right, a key or the queue itself.
        """
        batches = list(fitting(bodies, len, LARGEST, number=_BATCH))
        if len(batches) <= 1:
            for batch in batches:
                self._send(batch)
            return len(bodies)
        with ThreadPoolExecutor(_SENDERS) as senders:
            list(senders.map(self._send, batches))
        return len(bodies)

    def _send(self, bodies: Sequence[str]) -> None:
        try:
            failed = self._send_together(bodies) if len(bodies) > 1 else list(bodies)
            # One by one, because a single message is either taken or refused with a reason.
            for body in failed:
                self._sqs.send_message(QueueUrl=self._queue_url, MessageBody=body)
        except (ClientError, BotoCoreError) as error:
            raise meaning(
                error,
                refused="The event queue refuses alerts",
                action="Check that QUEUE_URL exists and that the role of the API function may use it and its key.",
                failed="The queue did not take all alerts",
                otherwise="Send them again: those that it took change nothing more.",
            ) from None

    def _send_together(self, bodies: Sequence[str]) -> list[str]:
        """Send up to ten messages at once and return those that the queue did not take."""
        entries: Any = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies)]
        answer = self._sqs.send_message_batch(QueueUrl=self._queue_url, Entries=entries)
        return [bodies[int(failed["Id"])] for failed in answer.get("Failed", [])]
