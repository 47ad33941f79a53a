import base64
import json

import pytest
from urllib3.filepost import encode_multipart_formdata

from local.simulator import Simulator
from local.simulator.schema import Transform
from tests.integration.simulator.caller import Caller, refusal

BATCH = "/api/now/v1/batch"
SERVERS = "/api/now/cmdb/instance/cmdb_ci_server"
CHANGE = "/api/sn_chg_rest/change/{change}"
JSON_HEADERS = [{"name": "Content-Type", "value": "application/json"}]


def item(identifier: str, method: str, url: str, body: object = None) -> dict[str, object]:
    """Return one item of a batch."""
    encoded = base64.b64encode(json.dumps(body or {}).encode()).decode()
    return {"id": identifier, "method": method, "url": url, "headers": JSON_HEADERS, "body": encoded}


def test_a_batch_runs_its_items_one_by_one(simulator: Simulator, caller: Caller) -> None:
    """An item may fail alone; bodies are base64 and the batch's id comes back as text."""
    items = [
        item("1", "POST", "/api/now/table/incident", {"short_description": "a b"}),
        {"id": "2", "method": "GET", "url": "/api/now/table/incident?sysparm_query=short_description%3Da%20b"},
        {"id": "3", "method": "GET", "url": "/api/now/table/nonsense", "exclude_response_headers": True},
        {"id": "4", "method": "POST", "url": "/api/now/v1/batch"},
        {"id": "5", "method": "POST", "url": "/api/now/table/incident", "body": "no base64"},
    ]
    body = {"batch_request_id": 7, "rest_requests": items}
    content = caller.api("POST", "/api/now/v1/batch", body).json()
    assert (content["batch_request_id"], content["unserviced_requests"]) == ("7", [])
    serviced = content["serviced_requests"]
    statuses = [(one["id"], one["status_code"], one["status_text"]) for one in serviced]
    assert statuses[:3] == [("1", 201, "Created"), ("2", 200, "OK"), ("3", 400, "Bad Request")]
    assert [status for _, status, _ in statuses[3:]] == [400, 400]
    assert len(json.loads(base64.b64decode(serviced[1]["body"]))["result"]) == 1
    assert ("headers" in serviced[0], "headers" in serviced[2]) == (True, False)
    assert simulator.calls[-1].committed
    assert len(simulator.records("incident")) == 1


def test_a_batch_over_its_quota_leaves_items_unserviced(simulator: Simulator, caller: Caller) -> None:
    """What was not run is named."""
    simulator.configure(batch_limit=1)
    items = [item(str(number), "POST", "/api/now/table/incident") for number in range(3)]
    content = caller.api("POST", "/api/now/v1/batch", {"batch_request_id": "1", "rest_requests": items}).json()
    assert content["unserviced_requests"] == ["1", "2"]
    assert len(simulator.records("incident")) == 1


def test_a_file_is_attached_and_read(simulator: Simulator, caller: Caller) -> None:
    """The raw body comes back with its type, until it is deleted."""
    sys_id = simulator.insert("incident", {})
    parameters = {"table_name": "incident", "table_sys_id": sys_id, "file_name": "a.txt"}
    headers = {"Content-Type": "text/plain"}
    answer = caller.api("POST", "/api/now/attachment/file", b"\x00 raw", headers, **parameters)
    attached = answer.json()["result"]
    assert (answer.status, attached["size_bytes"], attached["file_name"]) == (201, "5", "a.txt")
    path = f"/api/now/attachment/{attached['sys_id']}"
    file = caller.api("GET", f"{path}/file")
    assert (file.data, file.headers["Content-Type"]) == (b"\x00 raw", "text/plain")
    listed = caller.api("GET", "/api/now/attachment", sysparm_query=f"table_sys_id={sys_id}").json()["result"]
    assert [row["sys_id"] for row in listed] == [attached["sys_id"]]
    assert (caller.api("DELETE", path).status, caller.api("GET", path).status) == (204, 404)
    missing = caller.api("POST", "/api/now/attachment/file", b"x", headers, table_name="incident")
    assert "table_sys_id, file_name" in str(refusal(missing)[2])


