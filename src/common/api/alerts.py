"""Alerts of callers: into the queue, in the shape of an EventBridge event, so that the events function handles them.

The event says who sent it (`detail.origin`), and src/rules/own-alerts.toml puts that into the dedup key: nobody opens,
repeats or resolves another's problem. Only the API function may put events with this source into the queue.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from common.clock import Clock
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
    """One alert of several that can't be understood: as it came, and why."""

    content: object
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
        now = datetime.fromtimestamp(self._clock.now(), UTC)
        return self._sender.send([json.dumps(_event(alert, origin, now)) for alert in alerts])

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
