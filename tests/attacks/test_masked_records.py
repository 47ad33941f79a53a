"""What must not be read in ServiceNow, where MaskRecords is on: secrets and people that stood in somebody's text."""

import json
import re
from typing import Any

import pytest

from common.clock import Deadline
from common.masking import FILE, Masking, masking
from common.servicenow.client import ServiceNowClient
from common.servicenow.event_management import EVENT_FIELDS, EventManagement
from common.servicenow.names import NAME_FIELDS, Names
from common.servicenow.records import Records
from common.servicenow.targets import Targets
from local.simulator import Simulator
from tests.attacks.test_masking import HARMLESS, PERSONAL
from tests.integration.api.gateway import ALICE, Gateway
from tests.support.clock import FakeClock
from tests.support.exchanges import ListedTokens, ScriptedSender, answer
from tests.support.reports import Reports

pytestmark = pytest.mark.attack

TEXT = "\n".join(PERSONAL)
SECRETS = [text.rsplit("=", maxsplit=1)[-1].removeprefix("Bearer ") for text in PERSONAL]
MAIL = "jane.doe@example.com"
KEY = "a" * 32
OURS = {"correlation_id": f"{KEY}-0123456789abcdef", "correlation_display": "servicenow-bridge:17957774170971:0f"}


def read_in(servicenow: Simulator) -> str:
    """Return all that whoever works with incidents can read."""
    rows = servicenow.records("incident")
    journals = [servicenow.journal(row["sys_id"], name) for row in rows for name in ("work_notes", "comments")]
    return json.dumps([rows, journals], ensure_ascii=False)


def planted(read: str) -> list[str]:
    """Return which of the planted secrets can be read."""
    return [secret for secret in SECRETS if secret in read]


def all_ways(api: Gateway, caller: str = ALICE) -> None:
    """Write every secret in every way in which a caller can write a text."""
    fields = {"short_description": "of jane.doe@example.com", "description": TEXT, "category": "x@example.com"}
    number = api.call("POST", "/incidents", fields, key="jane.doe@example.com", caller=caller).json["number"]
    for method, path, body in (
        ("PATCH", "", {"description": f"again {TEXT}"}),
        ("POST", "/comments", {"text": TEXT}),
        ("POST", "/work-notes", {"text": TEXT}),
        ("POST", "/resolve", {"close_notes": TEXT}),
    ):
        assert api.call(method, f"/incidents/{number}{path}", body, caller=caller).status == 200


class TestOn:
    """With MaskRecords=true."""

    @pytest.fixture
    def settings(self) -> dict[str, str]:
        """Return the setting that masks."""
        return {"MASK_RECORDS": "true", "API_TABLES": "problem:number,short_description,description"}

    def test_nothing_of_the_kind_reaches_an_incident(self, api: Gateway, servicenow: Simulator) -> None:
        """Whichever way a caller takes; what is harmless does."""
        all_ways(api)
        read = read_in(servicenow)
        assert planted(read) == []
        assert "[mail address]" in read
        assert "[card number]" in read
        for text in HARMLESS:
            api.call("POST", "/incidents", {"short_description": text}, key=text.replace(" ", "_"))
        assert [text for text in HARMLESS if text not in read_in(servicenow)] == []

    def test_nor_a_record_of_another_table(self, api: Gateway, servicenow: Simulator) -> None:
        """Created or changed."""
        fields = {"short_description": "x", "description": TEXT}
        made = api.call("POST", "/tables/problem/records", fields, key="k").json["sys_id"]
        assert api.call("PATCH", f"/tables/problem/records/{made}", {"short_description": MAIL}).status == 200
        assert planted(json.dumps(servicenow.records("problem"))) == []

    def test_a_repetition_still_finds_its_record_and_no_key_can_be_read(
        self, api: Gateway, servicenow: Simulator
    ) -> None:
        """What a record is known by is a hash of the key, not the key."""
        first, second = (
            api.call("POST", "/incidents", {"short_description": TEXT[:40]}, key="jane.doe@example.com")
            for _ in range(2)
        )
        assert first.json == second.json
        [row] = servicenow.records("incident")
        assert re.fullmatch(r"[0-9a-f]{32}-[0-9a-f]{16}", row["correlation_id"])
        assert row["correlation_display"].startswith("servicenow-bridge:")
        assert "jane" not in read_in(servicenow)

    def test_a_change_that_is_sent_again_adds_no_second_note(self, api: Gateway, servicenow: Simulator) -> None:
        """It is compared as it was written."""
        number = api.call("POST", "/incidents", {"short_description": "x"}, key="k").json["number"]
        for _ in range(3):
            api.call("PATCH", f"/incidents/{number}", {"description": MAIL})
        [row] = servicenow.records("incident")
        changes = [note for note in servicenow.journal(row["sys_id"], "work_notes") if note.startswith("Changed")]
        assert len(changes) == 1

    def test_a_person_is_looked_up_before_the_address_is_masked(self, api: Gateway, servicenow: Simulator) -> None:
        """A reference holds a sys_id, which is nobody's address."""
        jane = servicenow.insert("sys_user", {"name": "Jane Doe", "email": "jane@example.com", "active": "true"})
        reply = api.call("POST", "/incidents", {"short_description": "x", "assigned_to": "jane@example.com"}, key="k")
        assert reply.status == 201
        [row] = servicenow.records("incident")
        assert row["assigned_to"] == jane

    def test_the_integration_users_own_notes_do_not_tell_a_callers_address(
        self, api: Gateway, servicenow: Simulator
    ) -> None:
        """Another authoriser may name callers by theirs; the audit line still has it."""
        context = {"authorizer": {"principalId": "jane.doe@example.com"}, "identity": {}, "requestId": "r"}
        reply = api.call("POST", "/incidents", {"short_description": "x"}, key="k", changes={"requestContext": context})
        assert reply.status == 201
        assert "jane" not in read_in(servicenow)


