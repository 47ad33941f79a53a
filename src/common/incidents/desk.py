"""Where the alerts of a problem go: read the ledger, wait until they count, find the record to which they belong."""

from collections.abc import Callable
from copy import replace
from secrets import token_hex

from common.clock import Deadline
from common.incidents.alert import ONLY_MEMBER, Fold, Status
from common.incidents.covers import Covers
from common.incidents.due import OLDEST_EVENT, NotDueError, check_age, due, healed
from common.incidents.episodes import turned
from common.incidents.gathering import begins
from common.incidents.groups import overflow_keys, placed, pruned
from common.incidents.ignored import IgnoredFields
from common.incidents.item import Item, problem_of
from common.incidents.ledger import Ledger
from common.incidents.precedents import Precedents
from common.incidents.storms import Storms
from common.incidents.work import Applied, Work
from common.servicenow.records import Records
from common.servicenow.refusals import DoubtfulError
from common.telemetry import Telemetry


class Desk:
    """Applies the alerts of one problem, so that ServiceNow holds exactly one record for it."""

    def __init__(  # noqa: PLR0913 (the parts that it is put together from)
        self,
        ledger: Ledger,
        records: Records,
        *,
        deployment: str,
        close_code: str,
        telemetry: Telemetry,
        new_owner: Callable[[], str] = lambda: token_hex(8),
        precedents: Precedents | None = None,
        after: Callable[[Item, Fold, Applied], None] = lambda *_: None,
    ) -> None:
        """Use `close_code` where a rule names none; `new_owner` returns a name for each claim.

        `after` is told what was done for which alerts, with the problem's item as it was before; it never raises.
        `precedents` are what refusals that nobody understands are judged by; without them by this environment's own.
        """
        self.ledger = ledger
        self.records = records
        self.deployment = deployment
        self.close_code = close_code
        self.telemetry = telemetry
        self.new_owner = new_owner
        self.precedents = precedents or Precedents()
        self.after = after
        self.ignored_fields = IgnoredFields(telemetry)
        self.storms = Storms(self)
        self.covers = Covers(self)

    def apply(self, fold: Fold, deadline: Deadline) -> Applied:
        """Bring ServiceNow and the ledger to what the alerts say, as far as they are due.

        Raises NotDueError where any is not yet due; the others are applied then, and applying them again does nothing.
        Raises TransientError or AmbiguousError (come back later), HeldError (everybody waits for a person) or
        PermanentError (this fold can never be applied). After any of them nothing is lost and nothing done twice.
        """
        item = self.read(fold.key, fold)
        now = self.ledger.now()
        for alert in fold.alerts:
            check_age(alert, now)
        ripe, seconds = due(item, fold, now)
        if ripe is None:
            self._remember(item, fold)
            raise NotDueError(seconds)
        if healed(item, ripe):
            self.telemetry.count("ProblemsHealed")
            self.telemetry.log.info(
                "A problem was over before it had lasted as long as its rule or window asks.",
                not_opened="healed",
                because_of=fold.newest.quiet_by or None,
                dedup_key=fold.key,
            )
        if not item.joined and begins(item, ripe):
            self.covers.check(item, ripe, deadline)
        applied = self._place(item, ripe, deadline)
        self.covers.tell(fold.key, ripe)
        if seconds:
            raise NotDueError(seconds)
        return applied

    def _place(self, item: Item, fold: Fold, deadline: Deadline) -> Applied:
        """Apply what is due where it belongs: in the record of a storm, else in the problem's own and its overflow."""
        item, gathering = self.storms.place(item, fold)
        if gathering is not None:
            own = self.apply_to(item, fold, deadline) if item.is_child else None
            return self.storms.tell(item, gathering, fold, own, deadline)
        overflow = {key: self.read(key, fold) for key in overflow_keys(item, fold)}
        items = {fold.key: item, **overflow}
        applied = [self.apply_to(items[part.key], part, deadline) for part in placed(item, overflow, fold)]
        return Applied(tuple(operation for part in applied for operation in part.operations), applied[0].record)

    def _remember(self, item: Item, fold: Fold) -> None:
        """Write down that a problem was over, though its recovery is to settle: so its comings and goings are counted.

        Whoever is faster wins; the message comes back and says it again.
        """
        recoveries = [alert.order for alert in fold.alerts if alert.status is Status.RESOLVED]
        turns = turned(item.past.turns, recoveries if set(item.orders) == {ONLY_MEMBER} else [])
        if item.fires and turns != item.past.turns:
            self.ledger.write(replace(item, past=replace(item.past, turns=turns)))

    def read(self, key: str, fold: Fold) -> Item:
        """Return the item of a problem or a storm, for what `fold` says."""
        table = fold.newest.table
        item = self.ledger.read(problem_of(self.deployment, key), dedup_key=key, table=table)
        if item.record is None and item.correlation_id is None and item.pending is None:
            # The rule may name another table than it did when the problem was there before.
            item = replace(item, table=table, resources=fold.newest.resources, objects=())
        item = item.standing_for(alert.object for alert in fold.alerts)
        return pruned(item, self.ledger.now() - OLDEST_EVENT).asked_with(fold.newest.fingerprint)

    def apply_to(self, item: Item, fold: Fold, deadline: Deadline) -> Applied:
        """Do what `apply` does for what is due, given the item of the problem or the storm as it was just read."""
        try:
            applied = Work(self, fold, deadline, self.new_owner()).run(item)
        except DoubtfulError as error:
            if self.precedents.concerns_everybody(error.method, item.table, item.problem):
                raise error.for_everybody() from None
            raise
        self.precedents.tell()
        self.after(item, fold, applied)
        return applied
