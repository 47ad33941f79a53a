"""What an event says: the alert that its rule makes of it, as the maintenance windows want it; or nothing, and why."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from common.errors import PermanentError
from common.incidents.alert import Alert, Status
from common.incidents.rules import Rule
from common.incidents.tag_names import TAGS
from common.incidents.windows import Quiet, Window, quieted, quieting_of
from common.telemetry import Telemetry

_NOBODYS = PermanentError(
    "No rule understands what was sent.",
    action="Correct what the tool sends (docs/sources.md has the bodies), or add a rule; then replay the message.",
)
_MOST_TYPES = 1000


class Judge:
    """Turns events into alerts, and counts and tells those of which nothing comes."""

    def __init__(
        self,
        judged: Callable[[Mapping[str, Any]], tuple[Rule | None, Alert | None]],
        *,
        telemetry: Telemetry,
        doors: Sequence[str] = (),
        windows: Callable[[], Sequence[Window]] = tuple,
    ) -> None:
        """Judge by what `judged` says, the rule for an event and its alert, and by the windows of that time.

        Whoever sends by the `doors`, the beginnings of sources, does not send again: what no rule knows of theirs must
        not be dropped.
        """
        self._of_event = judged
        self._telemetry = telemetry
        self._doors = tuple(doors)
        self._windows = windows
        self._unknown_types: set[tuple[str, str]] = set()

    def alert(self, event: Mapping[str, Any]) -> Alert | None:
        """Return the alert of an event; None where nothing is to be done. Raises PermanentError as rules do."""
        try:
            return self._judged(event)
        except PermanentError as error:
            if not self._by_a_door(event):
                raise
            raise PermanentError(f"Of {event['source']}: {error.message}", action=error.action) from None

    def _by_a_door(self, event: Mapping[str, Any]) -> bool:
        sent: str = event["source"]
        return sent.startswith(self._doors)

    def _judged(self, event: Mapping[str, Any]) -> Alert | None:
        rule, alert = self._of_event(event)
        if rule is None:
            if self._by_a_door(event):
                raise _NOBODYS
            self._drop_unknown(event)
            return None
        if alert is None:
            self._telemetry.count("EventsDropped" if rule.dropped_by else "EventsIgnored")
            if rule.dropped_by and rule.firing.holds(event):
                self._tell("override", rule.dropped_by, rule, event)
            return None
        return self._as_windows_want(alert, rule, event)

    def _as_windows_want(self, alert: Alert, rule: Rule, event: Mapping[str, Any]) -> Alert | None:
        windows = self._windows() if alert.status is Status.FIRING else ()
        if not windows and not alert.quiet_until:
            return alert
        about = rule.about(event if alert.tags is None else {**event, TAGS: alert.tags})
        quieting = quieting_of(alert, rule.name, about, windows)
        if quieting is None:
            return alert
        if quieting.quiet is Quiet.DROP:
            self._telemetry.count("EventsQuietDropped")
            self._tell("window", quieting.window, rule, event)
            return None
        if quieting.quiet is Quiet.NOTE:
            self._telemetry.count("EventsQuietNoted")
        return quieted(alert, quieting)

    def _tell(self, what: str, name: str, rule: Rule, event: Mapping[str, Any]) -> None:
        """Log why nothing is opened for an event, so that whoever asks finds it by the problem's key."""
        self._telemetry.log.info(
            "Nothing is opened for an event: it is dropped, as a person wanted it.",
            not_opened=what,
            because_of=name,
            rule=rule.name,
            dedup_key=rule.key_of(event),
            event_id=str(event.get("id", ""))[:64],
        )

    def _drop_unknown(self, event: Mapping[str, Any]) -> None:
        self._telemetry.count("EventsUnknown")
        kind = (str(event["source"])[:128], str(event["detail-type"])[:128])
        if kind in self._unknown_types or len(self._unknown_types) >= _MOST_TYPES:
            return
        self._unknown_types.add(kind)
        self._telemetry.log.warning(
            "No rule knows this type of event; it is dropped. Add a rule, or take the type out of EventSources.",
            source=kind[0],
            detail_type=kind[1],
        )
