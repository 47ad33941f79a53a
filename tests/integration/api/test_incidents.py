"""Incidents through the API: from a signed request to ServiceNow and back."""

import json

import pytest

from local.simulator import Simulator
from local.simulator.tables import seed_id
from tests.integration.api.gateway import DISK, Gateway, Reply, create
from tests.support.deployment import Deployment


def test_an_incident_is_created_with_one_call_and_read_back(api: Gateway, servicenow: Simulator) -> None:
    """The answer names it, links to it, and says where the API shows it."""
    sent = DISK | {"description": "No byte left", "impact": "1", "urgency": "2"}
    created = create(api, **sent)
    assert created.status == 201
    assert (servicenow.token_requests, servicenow.api_calls) == (1, 1)
    number, sys_id = created.json["number"], created.json["sys_id"]
    assert created.headers["location"] == f"incidents/{sys_id}"
    assert created.json["link"] == f"https://{servicenow.host}/nav_to.do?uri=incident.do%3Fsys_id%3D{sys_id}"

    by_number, by_sys_id = api.call("GET", f"/incidents/{number}"), api.call("GET", f"/incidents/{sys_id}")

    assert by_number.status == 200
    assert by_number.json == by_sys_id.json
    assert by_number.json.items() >= {"sys_id": sys_id, "number": number, "state": "1", **sent}.items()
    assert not {"correlation_id", "correlation_display"} & by_number.json.keys()


def test_every_answer_is_kept_out_of_caches_and_is_only_what_it_says(api: Gateway) -> None:
    """Answers and problems carry the same headers, and no permission for pages of other origins."""
    for reply in (create(api), api.call("GET", "/nowhere"), api.call("GET", "/incidents/../x")):
        assert reply.headers["cache-control"] == "no-store"
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert not [name for name in reply.headers if name.startswith("access-control")]


@pytest.mark.parametrize("how", ["number", "sys_id"])
def test_an_incident_that_the_bridge_did_not_open_does_not_exist(api: Gateway, servicenow: Simulator, how: str) -> None:
    """It can be neither read nor changed, by number or by sys_id, and the answer does not tell it from no incident."""
    foreign = servicenow.insert("incident", {"short_description": "private"})
    other = servicenow.insert("incident", {"short_description": "other", "correlation_id": f"{'a' * 32}-{'b' * 16}"})
    missing = api.call("GET", "/incidents/INC9999999")
    for row in servicenow.records("incident"):
        identifier = row[how]
        for method, path, body in (
            ("GET", f"/incidents/{identifier}", None),
            ("PATCH", f"/incidents/{identifier}", {"category": "network"}),
            ("POST", f"/incidents/{identifier}/comments", {"text": "hello"}),
            ("POST", f"/incidents/{identifier}/work-notes", {"text": "hello"}),
            ("POST", f"/incidents/{identifier}/resolve", {"close_notes": "over"}),
        ):
            reply = api.call(method, path, body)
            assert reply.problem == (404, "not-found")
            assert reply.json["detail"] == missing.json["detail"]
            assert "private" not in reply.text
    assert {row["sys_id"]: row["state"] for row in servicenow.records("incident")} == {foreign: "1", other: "1"}


class TestWidened:
    """A deployment that lets callers see all incidents."""

    @pytest.fixture
    def settings(self) -> dict[str, str]:
        """Return the settings of such a deployment."""
        return {"API_INCIDENT_FIELDS": "short_description,category,u_unknown", "API_INCIDENTS": "all"}

    def test_any_incident_can_be_read_and_listed(self, api: Gateway, servicenow: Simulator) -> None:
        """Whoever opened it."""
        sys_id = servicenow.insert("incident", {"short_description": "somebody else's"})
        number = servicenow.records("incident")[0]["number"]

        assert api.call("GET", f"/incidents/{number}").json["sys_id"] == sys_id
        assert [row["sys_id"] for row in api.call("GET", "/incidents").json["records"]] == [sys_id]

    def test_listing_nothing_at_all_asks_for_the_whole_table_on_purpose_only(
        self, api: Gateway, servicenow: Simulator
    ) -> None:
        """Filters still apply."""
        servicenow.insert("incident", {"short_description": "one", "state": "2"})

        assert api.call("GET", "/incidents", query={"state": "new"}).json["records"] == []
        assert len(api.call("GET", "/incidents", query={"state": "in_progress"}).json["records"]) == 1


