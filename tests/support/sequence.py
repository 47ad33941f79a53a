"""The deciding code alone, fed one fold after the other: no worker, no fault, a person only where a test says so."""

from copy import replace
from dataclasses import dataclass, field

from common.incidents import decide
from common.incidents.alert import Fold
from common.incidents.item import Item, Operation, Pending, RecordReference
from common.incidents.steps import Condition, Finish, Seen, Step, Write
from tests.support.problems import MOMENT, settled


@dataclass(frozen=True, slots=True)
class Sequence:
    """What the ledger and ServiceNow hold after some folds. `records` counts what was ever opened, `calls` everything.

    `operations` are the writes in their order; `condition` is the state of the newest record.
    """

    item: Item = field(default_factory=lambda: settled(version=0))
    condition: Condition | None = None
    records: int = 0
    operations: tuple[Operation, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether somebody still has to look at the newest record."""
        return self.condition is Condition.OPEN

    def after(self, fold: Fold) -> "Sequence":
        """Return what is there once a fold was applied."""
        state = self
        step = decide.plan(state.item, fold, MOMENT)
        while isinstance(step, Write):
            state, step = state._written(step, fold)
        assert step == Finish()
        return state

    def with_record(self, condition: Condition) -> "Sequence":
        """Return what is there once a person changed the newest record."""
        return replace(self, condition=condition)

    def _written(self, step: Write, fold: Fold) -> tuple["Sequence", Step]:
        item = replace(step.item, version=step.item.version + 1)
        if item.pending is None:
            return replace(self, item=item), decide.plan(item, fold, MOMENT)
        called = self._called(item, item.pending)
        assert called.condition is not None
        number = called.records if item.record is None else int(item.record.sys_id)
        answer = Seen(RecordReference(f"{number:032}", ""), called.condition, "", item.pending.marker)
        return called, decide.answered(item, answer, fold, MOMENT)

    def _called(self, item: Item, pending: Pending) -> "Sequence":
        operation = pending.operation
        condition, records = self.condition, self.records
        if operation is Operation.OPEN:
            condition, records = Condition.OPEN, records + 1
        elif condition is not Condition.CLOSED and operation in {Operation.REOPEN, Operation.REOPEN_STATE}:
            condition = Condition.OPEN
        elif condition is not Condition.CLOSED and operation is Operation.RESOLVE:
            condition = Condition.RESOLVED
        return Sequence(item, condition, records, (*self.operations, operation))
