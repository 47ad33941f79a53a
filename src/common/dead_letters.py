"""The dead-letter queue: what can never work is kept there as it came, with its reason."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from common.aws_errors import code_of, needs_a_person
from common.errors import BridgeError
from common.telemetry import Telemetry
from common.text import one_line

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient

_LONGEST_ATTRIBUTE = 1024
_SENDERS = 8


class DeadLetters:
    """Keeps messages for a person. No trouble with the queue raises."""

    def __init__(self, sqs: "SQSClient", dead_letter_queue_url: str, *, telemetry: Telemetry) -> None:
        """Use the queue at this URL."""
        self._sqs = sqs
        self._dead_letter_queue_url = dead_letter_queue_url
        self._telemetry = telemetry

    def keep(self, body: str, error: BridgeError) -> bool:
        """Put a message into the queue with its reason; return whether that worked."""
        try:
            self._sqs.send_message(
                QueueUrl=self._dead_letter_queue_url,
                MessageBody=body or " ",
                MessageAttributes={
                    # SQS takes no empty text, and refuses a message with a control character.
                    name: {"DataType": "String", "StringValue": (one_line(text) or "?")[:_LONGEST_ATTRIBUTE]}
                    for name, text in (("Reason", error.message), ("Action", error.action))
                },
            )
        except (ClientError, BotoCoreError) as trouble:
            report_refusal(self._telemetry, trouble, operation="send_message")
            return False
        return True

    def keep_all(self, letters: Sequence[tuple[str, BridgeError]]) -> bool:
        """Put several messages into the queue at once, each with its reason; return whether all of them worked."""
        if len(letters) < 2:  # noqa: PLR2004 (no threads for one)
            return all(self.keep(*letter) for letter in letters)
        with ThreadPoolExecutor(_SENDERS) as senders:
            return all(list(senders.map(lambda letter: self.keep(*letter), letters)))


def report_refusal(telemetry: Telemetry, error: ClientError | BotoCoreError, *, operation: str) -> None:
    """Count and log that a queue refused a call, as something for a person where only one can mend it."""
    telemetry.count("QueueFaults")
    told = {"operation": operation, "reason": code_of(error)}
    if not needs_a_person(error):
        telemetry.log.warning("The queue refused a call; the message comes back by itself.", extra=told)
        return
    telemetry.count("Held")
    telemetry.log.error(
        "The queue refuses a call until somebody mends it; the message comes back by itself until then.",
        action="Check that the queue exists, and that the function's role may use it and its key.",
        extra=told,
    )