def test_aggregates(simulator: Simulator, caller: Caller) -> None:
    """Counts, sums and averages are text; groups name their fields."""
    for impact in ("1", "3", "3"):
        simulator.insert("incident", {"impact": impact})
    stats = caller.api("GET", "/api/now/stats/incident", sysparm_count="true", sysparm_query="impact=3").json()
    assert stats == {"result": {"stats": {"count": "2"}}}
    parameters = {"sysparm_sum_fields": "impact", "sysparm_avg_fields": "impact", "sysparm_max_fields": "number"}
    computed = caller.api("GET", "/api/now/stats/incident", **parameters).json()["result"]["stats"]
    assert computed == {"sum": {"impact": "7"}, "avg": {"impact": "2.3333"}, "max": {"number": "INC0010003"}}
    grouped = caller.api("GET", "/api/now/stats/incident", sysparm_count="true", sysparm_group_by="impact").json()
    assert [(one["stats"]["count"], one["groupby_fields"]) for one in grouped["result"]] == [
        ("1", [{"field": "impact", "value": "1"}]),
        ("2", [{"field": "impact", "value": "3"}]),
    ]


def test_an_import_set_transforms_its_row(simulator: Simulator, caller: Caller) -> None:
    """Inserted, updated, ignored or failed, always inside a 201."""
    transform = Transform(
        "Alarms",
        "incident",
        {"title": "short_description", "key": "correlation_id", "state": "state"},
        "correlation_id",
    )
    fields = {"title": "string", "key": "string", "state": "string"}
    simulator.declare_table("u_alarm_import", fields, transform=transform)

    def load(**row: object) -> tuple[int, str]:
        answer = caller.api("POST", "/api/now/import/u_alarm_import", row)
        return answer.status, answer.json()["result"][0]["status"]

    assert load(title="full", key="k") == (201, "inserted")
    assert load(title="fuller", key="k") == (201, "updated")
    assert load(title="fuller", key="k") == (201, "ignored")
    assert load(title="fuller", key="k", state="Resolved") == (201, "error")
    assert load(title=1) == (201, "error")
    content = caller.api("POST", "/api/now/import/u_alarm_import", {"title": "new"}).json()
    assert (content["import_set"], content["staging_table"]) == ("ISET0010006", "u_alarm_import")
    assert content["result"][0]["record_link"].startswith(f"https://{simulator.host}/api/now/table/incident/")
    assert [row["short_description"] for row in simulator.records("incident")] == ["fuller", "new"]


def test_events_become_one_alert_for_each_key(simulator: Simulator, caller: Caller) -> None:
    """Events are kept, alerts deduplicated, closed and reopened."""
    event = {"source": "AWS", "node": "db", "severity": "1", "message_key": "k", "additional_info": '{"a":"b"}'}

    def send(*events: dict[str, str]) -> dict[str, object]:
        content: dict[str, object] = caller.api("POST", "/api/global/em/jsonv2", {"records": list(events)}).json()
        return content

    def alert() -> tuple[str, str]:
        (row,) = simulator.records("em_alert")
        return row["state"], row["event_count"]

    assert send(event, event) == {"result": {"Default Bulk Endpoint": "2 events were inserted"}}
    assert alert() == ("Open", "2")
    send({**event, "severity": "0"})
    assert alert() == ("Closed", "3")
    send(event)
    assert alert() == ("Reopen", "4")
    send({**event, "resolution_state": "Closing"})
    assert alert() == ("Closed", "5")
    assert len(caller.found("message_key=k", "em_event")) == 5
    simulator.configure(denied_operations=["em_event.insert"])
    assert caller.api("POST", "/api/global/em/jsonv2", {"records": [event]}).status == 403


