"""When an alert counts: not before its hour, where a rule or a window lets it wait, and not when it is too old. Pure.

Nothing is remembered for it. What waits goes back to the queue until its hour, and by then the order keys of the ledger
tell whether it still counts: a recovery leaves its own, newer one behind, and so does a problem that fires again.
"""

from collections.abc import Iterable, Mapping
from copy import replace

from common.clock import DAY
from common.errors import NotYetError, PermanentError
from common.incidents.alert import Alert, Fold, Status
from common.incidents.item import Item

OLDEST_EVENT = 30 * DAY
"""Milliseconds: the ledger forgets a problem 60 days after it was over, so that older events could open it anew."""

FURTHEST_FUTURE = 300_000
"""Milliseconds: an event from the future would make everything that follows look old."""

WINDOW = "window"
"""What an alert waits for that began inside a maintenance window."""


class NotDueError(NotYetError):
    """A rule or a window lets an alert wait for its hour, which is `retry_after` seconds ahead."""

    def __init__(self, seconds: float) -> None:
        """Come back in that many seconds."""
        super().__init__(
            "A rule or a maintenance window lets this wait (hold, settle or window).",
            action="Nothing is to be done; the message comes back at its hour.",
            retry_after=seconds,
        )


def due(item: Item, fold: Fold, now: int) -> tuple[Fold | None, float]:
    """Return what of a fold counts at `now` (milliseconds since the epoch), and the seconds until the rest does.

    A problem waits for `hold` seconds before it opens, or opens again, a record, and until the window in which it began
    has ended; a recovery for `settle` seconds before it resolves one. What counts first is the oldest alert of its kind
    that nothing newer contradicts, so that repeating it puts nothing off. None, where nothing counts yet; 0, where
    nothing waits.
    """
    hours = {member: _hour(item, alerts) for member, alerts in _by_member(fold.alerts).items()}
    waiting = {member: hour for member, hour in hours.items() if hour > now}
    if not waiting:
        return fold, 0.0
    rest = [alert for alert in fold.alerts if alert.member not in waiting]
    return (Fold.of(rest) if rest else None), (min(waiting.values()) - now) / 1000


def healed(item: Item, fold: Fold) -> bool:
    """Return whether a problem that was to wait is over, and nobody ever had a record of it."""
    is_untold = item.record is None and item.pending is None and item.correlation_id is None and not item.joined
    held = [alert for alert in fold.alerts if hour_of(alert) and alert.status is Status.FIRING]
    return is_untold and any(alert.order < item.orders.get(alert.member, -1) for alert in held)


def _by_member(alerts: Iterable[Alert]) -> Mapping[str, list[Alert]]:
    members: dict[str, list[Alert]] = {}
    for alert in alerts:
        members.setdefault(alert.member, []).append(alert)
    return members


def _hour(item: Item, alerts: list[Alert]) -> int:
    """Return the millisecond at which the newest statement of a member, oldest first in `alerts`, counts; 0 for now."""
    newest = alerts[-1]
    known = item.orders.get(newest.member, -1)
    if newest.order <= known or item.pending is not None:
        return 0
    if item.fires is (newest.status is Status.FIRING):
        return 0
    against = max((alert.order for alert in alerts if alert.status is not newest.status), default=known)
    policy = newest.policy
    return min(hour_of(replace(alert, policy=policy)) for alert in alerts if alert.order > max(against, known))


def hour_of(alert: Alert) -> int:
    """Return the millisecond before which an alert does not count by itself; 0 where it need not wait."""
    seconds = alert.policy.hold if alert.status is Status.FIRING else alert.policy.settle
    return max(alert.occurred_at + seconds * 1000 if seconds else 0, alert.quiet_until)


def waits_for(alert: Alert, now: float) -> str:
    """Return what an alert that does not count yet waits for at `now` (milliseconds since the epoch)."""
    if alert.quiet_until > now:
        return WINDOW
    return "hold" if alert.status is Status.FIRING else "settle"


def check_age(alert: Alert, now: int) -> None:
    """Raise PermanentError for what the ledger can put in no order; `now` is in milliseconds since the epoch."""
    if now - alert.occurred_at > OLDEST_EVENT:
        raise PermanentError(
            "The event is older than 30 days.",
            action="Open the incident by hand if the problem is still there.",
        )
    if alert.occurred_at - now > FURTHEST_FUTURE:
        raise PermanentError(
            "The event's time lies more than 5 minutes in the future.",
            action="Correct the clock of what sent it and send the event again.",
        )
