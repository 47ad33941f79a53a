"""The door of webhooks: a body that proves its source goes to the event queue, each of its problems by itself."""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from common.clock import Clock, utc_now
from common.dead_letters import DeadLetters
from common.doors.proof import Delivery, SourceSecret, is_proven
from common.doors.secrets import WebhookSecrets
from common.doors.webhook import envelope, left_out, webhook_event
from common.errors import PermanentError, TransientError
from common.event_sender import LARGEST, EventSender


@dataclass(frozen=True, slots=True)
class Taken:
    """How many problems went into the queue, how many are kept for a person, and how many the tool left out."""

    accepted: int
    refused: int = 0
    truncated: int = 0


class WebhookDoor:
    """Takes the bodies of the sources that the deployment lists."""

    def __init__(  # noqa: PLR0913 (the parts that it is put together from)
        self,
        sources: Collection[str],
        secrets: WebhookSecrets,
        split: Callable[[Mapping[str, Any]], Sequence[Mapping[str, Any]]],
        sender: EventSender,
        *,
        dead_letters: DeadLetters,
        clock: Clock,
        region: str,
    ) -> None:
        """Open for `sources`; `split` returns an event for each problem of which an event tells."""
        self._sources = frozenset(sources)
        self._secrets = secrets
        self._split = split
        self._sender = sender
        self._dead_letters = dead_letters
        self._clock = clock
        self._region = region

    def proves(self, source: str, delivery: Delivery) -> bool:
        """Return whether a delivery comes from `source`, and the door is open for it.

        Raises CredentialsError or TransientError where the secrets can't be read.
        """
        if not self._sources:
            return False
        if is_proven(self._secret(source), delivery):
            return True
        return self._secrets.is_newer() and is_proven(self._secret(source), delivery)

    def take(self, source: str, delivery: Delivery, *, account: str) -> Taken:
        """Put what a proven delivery tells of into the queue; what can't be understood is kept as a dead letter.

        Raises TransientError where the queues don't take it, ConfigurationError where that needs a person.
        """
        now = utc_now(self._clock)
        media_type = delivery.headers.get("content-type", "")
        try:
            event = webhook_event(source, delivery.body, media_type, account=account, region=self._region, now=now)
        except PermanentError as error:
            # Replayed, it is refused again for want of a rule.
            unread = {"unread": delivery.body[: LARGEST // 6].decode("utf-8", "backslashreplace")}
            event = envelope(source, unread, account=account, region=self._region, now=now)
            return self._keep([(json.dumps(event), error)], Taken(0))
        try:
            bodies = [json.dumps(part) for part in self._split(event)]
        except PermanentError as error:
            return self._keep([(json.dumps(event)[:LARGEST], error)], Taken(0))
        small = [body for body in bodies if len(body) <= LARGEST]
        refused = [(body[:LARGEST], _too_large(source)) for body in bodies if len(body) > LARGEST]
        return self._keep(refused, Taken(self._sender.send(small), truncated=left_out(event["detail"])))

    def _secret(self, source: str) -> SourceSecret | None:
        return self._secrets.of(source) if source in self._sources else None

    def _keep(self, refused: list[tuple[str, PermanentError]], taken: Taken) -> Taken:
        if not self._dead_letters.keep_all(refused):
            raise TransientError("The dead-letter queue did not take a webhook.", action="Send it again.")
        return Taken(taken.accepted, len(refused), taken.truncated)


def _too_large(source: str) -> PermanentError:
    return PermanentError(
        f"A problem in a webhook of {source} is larger than the queue takes; it is cut here.",
        action="Let the tool send less, such as fewer labels or a shorter text.",
    )