def test_configuration_items_are_identified(caller: Caller) -> None:
    """Insert, update and no change; an item without a name has errors."""

    def reconcile(**values: str) -> str:
        body = {"items": [{"className": "cmdb_ci_server", "values": values}], "relations": []}
        answer = caller.api("POST", "/api/now/identifyreconcile", body, sysparm_data_source="AWS")
        return str(answer.json()["result"]["items"][0]["operation"])

    assert reconcile(name="web-1", ip_address="10.0.0.1") == "INSERT"
    assert reconcile(name="web-1", ip_address="10.0.0.2") == "UPDATE"
    assert reconcile(name="web-1", ip_address="10.0.0.2") == "NO_CHANGE"
    assert reconcile(ip_address="10.0.0.2") == "NO_CHANGE"
    assert [row["name"] for row in caller.found("ip_address=10.0.0.2", "cmdb_ci_server")] == ["web-1"]


def test_seed_records(caller: Caller) -> None:
    """Users, groups and configuration items are there from the start."""
    assert caller.found("user_name=abel.tuter", "sys_user")[0]["name"] == "Abel Tuter"
    assert len(caller.found("nameINNetwork,Database", "sys_user_group")) == 2
    (item,) = caller.found("correlation_id=i-0123456789abcdef0", "cmdb_ci")
    assert item["sys_class_name"] == "cmdb_ci_server"
    choices = caller.found("name=incident^element=state^value=6", "sys_choice")
    assert [choice["label"] for choice in choices] == ["Resolved"]


def test_an_alert_is_reopened_within_an_hour_of_its_end(simulator: Simulator) -> None:
    """Later the same key makes a new alert."""
    event = {"source": "AWS", "node": "i-1", "type": "CPU", "severity": "2", "message_key": "k"}
    for severity, after in (("2", 0.0), ("0", 10.0), ("2", 3000.0), ("0", 3100.0), ("2", 7000.0)):
        simulator.clock_offset = after
        token = Caller(simulator)
        token.api("POST", "/api/global/em/jsonv2", {"records": [event | {"severity": severity}]})
        token.pool.clear()
    assert [row["state"] for row in simulator.records("em_alert")] == ["Closed", "Open"]


def test_a_file_can_be_uploaded_as_a_form(simulator: Simulator, caller: Caller) -> None:
    """The parts name the record, the file part brings name and type."""
    incident = caller.create()["sys_id"]
    parts = {"table_name": "incident", "table_sys_id": incident, "uploadFile": ("a.txt", b"a\r\nline", "text/plain")}
    body, content_type = encode_multipart_formdata(parts)
    answer = caller.api("POST", "/api/now/attachment/upload", body, {"Content-Type": content_type})
    assert answer.status == 201
    [row] = simulator.records("sys_attachment")
    assert (row["file_name"], row["content_type"], row["table_sys_id"]) == ("a.txt", "text/plain", incident)
    assert caller.api("GET", f"/api/now/attachment/{row['sys_id']}/file").data == b"a\r\nline"


def test_several_rows_are_staged_at_once(simulator: Simulator, caller: Caller) -> None:
    """And not transformed while the caller waits."""
    simulator.declare_table("u_staging", {"u_text": "string"})
    body = {"records": [{"u_text": "a"}, {"u_text": "b"}]}
    assert caller.api("POST", "/api/now/import/u_staging/insertMultiple", body).status == 201
    assert [row["u_text"] for row in simulator.records("u_staging")] == ["a", "b"]


def test_each_api_has_a_rate_limit_of_its_own(simulator: Simulator, caller: Caller) -> None:
    """The refusal names the API."""
    simulator.configure(rate_limit=1)
    assert caller.api("GET", "/api/now/table/incident").status == 200
    assert caller.api("GET", "/api/now/stats/incident").status == 200
    refused = caller.api("GET", "/api/now/stats/incident").json()
    assert refused["error"]["detail"] == "Rate limit of 1 requests per hour for Aggregate API exceeded"


