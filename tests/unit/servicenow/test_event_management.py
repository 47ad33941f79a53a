"""Event Management as a target that looks like a table: sending, and reading the last event of a key."""

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from common.clock import Deadline
from common.errors import AmbiguousError, BridgeError, TransientError
from common.servicenow.client import ServiceNowClient
from common.servicenow.event_management import EVENT_FIELDS, EventManagement
from common.servicenow.names import NAME_FIELDS, Names
from common.servicenow.query import equals
from common.servicenow.records import Record, Records
from common.servicenow.targets import Targets
from common.transport import Response
from tests.support.clock import FakeClock
from tests.support.exchanges import ListedTokens, ScriptedSender, answer, refusal
from tests.support.reports import Reports

KEY = "a" * 32
CORRELATION_ID = f"{KEY}-0123456789abcdef"
FIELDS = {
    "source": "AWS",
    "severity": "2",
    "message_key": KEY,
    "resolution_state": "New",
    "additional_info": '{"account": "111122223333"}',
    "correlation_id": CORRELATION_ID,
    "correlation_display": "servicenow-bridge:2:x",
}
INSERTED = answer(200, {"result": {"Default Bulk Endpoint": "1 events were inserted"}}, X_Transaction_ID="0123456789ab")
ID = "1" * 32


def event(marker: str = "servicenow-bridge:2:x", *, key: str = KEY, state: str = "New", **info: Any) -> dict[str, str]:  # noqa: ANN401
    """Return a row of em_event."""
    ours = {"correlation_display": marker, **info}
    return {"sys_id": ID, "message_key": key, "resolution_state": state, "additional_info": json.dumps(ours)}


def shown(*rows: dict[str, str]) -> Response:
    """Return the answer to a query."""
    return answer(200, {"result": list(rows)})


class Line:
    """Targets behind a script of answers."""

    def __init__(self, *script: Response | BridgeError) -> None:
        clock = FakeClock()
        telemetry = Reports().telemetry
        self.sender = ScriptedSender(clock, *script)
        client = ServiceNowClient(self.sender, ListedTokens(), clock=clock, telemetry=telemetry)
        names = Names(Records(client, NAME_FIELDS), clock=clock, telemetry=telemetry)
        events = EventManagement(client, Records(client, EVENT_FIELDS))
        self.targets = Targets(client, ("sys_id", "state"), names=names, events=events)
        self.deadline = Deadline.after(clock, 60.0)

    def create(self) -> Record:
        """Open an alert."""
        return self.targets.create("em_event", FIELDS, self.deadline)

    def read(self) -> Record | None:
        """Read what the last event of the key says."""
        return self.targets.read("em_event", KEY, self.deadline)

    def find(self) -> list[Record]:
        """Look for the attempt to open."""
        return self.targets.find("em_event", equals("correlation_id", CORRELATION_ID), self.deadline)


def test_an_event_is_sent_in_one_call() -> None:
    """What the bridge recognises it by travels in additional_info; the alert is addressed by its key."""
    line = Line(INSERTED)
    record = line.create()
    [request] = line.sender.requests
    assert (request.method, request.target) == ("POST", "/api/global/em/jsonv2")
    [sent] = request.fields["records"]
    assert json.loads(sent.pop("additional_info")) == {
        "account": "111122223333",
        "correlation_id": CORRELATION_ID,
        "correlation_display": "servicenow-bridge:2:x",
    }
    assert sent == {"source": "AWS", "severity": "2", "message_key": KEY, "resolution_state": "New"}
    assert (record.sys_id, record.transaction_id) == (KEY, "0123456789ab")
    assert record.fields == {
        "state": "1",
        "correlation_id": CORRELATION_ID,
        "correlation_display": "servicenow-bridge:2:x",
    }


