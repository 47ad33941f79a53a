"""Event Management: events that ServiceNow itself folds into alerts (POST /api/global/em/jsonv2).

The API answers without any sys_id, and takes the same event twice without harm: `message_key` names the alert. What
the last event of a key was is read back from the table em_event, where the integration user may read it.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from common.clock import Deadline
from common.errors import AmbiguousError, BridgeError, ConfigurationError, PermanentError
from common.servicenow.client import Answer, ServiceNowClient
from common.servicenow.query import equals, newest_first
from common.servicenow.records import Record, Records
from common.strict_json import json_object

EVENT_TABLE = "em_event"
"""The table that stands for Event Management. Its rows are sent to an API of their own."""

EVENT_FIELDS = ("sys_id", "message_key", "resolution_state", "additional_info", "sys_created_on")

_PATH = "/api/global/em/jsonv2"
_OURS = ("correlation_id", "correlation_display")
_INSERTED = re.compile(r"\b1 events? (was|were) inserted\b")
_OPEN, _RESOLVED = "1", "6"
_CLOSING = "Closing"
_MOST_EVENTS = 10
_REFUSALS = (PermanentError, ConfigurationError)


class EventManagement:
    """Sends events, and shows the last one of a key the way a record of a table would look."""

    def __init__(self, client: ServiceNowClient, events: Records) -> None:
        """Send through `client`; read with `events`, which must show `EVENT_FIELDS` and masks where anything is."""
        self._client = client
        self._events = events

    def send(self, fields: Mapping[str, str], deadline: Deadline) -> Record:
        """Send one event and return what it makes of its alert.

        `fields` are columns of em_event; what the bridge recognises its writes by travels in `additional_info`.
        Raises what `ServiceNowClient.call` raises, and AmbiguousError where the answer does not tell of an insert.
        """
        ours = {name: fields[name] for name in _OURS if name in fields}
        event = {name: text for name, text in fields.items() if name not in (*_OURS, "additional_info")}
        event = self._events.as_written(event)
        info = self._events.as_written(json_object(fields.get("additional_info", "")) or {})
        event["additional_info"] = json.dumps({**info, **ours})
        answer = self._client.call("POST", _PATH, fields={"records": [event]}, deadline=deadline)
        if not _tells_of_insert(answer):
            raise AmbiguousError(
                "Event Management answered without telling of an inserted event.",
                action="The bridge looks whether it was inserted. If this stays, look at the table em_event.",
            )
        return Record(fields["message_key"], _as_record(event, ours), answer.headers.get("X-Transaction-ID", ""))

    def last(self, message_key: str, deadline: Deadline, *, correlation_id: str | None = None) -> Record | None:
        """Return the last event of a key, or of one attempt to open; None where there is none, or it may not be read.

        The sys_id of what is returned is the message key itself: that is how the alert is addressed.
        """
        query = newest_first(equals("message_key", message_key))
        try:
            found = self._events.find(EVENT_TABLE, query, deadline, limit=_MOST_EVENTS)
        except BridgeError as error:
            if error.status is not None and isinstance(error, _REFUSALS):
                return None
            raise
        records = [
            Record(message_key, _as_record(row.fields, info))
            for row in found
            if row.fields.get("message_key") == message_key
            and (info := json_object(row.fields.get("additional_info", "")))
            and correlation_id in (None, info.get("correlation_id"))
        ]
        # Within a second the marker tells which one was last.
        return max(records, key=lambda record: record.fields["correlation_display"], default=None)


def _as_record(event: Mapping[str, str], ours: Mapping[str, Any]) -> dict[str, str]:
    closing = event.get("resolution_state") == _CLOSING
    correlation_id = str(ours.get("correlation_id", "")) or f"{event.get('message_key', '')}-"
    return {
        "state": _RESOLVED if closing else _OPEN,
        "correlation_id": correlation_id,
        "correlation_display": str(ours.get("correlation_display", "")),
    }


def _tells_of_insert(answer: Answer) -> bool:
    return isinstance(answer.result, dict) and any(_INSERTED.search(str(text)) for text in answer.result.values())
