"""A batch of messages that tell of changes: each is followed, and settled on its own.

What is wrong with one message goes to the dead-letter queue with its reason; what will work later, and what only a
person can mend, comes back by itself, the pause growing with each try.
"""

import time
from collections.abc import Callable, Sequence
from random import SystemRandom

from common.actions.change import change_in
from common.actions.follower import Follower
from common.actions.refusals import need, try_all
from common.clock import Deadline
from common.errors import BridgeError, HeldError, PermanentError
from common.queue import (
    DEFECT_RECEIVES,
    SUSPICIOUS_RECEIVES,
    DefectError,
    EventQueue,
    Message,
    as_error,
    has_time_for_a_call,
    pause_before_return,
)
from common.telemetry import Telemetry

NEEDS_SECONDS = 20.0
"""What following one change may take: a role, two calls of AWS that are tried twice each, and the queue's."""

_random = SystemRandom()


class Inbox:
    """Gives each change to its followers, and each message back to its queue or not."""

    def __init__(  # noqa: PLR0913 (the parts that it is put together from, and two sources of chance and time)
        self,
        followers: Sequence[Follower],
        queue: EventQueue,
        *,
        deployment: str,
        telemetry: Telemetry,
        now: Callable[[], float] = time.time,
        sample: Callable[[], float] = _random.random,
    ) -> None:
        """Put the parts together. `now` returns seconds since the epoch, `sample` the jitter of pauses, from 0 to 1."""
        self._followers = followers
        self._queue = queue
        self._deployment = deployment
        self._telemetry = telemetry
        self._now = now
        self._sample = sample

    def process(self, messages: Sequence[Message], deadline: Deadline) -> list[str]:
        """Handle a batch and return the ids of the messages that stay in the queue."""
        suspects = [message for message in messages if message.receives > SUSPICIOUS_RECEIVES]
        others = [message for message in messages if message.receives <= SUSPICIOUS_RECEIVES]
        stay = [message.message_id for message in others if not self._handled(message, deadline)]
        if suspects:
            # Should a suspect kill the function, then what was done before it is not done again.
            self._finish(others, stay, deadline)
        return [*stay, *(message.message_id for message in suspects if not self._handled(message, deadline))]

    def _handled(self, message: Message, deadline: Deadline) -> bool:
        return self._settled(message, self._attempt(message, deadline), deadline)

    def _finish(self, messages: Sequence[Message], stay: Sequence[str], deadline: Deadline) -> None:
        for message in messages:
            if message.message_id not in stay and has_time_for_a_call(deadline):
                self._queue.finish(message)

    def _attempt(self, message: Message, deadline: Deadline) -> BridgeError | None:
        try:
            need(NEEDS_SECONDS, deadline)
            change = change_in(message.body, deployment=self._deployment)
            try_all(self._followers, lambda follower: follower.follow(change, deadline))
        except Exception as error:  # noqa: BLE001 (one bad message must not take its neighbours along)
            return as_error(error, message, self._telemetry)
        return None

    def _settled(self, message: Message, error: BridgeError | None, deadline: Deadline) -> bool:
        """Return whether the message may leave the queue."""
        if error is None:
            return True
        given_up = isinstance(error, DefectError) and message.receives >= DEFECT_RECEIVES
        if isinstance(error, PermanentError) or given_up:
            return self._refused(message, error, deadline)
        held = isinstance(error, HeldError)
        pause = pause_before_return(message.receives, error, held=held, sample=self._sample())
        self._telemetry.count("ActionsHeld" if held else "ActionsPostponed")
        if message.ends_within(pause, self._now()):
            return self._refused(message, message.ended(error), deadline)
        report = self._telemetry.log.error if held else self._telemetry.log.info
        report(error.message, action=error.action, receives=message.receives, message_id=message.message_id)
        if has_time_for_a_call(deadline):
            self._queue.later(message, pause)
        return False

    def _refused(self, message: Message, error: BridgeError, deadline: Deadline) -> bool:
        self._telemetry.count("ActionsRefused")
        self._telemetry.log.error(error.message, action=error.action, message_id=message.message_id)
        return has_time_for_a_call(deadline) and self._queue.dead_letter(message, error)
