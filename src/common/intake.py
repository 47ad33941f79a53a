"""A batch of queue messages: which alerts they hold, and what becomes of each message."""

import json
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from copy import replace
from dataclasses import dataclass, field
from random import SystemRandom
from typing import Any

from common.clock import Deadline
from common.context.door import Context
from common.doors import sns, webhook
from common.doors.message import read_event
from common.errors import BridgeError, HeldError, PermanentError, TransientError
from common.incidents.alert import Alert, Fold
from common.incidents.circuit import Applier
from common.incidents.due import WINDOW, NotDueError, hour_of, waits_for
from common.incidents.judging import Judge
from common.incidents.own_events import CHANGE_REQUEST, CHANGE_RESULT
from common.incidents.rules import Rules
from common.incidents.rules.splitting import split
from common.incidents.windows import Window, utc
from common.incidents.work import CLAIM_NEEDS_SECONDS
from common.queue import (
    DEFECT_RECEIVES,
    LOOKS_AN_HOUR,
    SUSPICIOUS_RECEIVES,
    DefectError,
    EventQueue,
    Message,
    as_error,
    has_time_for_a_call,
    in_time,
    pause_before_return,
    pause_until,
    tries_since,
)
from common.retry import LONGEST_RETRY_AFTER
from common.telemetry import Telemetry

EXPIRES_SOON = 5 * 86_400.0
"""Seconds: a message that waits for longer is counted as one that the queue will soon delete."""

_random = SystemRandom()

# A message, or one of the problems of which it tells, with the event that says so.
type _Part = tuple[Message, Mapping[str, Any]]
type _Group = list[tuple[Message, Alert]]
# A message to settle, with its alert unless it could not even be read.
type _Settled = tuple[Message, Alert | None]


@dataclass(slots=True)
class Batch:
    """What is remembered of a batch while it is handled.

    `stay` are the ids of the messages that stay in the queue, `oldest` the greatest age in seconds of those that wait,
    held or not, and `refused` the parts of messages that are refused unless the message comes back for another part.
    """

    deadline: Deadline
    stay: list[str] = field(default_factory=list)
    oldest: dict[bool, float] = field(default_factory=dict)
    refused: list[tuple[_Settled, BridgeError]] = field(default_factory=list)


