"""Where records go: to tables, with names resolved, to Change Management, or to Event Management for em_event."""

from collections.abc import Mapping, Sequence
from typing import override

from common.clock import Deadline
from common.servicenow.change_requests import TABLE as CHANGE_TABLE
from common.servicenow.change_requests import ChangeRequests
from common.servicenow.client import ServiceNowClient
from common.servicenow.event_management import EVENT_TABLE, EventManagement
from common.servicenow.names import Names
from common.servicenow.records import Record, Records

_BY_CORRELATION_ID = "correlation_id="


class Targets(Records):
    """Records of any target. An event of Event Management looks like a record whose sys_id is its message key."""

    def __init__(  # noqa: PLR0913 (every way that there is)
        self,
        client: ServiceNowClient,
        fields: Sequence[str],
        *,
        names: Names,
        events: EventManagement,
        changes: ChangeRequests | None = None,
        masks: bool = False,
    ) -> None:
        """Do what `Records` does; `names` are looked up before anything is masked.

        Without `changes` a change request is a record like any other.
        """
        super().__init__(client, fields, masks=masks)
        self._changes = changes
        self._names = names
        self._event_management = events

    @override
    def create(self, table: str, fields: Mapping[str, str], deadline: Deadline) -> Record:
        """Insert a row, or send an event. Raises as `Records.create` does, and as `Names.resolved`."""
        if table == EVENT_TABLE:
            return self._event_management.send(fields, deadline)
        resolved = self._names.resolved(fields, deadline)
        if table == CHANGE_TABLE and self._changes is not None:
            return self._changes.create(resolved, deadline)
        return super().create(table, resolved, deadline)

    @override
    def resolved(self, fields: Mapping[str, str], deadline: Deadline) -> dict[str, str]:
        """Return the fields with sys_ids instead of names. Raises as `Names.resolved`."""
        return self._names.resolved(fields, deadline)

    @override
    def update(self, table: str, sys_id: str, fields: Mapping[str, str], deadline: Deadline) -> Record:
        """Change a row, or send another event of the same key."""
        if table == EVENT_TABLE:
            return self._event_management.send(fields, deadline)
        if table == CHANGE_TABLE and self._changes is not None:
            return self._changes.update(sys_id, fields, deadline)
        return super().update(table, sys_id, fields, deadline)

    @override
    def read(self, table: str, sys_id: str, deadline: Deadline) -> Record | None:
        """Return one row, or what the last event of a key says.

        Where no event can be seen, the alert may still be there: what is returned bears no marker, so that what is in
        doubt is sent again.
        """
        if table == EVENT_TABLE:
            unseen = Record(sys_id, {"state": "1", "correlation_id": f"{sys_id}-", "correlation_display": ""})
            return self._event_management.last(sys_id, deadline) or unseen
        return super().read(table, sys_id, deadline)

    @override
    def find(self, table: str, query: str, deadline: Deadline, *, limit: int = 2) -> list[Record]:
        """Return rows that match, or the last event of one attempt, found by its correlation id."""
        if table != EVENT_TABLE:
            return super().find(table, query, deadline, limit=limit)
        correlation_id = query.removeprefix(_BY_CORRELATION_ID)
        message_key = correlation_id.partition("-")[0]
        found = self._event_management.last(message_key, deadline, correlation_id=correlation_id)
        return [] if found is None else [found]
