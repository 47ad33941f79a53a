"""Onto an event bus, or in shadow mode only into the log."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from common.aws_errors import meaning
from common.batches import fitting
from common.clock import Clock
from common.incidents.own_events import RECORD_CHANGED
from common.retry import tries
from common.telemetry import Telemetry
from common.watch.event import Told

if TYPE_CHECKING:
    from mypy_boto3_events.client import EventBridgeClient

MOST_EVENTS = 10
"""How many events PutEvents takes a call."""

_TRIES = 3

# A call may have 256 KB: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html. It is ASCII.
_MOST_BYTES = 240_000
_AROUND = 500


class Bus(Protocol):
    """Where events go."""

    def put(self, events: Sequence[Told]) -> Sequence[bool]:
        """Put up to ten events; return of each whether it was taken."""
        ...


class EventBus:
    """A bus of EventBridge."""

    def __init__(
        self, events: "EventBridgeClient", name: str, *, source: str, clock: Clock, telemetry: Telemetry
    ) -> None:
        """Put events of `source` on the bus of that name, in the function's own account and Region."""
        self._events = events
        self._name = name
        self._source = source
        self._clock = clock
        self._telemetry = telemetry

    def put(self, events: Sequence[Told]) -> Sequence[bool]:
        """Put up to ten events. PutEvents may take a part of them: the others are put again, a few times.

        Raises ConfigurationError where the bus or a right is missing, TransientError where EventBridge is away.
        """
        entries: list[Any] = [self._entry(event) for event in events]
        waiting = list(range(len(events)))
        for _ in tries(_TRIES, self._clock):
            calls = fitting((entries[number] for number in waiting), _size, _MOST_BYTES)
            results = [result for some in calls for result in self._put(some)]
            taken = len(waiting)
            waiting = [number for number, result in zip(waiting, results, strict=True) if "ErrorCode" in result]
            self._telemetry.count("RecordChangesPut", taken - len(waiting))
            if not waiting:
                break
        return [number not in waiting for number in range(len(events))]

    def _put(self, entries: list[Any]) -> Sequence[Mapping[str, Any]]:
        try:
            return self._events.put_events(Entries=entries)["Entries"]
        except (ClientError, BotoCoreError) as error:
            raise meaning(
                error,
                refused="The event bus refuses what changed in ServiceNow",
                action="Check that the bus of the parameter EventBusName exists, and that the role of the watch "
                "function may put events on it.",
                failed="The event bus did not answer",
            ) from None

    def _entry(self, event: Told) -> dict[str, Any]:
        return {
            "EventBusName": self._name,
            "Source": self._source,
            "DetailType": RECORD_CHANGED,
            "Detail": json.dumps(event.detail),
            "Resources": list(event.resources),
            "Time": event.at,
        }


def _size(entry: Mapping[str, Any]) -> int:
    return len(entry["Detail"]) + sum(map(len, entry["Resources"])) + _AROUND


class ShadowBus:
    """Stands where a bus stands, and puts nothing."""

    def __init__(self, telemetry: Telemetry, follow: Callable[[Told], Sequence[str]] = lambda _: ()) -> None:
        """Report to `telemetry` what would have been put, and what `follow` says that AWS would do."""
        self._telemetry = telemetry
        self._follow = follow

    def put(self, events: Sequence[Told]) -> Sequence[bool]:
        """Log and count the events."""
        for event in events:
            self._telemetry.count("ShadowChanges")
            self._telemetry.log.info("Shadow mode: this is what would be told.", record_change=dict(event.detail))
            for would in self._follow(event):
                self._telemetry.count("ShadowActions")
                self._telemetry.log.info("Shadow mode: this is what would follow.", would=would)
        return [True] * len(events)