def test_aggregates_by_display_value(simulator: Simulator, caller: Caller) -> None:
    """Groups are named by label where the caller asks for it."""
    simulator.insert("incident", {"state": "2"})
    parameters = {"sysparm_count": "true", "sysparm_group_by": "state", "sysparm_display_value": "true"}
    [group] = caller.api("GET", "/api/now/stats/incident", None, None, **parameters).json()["result"]
    assert group["groupby_fields"] == [{"field": "state", "value": "In Progress"}]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (BATCH, {"rest_requests": [{"id": "1", "url": "/api/now/table/incident", "headers": "x"}]}, 200),
        (BATCH, {"rest_requests": [{"id": "1", "url": "/api/now/table/incident", "headers": [1], "body": "é"}]}, 200),
        (SERVERS, {"source": "AWS", "attributes": ["x"], "inbound_relations": 1.5, "outbound_relations": [1]}, 201),
        (f"{CHANGE}/approvals", {"state": ["approved"]}, 400),
    ],
)
def test_parts_of_another_shape_are_no_defect(
    simulator: Simulator, caller: Caller, path: str, body: object, status: int
) -> None:
    """They are left out or refused, in the instance's own words."""
    simulator.insert("sys_user_has_role", {"user": "AWS Bridge", "role": "change_manager"})
    path = path.replace("{change}", simulator.insert("change_request", {}))
    method = "PATCH" if path.endswith("approvals") else "POST"
    answer = caller.api(method, path, body)
    assert (answer.status, answer.headers["Server"]) == (status, "ServiceNow")


def test_an_attachment_without_a_file_is_empty(simulator: Simulator, caller: Caller) -> None:
    """Where somebody wrote only its row."""
    sys_id = simulator.insert("sys_attachment", {"file_name": "a.txt", "content_type": "text/plain"})
    file = caller.api("GET", f"/api/now/attachment/{sys_id}/file")
    assert (file.status, file.data) == (200, b"")


def test_an_unknown_data_source_is_refused(caller: Caller) -> None:
    """It has to be a choice of discovery_source."""
    body = {"items": [{"className": "cmdb_ci_server", "values": {"name": "a"}}]}
    answer = caller.api("POST", "/api/now/identifyreconcile", body, sysparm_data_source="Nobody")
    assert answer.status == 400


def test_items_and_their_relations(caller: Caller) -> None:
    """A relation is seen from both ends, and what has no known source is refused."""
    path = "/api/now/cmdb/instance/cmdb_ci_linux_server"
    assert refusal(caller.api("POST", path, {"attributes": {"name": "web-1"}}))[0] == 400
    body = {"attributes": {"name": "web-1"}, "source": "ServiceNow"}
    sys_id = caller.api("POST", path, body).json()["result"]["attributes"]["sys_id"]
    [database] = caller.found("name=orders-db", "cmdb_ci")
    [kind] = caller.found("name=Depends on::Used by", "cmdb_rel_type")
    relation = {"type": kind["sys_id"], "target": database["sys_id"]}
    related = {"outbound_relations": [relation], "inbound_relations": [], "source": "ServiceNow"}
    answer = caller.api("POST", f"{path}/{sys_id}/relation", related)
    assert answer.status == 201
    [outbound] = answer.json()["result"]["outbound_relations"]
    assert (outbound["target"]["display_value"], outbound["type"]["value"]) == ("orders-db", kind["sys_id"])
    other = caller.api("GET", f"/api/now/cmdb/instance/cmdb_ci_server/{database['sys_id']}").json()["result"]
    assert [found["target"]["value"] for found in other["inbound_relations"]] == [sys_id]
    changed = caller.api("PATCH", f"{path}/{sys_id}", {"attributes": {"os": "Linux"}, "source": "ServiceNow"})
    assert changed.json()["result"]["attributes"]["os"] == "Linux"
    assert caller.api("GET", path, name="web-1").json()["result"] == [{"sys_id": sys_id, "name": "web-1"}]
    assert caller.api("DELETE", f"{path}/{sys_id}/relation/{outbound['sys_id']}").status == 204
    assert caller.api("GET", f"{path}/{sys_id}").json()["result"]["outbound_relations"] == []
    assert caller.api("GET", "/api/now/cmdb/instance/incident").status == 400
