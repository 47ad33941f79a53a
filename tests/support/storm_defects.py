"""Defects that a careless version of storms would have, to be planted into the running code."""

from copy import replace

import pytest

from common.clock import Deadline
from common.incidents import gathering, openings
from common.incidents.alert import Alert, Fold, Status
from common.incidents.covers import Covers
from common.incidents.desk import Desk
from common.incidents.due import NotDueError
from common.incidents.item import Item
from common.incidents.ledger import Ledger
from common.incidents.openings import Counted, Openings
from common.incidents.storm import Storm
from common.incidents.storms import Storms
from common.incidents.work import Applied

WRITTEN, COUNT = Storms._written, Openings.count
TELL, COVERING = Covers.tell, Covers._covering
WRITE = Ledger.write


def over_for_a_moment(patch: pytest.MonkeyPatch) -> None:
    """A storm that is over takes an alarm again, while its problems already leave it: one stays open for ever."""
    takes = gathering.takes

    def once(item: Item, fold: Fold) -> bool:
        over = item.pending is None and bool(item.orders) and not item.fires
        return not over and takes(item, fold)

    patch.setattr(gathering, "takes", once)
    patch.setattr(Item, "is_over", property(lambda _item: False))


def told_before_it_has_joined(patch: pytest.MonkeyPatch) -> None:
    """A problem's item does not say that it has joined: its recovery goes elsewhere."""

    def written(self: Storms, item: Item) -> Item:
        return item if item.joined and not item.orders else WRITTEN(self, item)

    patch.setattr(Storms, "_written", written)


def each_names_its_own_record(patch: pytest.MonkeyPatch) -> None:
    """Workers do not agree on what gathers: a storm's record is opened twice."""

    def count(self: Openings, storm: Storm, problem: str) -> Counted:
        counted = COUNT(self, storm, problem)
        return replace(counted, gathering=openings._name(storm, problem, 0))

    patch.setattr(Openings, "count", count)


def every_try_counts(patch: pytest.MonkeyPatch) -> None:
    """A problem whose message comes back is counted again: a member is counted twice."""

    def count(self: Openings, storm: Storm, problem: str) -> Counted:
        return COUNT(self, storm, f"{problem} {self._ledger.now()}")

    patch.setattr(Openings, "count", count)


def linked_only(patch: pytest.MonkeyPatch) -> None:
    """The storm does not wait for its children: ServiceNow resolves one that still fires with its parent."""
    patch.setattr(gathering, "with_child", lambda item, _child, rest: replace(item, children=rest))


def recovery_of_a_child_kept_from_the_storm(patch: pytest.MonkeyPatch) -> None:
    """A child recovers in its own record alone: that of the storm stays open for ever."""
    place = Storms.place

    def alone(self: Storms, item: Item, fold: Fold) -> tuple[Item, Item | None]:
        return (item, None) if item.is_child else place(self, item, fold)

    patch.setattr(Storms, "place", alone)


def memory_of_the_storm_lost(patch: pytest.MonkeyPatch) -> None:
    """A problem leaves its storm without what that knows: what is late then counts as new."""
    patch.setattr(gathering, "free", lambda item, _told, _fold: replace(item, joined="", is_child=False))


def not_mirrored(patch: pytest.MonkeyPatch) -> None:
    """A problem's own item does not say what the storm was told of it."""

    def written(self: Storms, item: Item) -> Item:
        return item if item.joined and item.orders and not item.is_child else WRITTEN(self, item)

    patch.setattr(Storms, "_written", written)


def covered_taken_for_done(patch: pytest.MonkeyPatch) -> None:
    """The event of a problem that is covered is done with: the problem never opens."""
    apply = Desk.apply

    def done(self: Desk, fold: Fold, deadline: Deadline) -> Applied:
        try:
            return apply(self, fold, deadline)
        except NotDueError:
            return Applied((), None)

    patch.setattr(Desk, "apply", done)


def covered_remembered_as_told(patch: pytest.MonkeyPatch) -> None:
    """What is noted elsewhere counts as applied: the wait forgets what it waits for."""
    note = Covers._note

    def told(self: Covers, item: Item, covering: Item, alert: Alert, deadline: Deadline) -> None:
        note(self, item.settled({alert.member: alert.order}, None), covering, alert, deadline)

    patch.setattr(Covers, "_note", told)


def list_believed(patch: pytest.MonkeyPatch) -> None:
    """Who is on the list covers, and whoever says that it fires is put there: a late message covers for ever."""

    def tell(self: Covers, key: str, fold: Fold) -> None:
        fires = fold.newest.status is Status.FIRING
        patched = Fold.of([fold.newest])
        with pytest.MonkeyPatch.context() as inner:
            inner.setattr(Item, "fires", property(lambda _item: fires))
            TELL(self, key, patched)

    def believed(self: Covers, item: Item, alert: Alert) -> Item | None:
        with pytest.MonkeyPatch.context() as inner:
            inner.setattr(Item, "fires", property(lambda _item: True))
            return COVERING(self, item, alert)

    patch.setattr(Covers, "tell", tell)
    patch.setattr(Covers, "_covering", believed)


def noted_each_time(patch: pytest.MonkeyPatch) -> None:
    """Nothing says that a problem was noted where it is covered."""
    patch.setattr(Ledger, "write", lambda self, item: item if item.covered_in else WRITE(self, item))