def test_allowed_fields_are_changed_and_all_others_left_alone(api: Gateway, servicenow: Simulator) -> None:
    """An empty value clears a field."""
    number = create(api).json["number"]

    changed = api.call("PATCH", f"/incidents/{number}", {"category": "network", "description": ""})

    assert changed.status == 200
    assert (changed.json["category"], changed.json["description"]) == ("network", "")
    [row] = servicenow.records("incident")
    assert (row["category"], row["description"], row["short_description"]) == ("network", "", DISK["short_description"])


@pytest.mark.parametrize("field", ["state", "caller_id", "sys_created_on", "correlation_id", "work_notes", "number"])
def test_90_a_field_that_is_not_allowed_is_refused(api: Gateway, servicenow: Simulator, field: str) -> None:
    """The answer names it, and nothing of the request is written."""
    number = create(api).json["number"]
    before = servicenow.records("incident")

    changed = api.call("PATCH", f"/incidents/{number}", {"category": "network", field: "1"})
    created = create(api, "another-key", **{field: "1"})

    for reply in (changed, created):
        assert reply.problem == (400, "invalid-request")
        assert field in reply.json["detail"]
    assert servicenow.records("incident") == before


def test_90_a_table_that_is_not_allowed_is_refused(api: Gateway, servicenow: Simulator) -> None:
    """Whether it exists or not: no call is made."""
    for method, body, key in (("GET", None, None), ("POST", {"name": "x"}, "k")):
        for table in ("sys_user", "no_such_table"):
            reply = api.call(method, f"/tables/{table}/records", body, key=key)
            assert reply.problem == (403, "forbidden")
    assert servicenow.calls == []


@pytest.mark.parametrize(("route", "field"), [("comments", "comments"), ("work-notes", "work_notes")])
def test_a_note_is_appended_once_for_its_key(api: Gateway, servicenow: Simulator, route: str, field: str) -> None:
    """Without a key each request appends; with one the repetition says so, and other words are refused."""
    created = create(api).json
    path = f"/incidents/{created['number']}/{route}"

    first, again = (api.call("POST", path, {"text": "hello [code]<b>[/code]"}, key="k") for _ in range(2))
    other = api.call("POST", path, {"text": "something else"}, key="k")
    api.call("POST", path, {"text": "no key"})
    api.call("POST", path, {"text": "no key"})

    assert (first.status, first.json) == (200, {"repeated": False})
    assert (again.status, again.json) == (200, {"repeated": True})
    assert other.problem == (422, "idempotency-key-reused")
    written = [entry.split("\n\nFor ")[0] for entry in servicenow.journal(created["sys_id"], field)]
    own = [entry for entry in written if "through the AWS API" not in entry]
    assert own == ["hello [ code]<b>[/ code]", "no key", "no key"]


def test_an_incident_is_resolved_and_stays_resolved(api: Gateway, servicenow: Simulator) -> None:
    """The deployment's resolution code counts unless another is sent; repeating changes nothing."""
    number = create(api).json["number"]

    resolved = api.call("POST", f"/incidents/{number}/resolve", {"close_notes": "Disk grown"})
    calls = servicenow.api_calls
    again = api.call("POST", f"/incidents/{number}/resolve", {"close_notes": "Disk grown twice"})

    assert resolved.status == again.status == 200
    assert resolved.json.items() >= {"state": "6", "close_code": "Solution provided"}.items()
    assert (again.json["state"], again.json["close_notes"]) == ("6", "Disk grown")
    assert servicenow.api_calls == calls + 1


def test_a_closed_incident_is_not_resolved(api: Gateway, servicenow: Simulator) -> None:
    """A person's word is final."""
    created = create(api).json
    servicenow.update("incident", created["sys_id"], {"state": "7", "close_code": "Duplicate", "close_notes": "x"})

    reply = api.call("POST", f"/incidents/{created['number']}/resolve", {"close_notes": "over"})

    assert reply.problem == (409, "conflict")


