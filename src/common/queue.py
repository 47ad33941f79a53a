"""What becomes of a message of the queue: done, later, or dead letter."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from common.clock import Deadline
from common.dead_letters import DeadLetters, report_refusal
from common.errors import PROBE_UNDER_WAY, AmbiguousError, BridgeError, PermanentError
from common.retry import LONGEST_RETRY_AFTER
from common.telemetry import Telemetry

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient

_CALL_SECONDS = 5.0
_FIRST_PAUSE = 15.0
_LONGEST_PAUSE = LONGEST_RETRY_AFTER
# With what a message may have to wait for the breaker's probe after it, this stays below a quarter of an hour.
_LONGEST_HELD_PAUSE = 800.0
_PROMPT_RECEIVES = 10
_PROMPT_RECEIVES_AT_A_PROBE = 700

RETENTION = 7 * 86_400.0
"""Seconds after which the event queue deletes a message: its MessageRetentionPeriod in template.yaml."""

MOST_RECEIVES = 1000
"""Receives after which SQS moves a message away without a reason: the queue's maxReceiveCount in template.yaml."""

LOOKS_AN_HOUR = 15
"""How often what waits for its hour is received in an hour, to see whether the hour is still the same."""

_SLEEP = 3600.0 / LOOKS_AN_HOUR
# Beyond a day of it four looks an hour have to do: a message has only so many receives.
_LONG_WAIT = 86_400.0
_LONG_SLEEP = 900.0

# Two tries to write the dead letter, with the queue's own visibility timeout between them, and a reserve.
_BEFORE_THE_END = 1200.0

DEFECT_RECEIVES = 10
"""Receives after which a message is given up that the bridge fails on each time."""

SUSPICIOUS_RECEIVES = 3
"""A message received more often than this is handled alone, in case it kills the function."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the event queue.

    `receives` counts how often it was received, this time included. `sent_at` is when it was put into the queue, in
    seconds since the epoch, None where the record does not say. `is_part` tells that the body is one of several
    problems of which the message in the queue tells.
    """

    message_id: str
    receipt_handle: str
    body: str = field(repr=False)
    receives: int = 1
    sent_at: float | None = None
    is_part: bool = False

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> "Message":
        """Return the message in one record of a Lambda function's SQS event."""
        attributes = record.get("attributes", {})
        receives, sent = (str(attributes.get(name, "")) for name in ("ApproximateReceiveCount", "SentTimestamp"))
        return cls(
            message_id=record["messageId"],
            receipt_handle=record.get("receiptHandle", ""),
            body=record.get("body", ""),
            receives=int(receives) if receives.isdecimal() else 1,
            sent_at=int(sent) / 1000 if sent.isdecimal() else None,
        )

    def age(self, now: float) -> float:
        """Return for how many seconds the message has been in the queue at `now`."""
        return 0.0 if self.sent_at is None else max(0.0, now - self.sent_at)

    def ended(self, error: BridgeError) -> PermanentError:
        """Return why the message is given up that waited for as long as the queue keeps one; `error` came last."""
        return PermanentError(
            f"The message waited until the queue would have deleted it. Last it was this: {error.message}",
            action=f"{error.action} Then replay the message from the dead-letter queue.",
        )

    def ends_within(self, pause: float, now: float) -> bool:
        """Tell whether a message that is hidden for `pause` seconds may be gone before anybody sees it again."""
        return self.receives >= MOST_RECEIVES or self.age(now) + pause > RETENTION - _BEFORE_THE_END


class DefectError(AmbiguousError):
    """A defect of the bridge stopped a message."""

    def __init__(self, name: str) -> None:
        """Name the type of the exception that nobody expected."""
        super().__init__(
            f"The bridge failed on this message ({name}).", action="Report the logged exception as a defect."
        )


class EventQueue:
    """The event queue and its dead-letter queue. No trouble with them raises: a message then just stays."""

    def __init__(self, sqs: "SQSClient", queue_url: str, dead_letter_queue_url: str, *, telemetry: Telemetry) -> None:
        """Use the queues at these URLs."""
        self._sqs = sqs
        self._queue_url = queue_url
        self._dead_letters = DeadLetters(sqs, dead_letter_queue_url, telemetry=telemetry)
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
        return self._dead_letters.keep(message.body, error)

    def _try(self, operation: str, **arguments: Any) -> bool:  # noqa: ANN401
        try:
            getattr(self._sqs, operation)(**arguments)
        except (ClientError, BotoCoreError) as error:
            report_refusal(self._telemetry, error, operation=operation)
            return False
        return True


def has_time_for_a_call(deadline: Deadline) -> bool:
    """Return whether what is left of the function's time is enough for a call of the queue, tried twice."""
    return deadline.remaining() > _CALL_SECONDS


def as_error(error: Exception, message: Message, telemetry: Telemetry) -> BridgeError:
    """Return an error of handling a message in the vocabulary: what nobody expected is counted, logged and a defect."""
    if isinstance(error, BridgeError):
        return error
    telemetry.count("Defects")
    telemetry.log.error("A defect of the bridge stopped a message.", message_id=message.message_id, exc_info=error)
    return DefectError(type(error).__name__)


def pause_before_return(receives: int, error: BridgeError, *, held: bool, sample: float) -> float:
    """Return the seconds for which a message is hidden after `receives` tries.

    The pause doubles from 15 s to an hour, and to 800 s while everything is held, so that work goes on within 15
    minutes after a person has mended it. `sample` from 0 to 1 is the jitter: between three quarters of the pause (four
    fifths while held) and all of it. What the server asked for, or when a lock ends, counts alone for the first
    receives; after them the pause grows from there, because a message has only 1,000 receives and may need to last for
    7 days. A probe of the breaker is over soon, and seldom met: it counts alone for longer.
    """
    longest, least = (_LONGEST_HELD_PAUSE, 0.8) if held else (_LONGEST_PAUSE, 0.75)
    asked = error.retry_after
    prompt = _PROMPT_RECEIVES_AT_A_PROBE if error.code == PROBE_UNDER_WAY else _PROMPT_RECEIVES
    doublings = receives - 1 if asked is None else receives - prompt
    pause = min(longest, _FIRST_PAUSE * 2.0 ** min(max(doublings, 0), 32)) * (least + sample * (1 - least))
    if asked is None:
        return pause
    return min(max(asked, pause if doublings > 0 else 1.0), longest)


def pause_until(seconds: float) -> float:
    """Return the seconds for which a message is hidden whose hour is `seconds` ahead.

    It comes back at that hour, and in even steps before it, so that a window that was changed meanwhile is noticed.
    """
    steps = math.ceil(seconds / (_SLEEP if seconds <= _LONG_WAIT else _LONG_SLEEP))
    return max(1.0, seconds / max(1, steps))


def tries_since(hour: float, receives: int, now: float) -> int:
    """Return how many of a message's receives count as tries, where it had to wait until `hour` (0: it had not to).

    What was received while it waited is no sign of trouble. How many tries there were since is told by the time that
    their pauses take, which double from 15 seconds.
    """
    if not 0 < hour <= now:
        return receives
    return min(receives, 1 + int(math.log2(1 + (now - hour) / _FIRST_PAUSE)))


def in_time(pause: float, hour: float, now: float) -> float:
    """Return a pause that does not miss an `hour` that is still ahead, by which the message is due."""
    return min(pause, pause_until(max(60.0, hour - now))) if hour > now else pause