def test_off_records_are_written_as_they_are(api: Gateway, servicenow: Simulator) -> None:
    """The default: whoever mends a problem may need what stood in the alarm."""
    all_ways(api)
    assert planted(read_in(servicenow)) == SECRETS


def test_nothing_of_the_kind_reaches_an_event_of_event_management() -> None:
    """Neither in its columns nor in its additional_info, whose JSON stays whole; what the bridge needs stays."""
    clock = FakeClock()
    inserted = answer(200, {"result": {"Default Bulk Endpoint": "1 events were inserted"}})
    sender = ScriptedSender(clock, inserted, inserted)
    telemetry = Reports().telemetry
    client = ServiceNowClient(sender, ListedTokens(), clock=clock, telemetry=telemetry)
    names = Names(Records(client, NAME_FIELDS), clock=clock, telemetry=telemetry)
    events = EventManagement(client, Records(client, EVENT_FIELDS, masks=True))
    targets = Targets(client, ("sys_id", "state"), names=names, events=events, masks=True)
    info = json.dumps({"owner": TEXT, "quoted": f'"{MAIL}"', "account": "123456789012"})
    fields = {"message_key": KEY, "description": TEXT, "node": MAIL, "additional_info": info, **OURS}

    targets.create("em_event", fields, Deadline.after(clock, 60))
    targets.update("em_event", KEY, fields, Deadline.after(clock, 60))

    for request in sender.requests:
        [sent] = request.fields["records"]
        assert planted(json.dumps(request.fields, ensure_ascii=False)) == []
        assert sent["message_key"] == KEY
        told = json.loads(sent["additional_info"])
        assert {name: told[name] for name in (*OURS, "account")} == {**OURS, "account": "123456789012"}
        assert told["quoted"] == '"[mail address]"'


@pytest.mark.parametrize("text", [*PERSONAL, "a@b.co", TEXT])
def test_a_mask_is_no_longer_than_what_it_replaces(text: str) -> None:
    """Or a text that fitted into its column would be cut, or make its JSON too long for it."""
    [masked] = masking().written({"description": text}).values()
    assert len(masked) <= len(text)
    assert masked != text
    assert masking().written({"description": masked}) == {"description": masked}, "twice is once"


def test_own_fields_of_records_are_data() -> None:
    """Masked whole, where the file lists them; what the bridge needs is not, whatever an own pattern hits."""
    own = FILE.read_text().replace("record_fields = []", 'record_fields = ["u_patient", "correlation_id"]')
    made = Masking.parse(own + "\n[[pattern]]\nname = \"any\"\npattern = '.+'\n")
    fields: dict[str, Any] = {"u_patient": "Jane Doe", "u_room": "", "state": "6", "message_key": KEY, **OURS}
    assert made.written(fields) == {**fields, "u_patient": "[masked]"}