def test_a_file_of_any_bytes_is_attached_once_for_its_key(api: Gateway, servicenow: Simulator) -> None:
    """What arrives at ServiceNow is what was sent, byte by byte."""
    created = create(api).json
    data = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 100

    def attach(data: bytes, **options: str) -> Reply:
        return api.call(
            "POST",
            f"/incidents/{created['number']}/attachments",
            data,
            headers={"Content-Type": "image/png"},
            query={"file_name": "a graph.png"},
            **options,  # type: ignore[arg-type] # a key
        )

    assert attach(data, key="k").json == {"repeated": False}
    assert attach(data, key="k").json == {"repeated": True}
    assert attach(data + b"x", key="k").status == 422
    [row] = servicenow.records("sys_attachment")
    sent = {"file_name": "a graph.png", "content_type": "image/png", "table_sys_id": created["sys_id"]}
    assert row.items() >= (sent | {"size_bytes": str(len(data))}).items()


def test_records_of_an_allowed_table_are_created_read_listed_and_changed(api: Gateway, servicenow: Simulator) -> None:
    """Callers see the fields that are listed for the table, and only those."""
    created = api.call("POST", "/tables/cmdb_ci/records", {"name": "billing"}, key="k")
    again = api.call("POST", "/tables/cmdb_ci/records", {"name": "billing"}, key="k")
    assert created.status == 201
    assert again.json == created.json
    path = f"/tables/cmdb_ci/records/{created.json['sys_id']}"
    assert created.headers["location"] == path.removeprefix("/tables/cmdb_ci/")

    changed = api.call("PATCH", path, {"operational_status": "2"})

    shown = {"name": "billing", "sys_class_name": "cmdb_ci", "operational_status": "2"}
    assert changed.json == {"sys_id": created.json["sys_id"], **shown}
    assert api.call("GET", path).json == changed.json
    assert changed.json in api.call("GET", "/tables/cmdb_ci/records").json["records"]
    assert len([row for row in servicenow.records("cmdb_ci") if row["name"] == "billing"]) == 1
    assert api.call("PATCH", path, {"sys_class_name": "x"}).status == 400
    missing = "/tables/cmdb_ci/records/" + "0" * 32
    assert [api.call("GET", missing).status, api.call("PATCH", missing, {"name": "x"}).status] == [404, 404]


def test_the_ledger_forgets_a_request_in_the_end(api: Gateway, stack: Deployment) -> None:
    """Nobody tells the bridge when a caller's incident is over, so its key expires by itself."""
    create(api)

    [item] = stack.ledger_items()

    assert "expires_at" in item
    assert json.loads(item["dedup_key"]["S"])[0].startswith("arn:aws:iam::")


def test_groups_and_items_may_be_named(api: Gateway, servicenow: Simulator) -> None:
    """ServiceNow gets their sys_ids; a name is looked up once in a while."""
    group, item = seed_id("sys_user_group", "Network"), seed_id("cmdb_ci", "payments-api")
    number = create(api, assignment_group="network", cmdb_ci="payments-api").json["number"]
    [row] = servicenow.records("incident")
    assert (row["assignment_group"], row["cmdb_ci"]) == (group, item)
    calls = servicenow.api_calls

    changed = api.call("PATCH", f"/incidents/{number}", {"assignment_group": "Network", "cmdb_ci": ""})

    assert (changed.json["assignment_group"], changed.json["cmdb_ci"]) == (group, "")
    assert servicenow.api_calls == calls + 2


def test_a_name_that_nothing_has_is_refused(api: Gateway, servicenow: Simulator) -> None:
    """The caller can correct it, so nothing is written without it."""
    number = create(api).json["number"]
    replies = [
        create(api, "another-key", assignment_group="No Such Group"),
        api.call("PATCH", f"/incidents/{number}", {"assignment_group": "No Such Group"}),
    ]

    assert [reply.problem for reply in replies] == [(400, "invalid-request")] * 2
    assert "assignment_group" in replies[0].json["detail"]
    assert len(servicenow.records("incident")) == 1
