"""Alerts of callers: into the queue, in the shape of an EventBridge event, so that the events function handles them.

The event says who sent it (`detail.origin`), and src/rules/own-alerts.toml puts that into the dedup key: nobody opens,
repeats or resolves another's problem. Only the API function may put events with this source into the queue.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from common.batches import fitting
from common.clock import Clock, utc_now
from common.dead_letters import DeadLetters
from common.errors import PermanentError, TransientError
from common.event_sender import EventSender
from common.incidents.own_events import ALERT, API_SOURCE

# The desk refuses older events; an alert that still fires and is reported again may have begun long before.
_OLDEST = timedelta(days=29)
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
    """Alerts, most often one, that can't be understood: as they came, and why."""

    contents: Sequence[object]
    reason: str


class AlertQueue:
    """Puts alerts into the event queue."""

    def __init__(self, sender: EventSender, *, dead_letters: DeadLetters, clock: Clock) -> None:
        """Send by `sender`, and what nobody understands to the dead-letter queue of `dead_letters`."""
        self._sender = sender
        self._dead_letters = dead_letters
        self._clock = clock

    def accept(self, alerts: Iterable[CallersAlert], origin: Origin) -> int:
        """Put alerts into the queue and return how many there were. Raises as `EventSender.send`."""
        now = utc_now(self._clock)
        return self._sender.send([json.dumps(_event(alert, origin, now)) for alert in alerts])

    def keep(self, refused: Iterable[Refused], origin: Origin) -> int:
        """Put what could not be understood into the dead-letter queue, with its reason; return how many there were.

        Many go into one letter: whoever sends ten thousand waits for an answer, and sends them again without one.

        Raises TransientError where that queue did not take it: the sender keeps it then, and sends it again.
        """
        now = utc_now(self._clock)
        kept = list(refused)
        if not self._dead_letters.keep_all([_letter(some, origin, now) for some in _together(kept)]):
            raise TransientError("The dead-letter queue did not take an alert.", action="Send them all again.")
        return sum(len(each.contents) for each in kept)


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


def _together(refused: Iterable[Refused]) -> Iterator[list[Refused]]:
    """Return as many of them in one list as a letter holds; what is longer than a letter is cut."""
    return fitting(map(_cut, refused), lambda each: len(json.dumps([each.reason, *each.contents])), _LONGEST_KEPT)


def _cut(refused: Refused) -> Refused:
    text = json.dumps(refused.contents)
    # JSON within JSON is up to twice as long.
    return refused if len(text) <= _LONGEST_KEPT else replace(refused, contents=[text[: _LONGEST_KEPT // 2]])


def _letter(some: Sequence[Refused], origin: Origin, now: datetime) -> tuple[str, PermanentError]:
    """Return the event that refused alerts would have become: replayed, it is refused again with the same end."""
    by_reason: dict[str, list[object]] = {}
    for each in some:
        by_reason.setdefault(each.reason, []).extend(each.contents)
    count = sum(map(len, by_reason.values()))
    told, first = (f"{count} alerts", ", the first for this reason") if count > 1 else ("An alert", "")
    event = _event(CallersAlert("", "refused", ""), origin, now)
    return json.dumps({**event, "detail": {"origin": origin.caller, "refused": by_reason}}), PermanentError(
        f"{told} of {origin.caller} can't be understood{first}: {some[0].reason}.",
        action="Correct what sends it; an alert that goes on is sent again by its monitoring system.",
    )
