"""The desk for what comes as events: who waits is written down before the change is opened."""

from common.clock import Deadline
from common.errors import PermanentError
from common.gate.gate import Gate
from common.gate.reminders import Reminders
from common.incidents.alert import Fold, Status
from common.incidents.circuit import Applier
from common.incidents.item import problem_of
from common.incidents.ledger import Ledger
from common.incidents.work import Applied
from common.servicenow.change_requests import TABLE


class GateDesk:
    """Stands before the desk. What is not about changes goes straight through."""

    def __init__(self, desk: Applier, ledger: Ledger, gate: Gate, reminders: Reminders, *, deployment: str) -> None:
        """Apply through `desk`."""
        self._desk = desk
        self._ledger = ledger
        self._gate = gate
        self._reminders = reminders
        self._deployment = deployment

    def apply(self, fold: Fold, deadline: Deadline) -> Applied:
        """Do as `Desk.apply` does. The end of an execution that no change was requested for changes nothing."""
        if fold.newest.table != TABLE:
            return self._desk.apply(fold, deadline)
        problem = problem_of(self._deployment, fold.key)
        asker = next((alert for alert in reversed(fold.alerts) if alert.waiting is not None), None)
        item = self._ledger.read(problem, dedup_key=fold.key, table=TABLE)
        if not item.version and all(alert.status is Status.RESOLVED for alert in fold.alerts):
            return Applied((), None)
        for alert in fold.alerts:
            item.asked_with(alert.fingerprint)
        if asker is None or asker.waiting is None:
            return self._desk.apply(fold, deadline)
        self._gate.expect(problem, asker.waiting, asked_at=asker.occurred_at)
        try:
            applied = self._desk.apply(fold, deadline)
        except PermanentError:
            self._gate.forget(problem, asker.waiting)
            raise
        if not applied.operations:
            # It may be decided already, and then nothing would tell who began to wait.
            self._reminders.send(fold.key)
        return applied
