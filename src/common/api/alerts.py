"""Alerts of callers: into the queue, in the shape of an EventBridge event, so that the events function handles them.

The event says who sent it (`detail.origin`), and src/rules/own-alerts.toml puts that into the dedup key: nobody opens,
repeats or resolves another's problem. Only the API function may put events with this source into the queue.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError

from common.aws_errors import code_of, needs_a_person, reason_of
from common.clock import Clock
from common.dead_letters import DeadLetters
from common.errors import ConfigurationError, PermanentError, TransientError
from common.incidents.own_events import ALERT, API_SOURCE

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient

_BATCH = 10
_BATCH_BYTES = 250_000
# The desk refuses older events; an alert that still fires and is reported again may have begun long before.
_OLDEST = timedelta(days=29)
_SENDERS = 8
_LONGEST_KEPT = 200_000


@dataclass(frozen=True, slots=True)
class CallersAlert:
    """What a caller says about one problem of its own. `dedup_key` names the problem among the caller's."""

    dedup_key: str
    status: str
    summary: str
    severity: str = "medium"
    description: str = ""
    note: str = ""
    occurred_at: datetime | None = None
    url: str = ""
    group: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Origin:
    """Who sends alerts, and in which account and Region the API is that takes them."""

    caller: str
    account: str
    region: str


@dataclass(frozen=True, slots=True)
class Refused:
    """One alert of several that can't be understood: as it came, and why."""

    content: object
    reason: str


class AlertQueue:
    """Puts alerts into the event queue."""

    def __init__(self, sqs: "SQSClient", queue_url: str, *, dead_letters: DeadLetters, clock: Clock) -> None:
        """Send to the queue at `queue_url`, and what nobody understands to the dead-letter queue of `dead_letters`."""
        self._sqs = sqs
        self._dead_letters = dead_letters
        self._queue_url = queue_url
        self._clock = clock

    def accept(self, alerts: Iterable[CallersAlert], origin: Origin) -> int:
        """Put alerts into the queue and return how many there were.

        Raises TransientError where the queue did not take all of them; sending them all again does no harm. Raises
        ConfigurationError where it takes none until a person has mended a right, a key or the queue itself.
        """
        now = datetime.fromtimestamp(self._clock.now(), UTC)
        bodies = [json.dumps(_event(alert, origin, now)) for alert in alerts]
        batches = list(_batches(bodies))
        if len(batches) <= 1:
            for batch in batches:
                self._send(batch)
            return len(bodies)
        with ThreadPoolExecutor(_SENDERS) as senders:
            list(senders.map(self._send, batches))
        return len(bodies)

    def keep(self, refused: Iterable[Refused], origin: Origin) -> int:
        """Put what could not be understood into the dead-letter queue, with its reason; return how many there were.

        Raises TransientError where that queue did not take it: the sender keeps it then, and sends it again.
        """
        now = datetime.fromtimestamp(self._clock.now(), UTC)
        kept = list(refused)
        for alert in kept:
            body = json.dumps(_kept(alert, origin, now))
            error = PermanentError(
                f"An alert of {origin.caller} can't be understood: {alert.reason}.",
                action="Correct what sends it; an alert that goes on is sent again by its monitoring system.",
            )
            if not self._dead_letters.keep(body, error):
                raise TransientError("The dead-letter queue did not take an alert.", action="Send them all again.")
        return len(kept)

    def _send(self, bodies: Sequence[str]) -> None:
        try:
            failed = self._send_together(bodies) if len(bodies) > 1 else list(bodies)
            # One by one, because a single message is either taken or refused with a reason.
            for body in failed:
                self._sqs.send_message(QueueUrl=self._queue_url, MessageBody=body)
        except (ClientError, BotoCoreError) as error:
            if needs_a_person(error):
                raise ConfigurationError(
                    f"The event queue refuses alerts ({code_of(error)}).",
                    action="Check that QUEUE_URL exists and that the role of the API function may use it and its key.",
                    code=reason_of(error),
                ) from None
            raise TransientError(
                f"The queue did not take all alerts ({code_of(error)}).",
                action="Send them again: those that it took change nothing more.",
            ) from None

    def _send_together(self, bodies: Sequence[str]) -> list[str]:
        """Send up to ten messages at once and return those that the queue did not take."""
        entries: Any = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies)]
        answer = self._sqs.send_message_batch(QueueUrl=self._queue_url, Entries=entries)
        return [bodies[int(failed["Id"])] for failed in answer.get("Failed", [])]


def _event(alert: CallersAlert, origin: Origin, now: datetime) -> dict[str, Any]:
    occurred_at = min(max(alert.occurred_at or now, now - _OLDEST), now)
    texts = {"summary": alert.summary, "description": alert.description, "note": alert.note, "url": alert.url}
    optional = {**texts, "group": alert.group, "fields": dict(alert.fields)}
    return {
        "version": "0",
        "id": str(uuid4()),
        "detail-type": ALERT,
        "source": API_SOURCE,
        "account": origin.account,
        "time": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "region": origin.region,
        "resources": [],
        "detail": {
            "origin": origin.caller,
            "dedup_key": alert.dedup_key,
            "status": alert.status,
            "severity": alert.severity,
            "occurred_at": occurred_at.astimezone(UTC).isoformat(timespec="milliseconds"),
            **{name: value for name, value in optional.items() if value},
        },
    }


def _kept(alert: Refused, origin: Origin, now: datetime) -> dict[str, Any]:
    """Return the event that a refused alert would have become: replayed, it is refused again with the same end."""
    content = json.dumps(alert.content)
    kept = alert.content if len(content) <= _LONGEST_KEPT else content[:_LONGEST_KEPT]
    event = _event(CallersAlert("", "refused", ""), origin, now)
    return {**event, "detail": {"origin": origin.caller, "refused": kept}}


def _batches(bodies: Iterable[str]) -> Iterable[list[str]]:
    batch: list[str] = []
    size = 0
    for body in bodies:
        if batch and (len(batch) == _BATCH or size + len(body) > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(body)
        size += len(body)
    if batch:
        yield batch