class Intake:
    """Turns a batch of messages into alerts, applies them, and settles each message on its own."""

    def __init__(  # noqa: PLR0913 (the parts that it is put together from, and two sources of chance and time)
        self,
        rules: Rules,
        desk: Applier,
        queue: EventQueue,
        *,
        telemetry: Telemetry,
        topics: Collection[str] = (),
        context: Context | None = None,
        windows: Callable[[], Sequence[Window]] = tuple,
        changes: "Callable[[Mapping[str, Any]], Sequence[Alert]] | None" = None,
        now: Callable[[], float] = time.time,
        sample: Callable[[], float] = _random.random,
    ) -> None:
        """Put the parts together.

        `topics` are the ARNs of SNS topics whose messages are taken. `context` says what rules make of an event, from
        the event alone where it is left out. `windows` returns the maintenance windows that are open beside those of
        the rules. `changes` says what an event says about change requests, beside what a rule makes of it; None where
        nobody asks for any. `now` returns the seconds since the epoch, `sample` the jitter of pauses, from 0 to 1.
        """
        self._rules = rules
        self._desk = desk
        self._queue = queue
        self._telemetry = telemetry
        self._topics = topics
        self._context = context or Context(rules)
        self._judge = Judge(
            self._context.judged,
            telemetry=telemetry,
            doors=(webhook.SOURCE, sns.SOURCE),
            windows=lambda: (*rules.windows, *windows()),
        )
        self._changes = changes
        self._now = now
        self._sample = sample

    def process(self, messages: Sequence[Message], deadline: Deadline) -> list[str]:
        """Handle a batch and return the ids of the messages that stay in the queue, each once."""
        batch = Batch(deadline)
        suspects = [message for message in messages if message.receives > SUSPICIOUS_RECEIVES]
        others = [message for message in messages if message.receives <= SUSPICIOUS_RECEIVES]
        self._handle(others, batch)
        if suspects:
            # Should a suspect kill the function, then what was done before it is not done again.
            self._finish(others, batch)
        # Which of several suspects it is nobody knows: chance lets each go first now and then.
        for suspect in sorted(suspects, key=lambda _: self._sample()):
            self._handle([suspect], batch)
            self._finish([suspect], batch)
        return list(dict.fromkeys(batch.stay))

    def _handle(self, messages: Sequence[Message], batch: Batch) -> None:
        groups: dict[str, _Group] = {}
        batch.refused.clear()
        for message, event in self._parts(messages, batch):
            try:
                alerts = self._alerts(event)
            except Exception as error:  # noqa: BLE001 (one bad message must not take its neighbours along)
                self._settle((message, None), as_error(error, message, self._telemetry), batch)
                continue
            told = replace(message, is_part=True) if len(alerts) > 1 else message
            for alert in alerts:
                groups.setdefault(alert.key, []).append((told, alert))
        for group in groups.values():
            self._apply(group, batch)
        for pair, refusal in batch.refused:
            # A message that comes back for its other problems brings this one again: one dead letter is enough.
            if pair[0].message_id not in batch.stay:
                self._refuse(pair, refusal, batch)

    def _parts(self, messages: Sequence[Message], batch: Batch) -> Iterator[_Part]:
        """Return each message with its event, or once for each of the problems of which its event tells."""
        for message in messages:
            try:
                event = read_event(message.body, self._topics)
                events = split(event, self._rules)
            except Exception as error:  # noqa: BLE001 (the same)
                self._settle((message, None), as_error(error, message, self._telemetry), batch)
                continue
            if len(events) == 1:
                yield message, event
                continue
            for part in events:
                yield replace(message, body=json.dumps(part), is_part=True), part

    def _alerts(self, event: Mapping[str, Any]) -> list[Alert]:
        found = [*self._changes(event)] if self._changes is not None else []
        if self._changes is not None and event["detail-type"] in (CHANGE_REQUEST, CHANGE_RESULT):
            return found
        alert = self._judge.alert(event)
        return found if alert is None else [*found, alert]

    def _apply(self, group: _Group, batch: Batch) -> None:
        error = self._attempt(group, batch.deadline)
        if isinstance(error, PermanentError | DefectError) and len(group) > 1:
            # One alert of a fold may be what is wrong: each is judged on its own before any is given up.
            for pair in sorted(group, key=lambda pair: pair[1].order):
                self._settle(pair, self._attempt([pair], batch.deadline), batch)
            return
        for pair in group:
            self._settle(pair, error, batch)

    def _attempt(self, group: _Group, deadline: Deadline) -> BridgeError | None:
        if deadline.remaining() < CLAIM_NEEDS_SECONDS:
            return TransientError(
                "Too little of the function's time is left.", action="Nothing is to be done.", retry_after=1.0
            )
        try:
            self._context.expect(max((alert for _, alert in group), key=lambda alert: alert.order))
            self._desk.apply(Fold.of(alert for _, alert in group), deadline)
        except Exception as error:  # noqa: BLE001 (the same)
            return as_error(error, group[0][0], self._telemetry)
        return None

    def _settle(self, pair: _Settled, error: BridgeError | None, batch: Batch) -> None:
        message, alert = pair
        if error is None and alert is not None:
            error = self._left_to_do(message, alert, batch.deadline)
        if error is None:
            self._telemetry.count("EventsApplied")
            return
        hour = hour_of(alert) / 1000 if alert is not None else 0.0
        tries = tries_since(hour, message.receives, self._now())
        given_up = isinstance(error, DefectError) and tries >= DEFECT_RECEIVES
        if isinstance(error, PermanentError) or given_up:
            if message.is_part:
                batch.refused.append((pair, error))
            else:
                self._refuse(pair, error, batch)
            return
        if isinstance(error, NotDueError):
            self._wait(pair, error, batch)
            return
        held = isinstance(error, HeldError)
        pause = in_time(pause_before_return(tries, error, held=held, sample=self._sample()), hour, self._now())
        self._count_as_waiting(message, hour, batch, held=held)
        if self._comes_back(pair, error, pause, batch):
            report = self._telemetry.log.error if held else self._telemetry.log.info
            report(error.message, action=error.action, receives=message.receives, extra=_named(pair))

    def _left_to_do(self, message: Message, alert: Alert, deadline: Deadline) -> NotDueError | None:
        """Return when to come back for a record that was opened before all was known."""
        age = message.age(self._now())
        seconds = self._context.put_right(message, alert, lambda: read_event(message.body, self._topics), age, deadline)
        return None if seconds is None else NotDueError(seconds)

    def _wait(self, pair: _Settled, error: NotDueError, batch: Batch) -> None:
        """Let a message come back at its hour: a rule or a window wants it so, and no alarm has to know."""
        message, alert = pair
        self._telemetry.count("EventsNotDue")
        seconds, now = error.retry_after or 0.0, self._now()
        pause = min(max(seconds, 1.0), LONGEST_RETRY_AFTER)
        if alert is not None and hour_of(alert) > now * 1000:
            pause = pause_until(seconds)
            self._tell_of_waiting(message, alert, round((now + seconds) * 1000))
        self._comes_back(pair, error, pause, batch)

    def _comes_back(self, pair: _Settled, error: BridgeError, pause: float, batch: Batch) -> bool:
        """Hide a message for `pause` seconds; give it up, and return False, where the queue may delete it meanwhile."""
        message, _ = pair
        if message.ends_within(pause, self._now()):
            self._refuse(pair, message.ended(error), batch)
            return False
        batch.stay.append(message.message_id)
        if has_time_for_a_call(batch.deadline):
            self._queue.later(message, pause)
        return True

    def _tell_of_waiting(self, message: Message, alert: Alert, until: int) -> None:
        """Count what a window holds, and log once an hour until when (milliseconds since the epoch) an event waits."""
        reason = waits_for(alert, self._now() * 1000)
        if reason == WINDOW:
            self._telemetry.count("EventsQuietHeld")
        if message.receives % LOOKS_AN_HOUR == 1:
            self._telemetry.log.info(
                "An event waits for its hour.",
                not_opened=reason,
                until=utc(until),
                because_of=alert.quiet_by or None,
                extra=_named((message, alert)),
            )

    def _count_as_waiting(self, message: Message, hour: float, batch: Batch, *, held: bool) -> None:
        """Count the message, and report the age of the oldest one of its kind in this batch, counted from its hour.

        SQS's own ApproximateAgeOfOldestMessage leaves out what was received three times, and so nearly all that waits.
        """
        now = self._now()
        age = message.age(now)
        self._telemetry.count("Held" if held else "EventsPostponed")
        if age > EXPIRES_SOON:
            self._telemetry.count("EventsExpireSoon")
        batch.oldest[held] = max(min(age, max(0.0, now - hour)), batch.oldest.get(held, 0.0))
        self._telemetry.gauge("HeldAge" if held else "PostponedAge", batch.oldest[held])

    def _refuse(self, pair: _Settled, error: BridgeError, batch: Batch) -> None:
        message, _ = pair
        self._telemetry.count("EventsRefused")
        self._telemetry.log.error(error.message, action=error.action, extra=_named(pair))
        if not has_time_for_a_call(batch.deadline) or not self._queue.dead_letter(message, error):
            batch.stay.append(message.message_id)

    def _finish(self, messages: Sequence[Message], batch: Batch) -> None:
        for message in messages:
            if message.message_id not in batch.stay and has_time_for_a_call(batch.deadline):
                self._queue.finish(message)


def _named(pair: _Settled) -> dict[str, str]:
    """Return what a log line needs for a person to find the message, its event and its problem again."""
    message, alert = pair
    named = {"message_id": message.message_id}
    return named if alert is None else {**named, "event_id": alert.event_id, "dedup_key": alert.key}
