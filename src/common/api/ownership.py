"""Whose record it is, where the deployment ties records to the callers that opened them."""

import json

from common.api.callers import as_caller
from common.api.problems import Kind, ProblemError
from common.api.requests import Sender
from common.incidents.item import problem_in
from common.incidents.ledger import Ledger
from common.incidents.own_events import API_SOURCE
from common.servicenow.records import Record


class Ownership:
    """Lets a record be changed by whoever opened it, and by callers that may do more. Off, it lets everybody.

    The ledger says who opened a record: its key begins with the caller of a request, and holds that of an alert. What
    stands in the record itself does not count, because others may write it.
    """

    def __init__(self, ledger: Ledger, *, tied: bool, wide: frozenset[str]) -> None:
        """Let the roles and users of `wide`, as ARNs of IAM, change every record."""
        self._ledger = ledger
        self._tied = tied
        self._wide = frozenset(map(as_caller, wide))

    def check(self, sender: Sender, table: str, record: Record) -> None:
        """Raise ProblemError where the sender may not change the record. Raises what reading the ledger raises."""
        if not self._tied or sender.caller in self._wide:
            return
        if self._opener(table, record) != sender.caller:
            raise ProblemError(
                Kind.FORBIDDEN,
                "Another caller opened this record, or an event did.",
                action="Ask whoever opened it, or the operators to add your role to the parameter ApiWideRoles.",
            )

    def _opener(self, table: str, record: Record) -> str | None:
        correlation_id = record.fields.get("correlation_id", "")
        problem = problem_in(correlation_id)
        if not problem:
            return None
        item = self._ledger.read(problem, dedup_key="", table=table)
        if item.correlation_id != correlation_id and (item.record is None or item.record.sys_id != record.sys_id):
            return None
        try:
            parts = json.loads(item.dedup_key)
        except ValueError:
            return None
        match parts:
            case [str(caller), str(operation), str()] if operation.startswith("POST /"):
                return caller
            case [str(), str(), source, str(), str(caller), *_] if source == API_SOURCE:
                return caller
        return None
