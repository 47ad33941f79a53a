"""When an alert counts: not before its hour, where a rule lets it wait, and not when it is too old. Pure.

Nothing is remembered for it. What waits goes back to the queue until its hour, and by then the order keys of the ledger
tell whether it still counts: a recovery leaves its own, newer one behind, and so does a problem that fires again.
"""

from collections.abc import Iterable, Mapping

from common.errors import NotYetError, PermanentError
from common.incidents.alert import Alert, Fold, Status
from common.incidents.item import Item

OLDEST_EVENT = 30 * 86_400_000
"""Milliseconds: the ledger forgets a problem 60 days after it was over, so that older events could open it anew."""

FURTHEST_FUTURE = 300_000
"""Milliseconds: an event from the future would make everything that follows look old."""


class NotDueError(NotYetError):
    """A rule lets an alert wait for its hour, which is `retry_after` seconds ahead."""

    def __init__(self, seconds: float) -> None:
        """Come back in that many seconds."""
        super().__init__(
            "A rule lets this wait (hold or settle).",
            action="Nothing is to be done; the message comes back at its hour.",
            retry_after=seconds,
        )


def due(item: Item, fold: Fold, now: int) -> tuple[Fold | None, float]:
    """Return what of a fold counts at `now` (milliseconds since the epoch), and the seconds until the rest does.

    A problem waits for `hold` seconds before it opens, or opens again, a record; a recovery for `settle` seconds before
    it resolves one. Both are counted from the oldest alert of its kind that nothing newer contradicts, so that
    repeating it puts nothing off. None, where nothing counts yet; 0, where nothing waits.
    """
    hours = {member: _hour(item, alerts) for member, alerts in _by_member(fold.alerts).items()}
    waiting = {member: hour for member, hour in hours.items() if hour > now}
    if not waiting:
        return fold, 0.0
    rest = [alert for alert in fold.alerts if alert.member not in waiting]
    return (Fold.of(rest) if rest else None), (min(waiting.values()) - now) / 1000


def healed(item: Item, fold: Fold) -> bool:
    """Return whether a problem that was to wait is over, and nobody ever had a record of it."""
    is_untold = item.record is None and item.pending is None and item.correlation_id is None
    held = [alert for alert in fold.alerts if alert.policy.hold and alert.status is Status.FIRING]
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
    firing = newest.status is Status.FIRING
    seconds = newest.policy.hold if firing else newest.policy.settle
    if not seconds or item.fires is firing:
        return 0
    against = max((alert.order for alert in alerts if alert.status is not newest.status), default=known)
    since = min(alert.occurred_at for alert in alerts if alert.order > max(against, known))
    return since + seconds * 1000


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
