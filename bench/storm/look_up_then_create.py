"""What people write first: ask ServiceNow whether there is a record, and create one where there is none."""

import json
from collections.abc import Sequence

from bench.storm.workers import DEPLOYMENT
from common.clock import Deadline
from common.errors import BridgeError
from common.incidents.alert import Alert, Status
from common.incidents.item import problem_of
from common.incidents.rules import Rules
from common.queue import EventQueue, Message
from common.servicenow.query import equals, newest_first
from common.servicenow.records import Records

_TABLE = "incident"
_PAUSE = 30.0
_RESOLVED, _IN_PROGRESS = "6", "2"


class LookUpThenCreate:
    """The same rules, client and queue, without a ledger."""

    def __init__(self, rules: Rules, records: Records, queue: EventQueue) -> None:
        """Put the parts together."""
        self._rules = rules
        self._records = records
        self._queue = queue

    def process(self, messages: Sequence[Message], deadline: Deadline) -> list[str]:
        """Handle one message after the other; what fails comes back after half a minute."""
        stay = []
        for message in messages:
            event = json.loads(message.body)
            rule = self._rules.match(event)
            alert = None if rule is None else rule.alert(event)
            if alert is None:
                continue
            try:
                self._apply(alert, deadline)
            except BridgeError:
                stay.append(message.message_id)
                self._queue.later(message, _PAUSE)
        return stay

    def _apply(self, alert: Alert, deadline: Deadline) -> None:
        correlation_id = problem_of(DEPLOYMENT, alert.key)
        query = newest_first(equals("correlation_id", correlation_id))
        found = self._records.find(_TABLE, query, deadline, limit=1)
        fires = alert.status is Status.FIRING
        if not found:
            if fires:
                self._records.create(_TABLE, {**alert.fields, "correlation_id": correlation_id}, deadline)
            return
        is_resolved = found[0].fields["state"] == _RESOLVED
        if fires:
            fields = {"work_notes": alert.note, **({"state": _IN_PROGRESS} if is_resolved else {})}
        elif is_resolved:
            return
        else:
            fields = {"state": _RESOLVED, "close_code": "Solution provided", "close_notes": alert.note}
        self._records.update(_TABLE, found[0].sys_id, fields, deadline)