def test_a_change_is_another_event_of_the_same_key() -> None:
    """A closing one shows as resolved; only an event that opens has a correlation id of its own."""
    line = Line(INSERTED)
    closing = {"message_key": KEY, "resolution_state": "Closing", "correlation_display": "m"}
    record = line.targets.update("em_event", KEY, closing, line.deadline)
    assert record.fields == {"state": "6", "correlation_id": f"{KEY}-", "correlation_display": "m"}


@pytest.mark.parametrize(
    "result",
    [
        {"Default Bulk Endpoint": "0 events were inserted"},
        {"Default Bulk Endpoint": "11 events were inserted"},
        {},
        [],
        "1 events were inserted",
    ],
)
def test_an_answer_without_an_insert_is_unclear(result: object) -> None:
    """Nobody knows whether the event is there."""
    with pytest.raises(AmbiguousError, match="without telling of an inserted event"):
        Line(answer(200, {"result": result})).create()


def test_the_last_event_of_a_key_is_read_back() -> None:
    """Of those within one second the marker tells which was the last."""
    line = Line(shown(event("servicenow-bridge:1:x"), event("servicenow-bridge:3:x", state="Closing"), event()))
    record = line.read()
    assert record is not None
    assert record.sys_id == KEY
    assert (record.fields["state"], record.fields["correlation_display"]) == ("6", "servicenow-bridge:3:x")
    target = urlsplit(line.sender.requests[0].target)
    assert target.path == "/api/now/v2/table/em_event"
    assert parse_qs(target.query)["sysparm_query"][0].startswith(f"message_key={KEY}^ORDERBYDESCsys_created_on")


def test_an_attempt_to_open_is_found_by_its_correlation_id() -> None:
    """Not another attempt for the same problem, nor a change."""
    other = event("servicenow-bridge:9:x", correlation_id=f"{KEY}-fedcba9876543210")
    record = Line(shown(other, event(correlation_id=CORRELATION_ID), event("m"))).find()[0]
    assert (record.sys_id, record.fields["correlation_id"]) == (KEY, CORRELATION_ID)
    assert Line(shown(other)).find() == []


@pytest.mark.parametrize(
    "answered",
    [
        shown(),
        shown(event(key="b" * 32)),
        shown(event() | {"additional_info": "{not json"}),
        shown(event() | {"additional_info": "[" * 100_000}),
        shown(event() | {"additional_info": "[1]"}),
        refusal(403, "Insufficient rights to query records"),
        refusal(403, "Operation Failed"),
        refusal(400, "Invalid table em_event"),
    ],
    ids=["none", "another key", "no JSON", "deep", "no object", "no rights", "refused", "no such table"],
)
def test_where_nothing_is_seen_the_event_is_sent_again(answered: Response) -> None:
    """An alert may be there, so it counts as open, without a marker; an attempt counts as not made."""
    record = Line(answered).read()
    assert record == Record(KEY, {"state": "1", "correlation_id": f"{KEY}-", "correlation_display": ""})
    assert Line(answered).find() == []


def test_trouble_that_passes_is_raised() -> None:
    """Nobody knows what is there."""
    line = Line(TransientError("Down.", action="Wait.", retry_after=60.0))
    with pytest.raises(TransientError):
        line.read()


def test_every_other_table_is_a_table() -> None:
    """With names resolved where a row is inserted, and not where it is changed."""
    row = {"sys_id": ID, "state": "1"}
    created, changed = answer(201, {"result": row}), answer(200, {"result": row})
    line = Line(shown({"sys_id": "2" * 32, "name": "Network"}), created, changed, changed, shown(row))
    assert line.targets.create("problem", {"assignment_group": "Network"}, line.deadline).sys_id == ID
    assert line.sender.requests[1].fields == {"assignment_group": "2" * 32}
    line.targets.update("problem", ID, {"assignment_group": "Network"}, line.deadline)
    assert line.sender.requests[2].fields == {"assignment_group": "Network"}
    assert line.targets.read("problem", ID, line.deadline) == Record(ID, row)
    assert line.targets.find("problem", "number=PRB1", line.deadline) == [Record(ID, row)]
