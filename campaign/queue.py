"""A standard queue that goes by the campaign's clock: visibility, receives, retention. Nothing of it is real time."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.support.clock import EPOCH, FakeClock

SERVER_AHEAD = EPOCH - 1_000.0
"""Seconds between the monotonic clock of the campaign and the wall clock of its servers."""

VISIBILITY = 360.0
"""Seconds for which a received message is hidden: template.yaml's own value."""

RETENTION = 7 * 86_400.0
"""Seconds after which the queue forgets a message."""

MOST_RECEIVES = 1000
"""Receives after which the queue itself moves a message to the dead letters: template.yaml's own value."""


@dataclass(slots=True)
class Queued:
    """A message. `visible_at` and `sent` are on the monotonic clock of the campaign, in seconds."""

    message_id: str
    body: str
    sent: float
    visible_at: float
    receives: int = 0


class VirtualQueue:
    """Messages that wait. `expired` lists those that were kept too long, `worn_out` those received too often."""

    def __init__(self, clock: FakeClock, random: Random, *, most_receives: int = MOST_RECEIVES) -> None:
        """Start empty."""
        self._clock = clock
        self._random = random
        self._most_receives = most_receives
        self._waiting: dict[str, Queued] = {}
        self._visible: dict[str, Queued] = {}
        self._hidden: list[tuple[float, str]] = []
        self._number = 0
        self.expired: list[str] = []
        self.worn_out: list[str] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[Queued]:
        return iter(self._waiting.values())

    def __contains__(self, message_id: object) -> bool:
        return message_id in self._waiting

    def send(self, body: str) -> str:
        """Put a message in and return its id."""
        self._number += 1
        message_id = f"message-{self._number}"
        now = self._now
        self._waiting[message_id] = self._visible[message_id] = Queued(message_id, body, now, now)
        return message_id

    def receive(self, most: int = 10) -> list[Queued]:
        """Hand out visible messages, in no order, and hide them."""
        now = self._now
        self._show(now)
        batch: list[Queued] = []
        for message in self._random.sample(list(self._visible.values()), min(most, len(self._visible))):
            if now - message.sent > RETENTION:
                self.expired.append(message.message_id)
                self.delete(message.message_id)
            elif message.receives >= self._most_receives:
                self.worn_out.append(message.message_id)
                self.delete(message.message_id)
            else:
                message.receives += 1
                self._hide(message, now + VISIBILITY)
                batch.append(message)
        return batch

    def later(self, message_id: str, seconds: float) -> None:
        """Hide a message for that many seconds from now."""
        if message_id in self._waiting:
            self._hide(self._waiting[message_id], self._now + seconds)

    def delete(self, message_id: str) -> None:
        """Forget a message."""
        self._waiting.pop(message_id, None)
        self._visible.pop(message_id, None)

    def wait(self, *, gather: float = 0.0) -> bool:
        """Let time pass until a message is visible, and `gather` seconds more; return whether there is one at all."""
        if not self._waiting:
            return False
        now = self._now
        self._show(now)
        self._clock.advance((0.0 if self._visible else self._hidden[0][0] - now) + gather)
        return True

    def _hide(self, message: Queued, until: float) -> None:
        message.visible_at = until
        self._visible.pop(message.message_id, None)
        heapq.heappush(self._hidden, (until, message.message_id))

    def _show(self, now: float) -> None:
        """Let messages be visible whose time has come; entries of what was deleted or hidden anew are dropped."""
        while self._hidden:
            until, message_id = self._hidden[0]
            message = self._waiting.get(message_id)
            outdated = message is None or message.visible_at != until
            if until > now and not outdated:
                return
            heapq.heappop(self._hidden)
            if message is not None and not outdated:
                self._visible[message_id] = message

    @property
    def _now(self) -> float:
        # The queue's own clock: a wall clock of a function that jumps does not move it.
        return self._clock.monotonic()


def record_of(message: Queued) -> dict[str, Any]:
    """Return a message as Lambda's poller hands it over."""
    made = record(message.message_id, message.body, message.receives)
    made["attributes"]["SentTimestamp"] = str(int(1000 * (message.sent + SERVER_AHEAD)))
    return made


def record(message_id: str, body: str, receives: int = 1) -> dict[str, Any]:
    """Return a message of any queue as Lambda's poller hands it over, but for the time when it was sent."""
    return {
        "messageId": message_id,
        "receiptHandle": message_id,
        "body": body,
        "attributes": {"ApproximateReceiveCount": str(receives)},
        "eventSource": "aws:sqs",
    }
