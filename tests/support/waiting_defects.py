"""Defects that a careless version of waiting would have, to be planted into the running code."""

from copy import replace

import pytest

from common.clock import Deadline
from common.incidents import desk, due
from common.incidents.alert import Alert, Fold, Status
from common.incidents.desk import Desk
from common.incidents.due import NotDueError
from common.incidents.item import Item
from common.incidents.work import Applied
from common.intake import Intake

APPLY, DUE = Desk.apply, due.due


def window_swallows(patch: pytest.MonkeyPatch) -> None:
    """What a window holds is taken out of the queue, as what it drops is."""

    def wait(self: Intake, *_: object) -> None:
        """Let the message go."""

    patch.setattr(Intake, "_wait", wait)


def hold_forgets(patch: pytest.MonkeyPatch) -> None:
    """What waits is written down as if it were done, so that it is old when its hour comes."""

    def apply(self: Desk, fold: Fold, deadline: Deadline) -> Applied:
        try:
            return APPLY(self, fold, deadline)
        except NotDueError:
            item = self.read(fold.key, fold)
            if item.pending is None:
                self.ledger.write(item.settled(fold.orders(), item.record))
            raise

    patch.setattr(Desk, "apply", apply)


def settle_overtakes(patch: pytest.MonkeyPatch) -> None:
    """A recovery that has settled counts as new, whatever fired in the meantime."""

    def anew(item: Item, fold: Fold, now: int) -> tuple[Fold | None, float]:
        ripe, seconds = DUE(item, fold, now)
        if ripe is None:
            return ripe, seconds
        return Fold.of(_later(alert, now) for alert in ripe.alerts), seconds

    patch.setattr(desk, "due", anew)


def _later(alert: Alert, now: int) -> Alert:
    settles = alert.status is Status.RESOLVED and alert.policy.settle
    return replace(alert, occurred_at=now // 1000 * 1000) if settles else alert


def window_not_minded(patch: pytest.MonkeyPatch) -> None:
    """Only the rule's own times count."""
    patch.setattr(
        due, "hour_of", lambda alert: alert.occurred_at + alert.policy.hold * 1000 if alert.policy.hold else 0
    )
