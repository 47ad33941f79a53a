"""Tells a storm's problems in one record: binds a problem to it, applies what it says there, and links the first ones.

The order of things that must not be changed: a problem's item says that it has joined before the storm's record is
told of it, and leaves the storm only when that takes no alarm any more.
"""

from copy import replace
from typing import TYPE_CHECKING

from common.clock import Deadline
from common.errors import BridgeError, NotYetError
from common.incidents import gathering as pure
from common.incidents.alert import DEFAULT_TABLE, Fold
from common.incidents.due import NotDueError
from common.incidents.item import Item, Operation
from common.incidents.openings import Openings
from common.incidents.work import COME_BACK, RaceLostError, soon_after

if TYPE_CHECKING:
    from common.incidents.desk import Desk
    from common.incidents.work import Applied

_MOST_STORMS = 3
_MOST_RACES = 3
_LINK_NEEDS_SECONDS = 15.0
_LINK_SECONDS = 30.0
_LAST_LINK = 15 * 60_000


class Storms:
    """Works for a desk, of which it uses the ledger, the records and the state machine."""

    def __init__(self, desk: "Desk") -> None:
        """Gather problems for `desk`."""
        self._desk = desk
        self._openings = Openings(desk.ledger, deployment=desk.deployment)

    def place(self, item: Item, fold: Fold) -> tuple[Item, Item | None]:
        """Return the item of a problem, bound or not, and that of the storm's record where it is bound to one.

        A problem that would open a record is counted; beyond the bound of its storm it is bound. One whose storm is
        over is set free, and judged anew.
        """
        for _ in range(_MOST_STORMS):
            first: tuple[str, ...] = ()
            if not item.joined:
                storm = pure.storm_of(fold)
                if storm is None or not pure.begins(item, fold):
                    return item, None
                counted = self._openings.count(storm, item.problem)
                if len(counted.problems) <= storm.more_than:
                    return item, None
                item = self._written(replace(item, joined=counted.gathering))
                first = tuple(sorted(counted.problems - {item.problem}))
                self._desk.telemetry.count("ProblemsGathered")
            told = pure.gathered(fold)
            gathering = self._desk.read(item.joined, told)
            # A child whose own write is under way is not disturbed: the end of the storm waits for it.
            if pure.takes(gathering, told) or item.pending is not None:
                return item, replace(gathering, children=first) if first and not gathering.version else gathering
            item = self._set_free(item, gathering, fold)
        raise NotYetError("Storms begin and end too fast.", action=COME_BACK, retry_after=soon_after(0))

    def tell(self, item: Item, gathering: Item, fold: Fold, own: "Applied | None", deadline: Deadline) -> "Applied":
        """Bring the storm's record to what a problem says that has joined it, and the problem's item with it.

        `own` is what was done to a record of the problem's own, where it has one. Raises what the desk raises, and
        NotDueError while problems that opened before wait to be linked.
        """
        applied, gathering = self._applied(item, gathering, fold, deadline)
        newer = {} if item.is_child else item.newer(fold.orders())
        if newer:
            self._written(item.settled(newer, item.record))
            self._desk.telemetry.log.info(
                "A problem is told in the record of a storm.",
                not_opened="storm",
                because_of=applied.record.number if applied.record else None,
                dedup_key=fold.key,
                event_id=fold.newest.event_id or None,
                gathered_by=item.joined,
            )
        if Operation.OPEN in applied.operations:
            self._desk.telemetry.count("StormsOpened")
            if gathering.children:
                raise NotDueError(_LINK_SECONDS)
        if gathering.children and not newer and not item.is_child:
            self._link_children(gathering, fold, deadline)
        return applied if own is None else own

    def _set_free(self, item: Item, gathering: Item, fold: Fold) -> Item:
        storm = pure.storm_of(fold)
        if storm is not None:
            self._openings.succeed(storm, item.problem, item.joined)
        return self._written(pure.free(item, gathering, fold))

    def _written(self, item: Item) -> Item:
        written = self._desk.ledger.write(item)
        if written is None:
            raise RaceLostError
        return written

    def _applied(self, item: Item, gathering: Item, fold: Fold, deadline: Deadline) -> "tuple[Applied, Item]":
        """Apply a fold to the storm's record, at once again where another was faster: many join at the same time."""
        told = pure.gathered(fold)
        for _ in range(_MOST_RACES):
            try:
                return self._desk.apply_to(gathering, told, deadline), gathering
            except RaceLostError:
                gathering = self._desk.read(item.joined, told)
        return self._desk.apply_to(gathering, told, deadline), gathering

    def _link_children(self, gathering: Item, fold: Fold, deadline: Deadline) -> None:
        """Make the problems that opened before the storm its children, as far as they have a record by now.

        Raises NotDueError while some have none. A child's item says so first, then the storm's, which does not resolve
        before it has recovered, and then ServiceNow: once at most, so that a link may be missing.
        """
        is_late = self._desk.ledger.now() - fold.newest.occurred_at > _LAST_LINK
        waiting: tuple[str, ...] = ()
        while gathering.children and gathering.record is not None and gathering.pending is None and gathering.fires:
            if deadline.remaining() < _LINK_NEEDS_SECONDS:
                raise NotDueError(_LINK_SECONDS)
            problem, *rest = gathering.children
            if problem in waiting:
                raise NotDueError(_LINK_SECONDS)
            child = self._desk.ledger.read(problem, dedup_key="", table="")
            if _may_become_child(child, gathering):
                bound = (
                    child if child.joined else self._written(replace(child, joined=gathering.dedup_key, is_child=True))
                )
                gathering = self._written(pure.with_child(gathering, bound, tuple(rest)))
                self._link(bound, gathering, deadline)
            elif _may_open(child) and not is_late:
                waiting = (*waiting, problem)
                gathering = replace(gathering, children=(*rest, problem))
            else:
                gathering = self._written(replace(gathering, children=tuple(rest)))

    def _link(self, child: Item, gathering: Item, deadline: Deadline) -> None:
        if child.record is None or gathering.record is None:
            return
        try:
            parent = {"parent_incident": gathering.record.sys_id}
            self._desk.records.update(child.table, child.record.sys_id, parent, deadline)
        except BridgeError as error:
            self._desk.telemetry.count("ChildrenUnlinked")
            self._desk.telemetry.log.warning(
                "An incident could not be linked to the one of its storm. It is not tried again.",
                record=child.record.number,
                reason=error.message,
                action="Set its parent incident by hand, if you need it.",
            )
        else:
            self._desk.telemetry.count("ChildrenLinked")


def _may_become_child(child: Item, gathering: Item) -> bool:
    is_settled = child.pending is None and child.record is not None and child.fires
    is_alone = not child.joined or (child.is_child and child.joined == gathering.dedup_key)
    return is_settled and is_alone and child.table == gathering.table == DEFAULT_TABLE


def _may_open(child: Item) -> bool:
    """Return whether a problem that was counted may still open a record of its own."""
    return not child.joined and (child.pending is not None or (child.record is None and not child.orders))
