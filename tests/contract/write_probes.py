"""Probes that write: inserting, changing and deleting incidents, and the other APIs. All clean up after themselves."""

import base64
import json
from http import HTTPStatus
from uuid import uuid4

from tests.contract.answer_probes import error_of
from tests.contract.instance import INCIDENTS, TITLE, Instance, content_of
from tests.contract.verdict import expect, observable, probe

_RESOLVED = {"state": "6", "close_code": "Solution provided", "close_notes": TITLE}


@probe("table-create", writes=True)
def create(instance: Instance) -> None:
    """The whole row, and where it is."""
    made = instance.insert("incident", {"short_description": TITLE})
    row = content_of(made, 201)["result"]
    expect({"sys_id", "number", "state", "short_description"} <= set(row), "fields are missing")
    location = made.headers.get("Location", "")
    expect(location.startswith("https://") and location.endswith(f"/{row['sys_id']}"), "Location leads elsewhere")
    expect(str(row["number"]).startswith("INC"), f"the number is {row['number']}")


@probe("table-no-response-body", writes=True)
def no_response_body(instance: Instance) -> None:
    """The row is only named by Location."""
    headers = {"X-no-response-body": "true"}
    made = instance.api("POST", INCIDENTS, {"short_description": TITLE}, headers)
    instance.made("incident", made.headers.get("Location", "").rpartition("/")[2])
    expect(made.status == HTTPStatus.CREATED, f"status {made.status}")
    expect(made.body == b"", "there is a body")


@probe("table-method-override", writes=True)
def method_override(instance: Instance) -> None:
    """A POST that is a PATCH."""
    sys_id = str(instance.create()["sys_id"])
    headers = {"X-http-method-override": "PATCH"}
    changed = instance.api("POST", f"{INCIDENTS}/{sys_id}", {"urgency": "2"}, headers)
    expect(changed.status == HTTPStatus.OK, f"status {changed.status}")
    expect(instance.incident(sys_id)["urgency"] == "2", "nothing was changed")


@probe("table-update", writes=True)
def update(instance: Instance) -> None:
    """Fields that are not sent stay."""
    sys_id = str(instance.create(urgency="2")["sys_id"])
    for method, impact in (("PATCH", "2"), ("PUT", "1")):
        row = content_of(instance.change(sys_id, {"impact": impact}, method), 200)["result"]
        expect((row["impact"], row["urgency"]) == (impact, "2"), f"{method} changes more, or less")
    for method in ("PATCH", "PUT"):
        status = instance.change("0" * 32, {"impact": "3"}, method).status
        expect(status == HTTPStatus.NOT_FOUND, f"{method} of a missing row answers {status}")


@probe("row-update-count", writes=True)
def update_count(instance: Instance) -> None:
    """By which the watch knows what is new, and whose it is."""
    made = instance.create(urgency="3")
    changed = content_of(instance.change(str(made["sys_id"]), {"urgency": "2"}, "PATCH"), 200)["result"]
    observable(made.get("sys_mod_count", "") != "", "the user may not read sys_mod_count")
    grown = int(changed["sys_mod_count"]) - int(made["sys_mod_count"])
    expect(grown == 1, f"it grows by {grown}")
    expect(changed["sys_updated_by"] == made["sys_created_by"], "another name stands there")


@probe("table-delete", writes=True)
def delete(instance: Instance) -> None:
    """Once, and once more."""
    sys_id = str(instance.create()["sys_id"])
    first = instance.api("DELETE", f"{INCIDENTS}/{sys_id}")
    observable(first.status != HTTPStatus.FORBIDDEN, "the user may not delete incidents")
    expect((first.status, first.body) == (204, b""), f"status {first.status}")
    expect(instance.api("DELETE", f"{INCIDENTS}/{sys_id}").status == HTTPStatus.NOT_FOUND, "a second one is not 404")


@probe("write-unknown-fields", writes=True)
def unknown_fields(instance: Instance) -> None:
    """The insert succeeds without it."""
    row = instance.create(u_no_such_field_here="x")
    expect("u_no_such_field_here" not in row, "it is answered")


@probe("write-unknown-choice", writes=True)
def unknown_choice(instance: Instance) -> None:
    """The insert succeeds, the value is not kept."""
    row = instance.create(contact_type="no such contact type")
    expect(row.get("contact_type") != "no such contact type", "it is kept")


@probe("write-reference-sys-id", writes=True)
def reference_sys_id(instance: Instance) -> None:
    """A name is taken only where the request says that it is one."""
    name = str(instance.some("sys_user", "name", sysparm_query="nameISNOTEMPTY")[0]["name"])
    plain = instance.create(caller_id=name)
    expect(plain.get("caller_id") == "", "a name is taken for a reference")
    shown = {"short_description": TITLE, "caller_id": name}
    by_name = content_of(instance.insert("incident", shown, sysparm_input_display_value="true"), 201)["result"]
    expect(isinstance(by_name["caller_id"], dict), "a display value is not resolved")


@probe("write-sys-id", writes=True)
def chosen_sys_id(instance: Instance) -> None:
    """The row has the caller's sys_id."""
    chosen = uuid4().hex
    expect(instance.create(sys_id=chosen)["sys_id"] == chosen, "the instance chose another one")


@probe("write-sys-id-twice", writes=True)
def chosen_sys_id_twice(instance: Instance) -> None:
    """The second insert makes no row."""
    chosen = uuid4().hex
    observable(instance.create(sys_id=chosen)["sys_id"] == chosen, "the instance chooses sys_ids itself")
    second = instance.api("POST", INCIDENTS, {"short_description": TITLE, "sys_id": chosen})
    if second.status == HTTPStatus.CREATED:
        other = str(json.loads(second.body)["result"]["sys_id"])
        if other != chosen:
            instance.made("incident", other)
    expect(second.status >= HTTPStatus.BAD_REQUEST, f"it answers {second.status}")


@probe("incident-resolve-policy", writes=True)
def resolve_policy(instance: Instance) -> None:
    """Without them 403, with them 200."""
    sys_id = str(instance.create()["sys_id"])
    refused = instance.change(sys_id, {"state": "6"})
    _, detail = error_of(refused, 403)
    expect("Data Policy Exception" in detail, f"the detail is {detail!r}")
    expect(instance.verdict("PATCH", refused) == "RejectedError", "the client does not take it for this record's")
    expect(instance.change(sys_id, _RESOLVED).status == HTTPStatus.OK, "not even with both")


@probe("answer-403-operation", writes=True)
def refused_operation(instance: Instance) -> None:
    """The message is the same for all, the detail is not."""
    message, detail = error_of(instance.change(str(instance.create()["sys_id"]), {"state": "6"}), 403)
    expect(message == "Operation Failed" and bool(detail), f"the message is {message!r}")


@probe("incident-priority", writes=True)
def priority(instance: Instance) -> None:
    """The nine pairs that ServiceNow ships, of which a deployment may have changed some."""
    expected = {("1", "1"): "1", ("2", "2"): "3", ("3", "3"): "5"}
    for (impact, urgency), wanted in expected.items():
        row = instance.create(impact=impact, urgency=urgency, priority="4")
        expect(row["priority"] == wanted, f"{impact} and {urgency} make {row['priority']}")


@probe("incident-defaults", writes=True)
def defaults(instance: Instance) -> None:
    """Nothing but a title is sent."""
    row = instance.create()
    found = (row["state"], row["impact"], row["urgency"])
    expect(found == ("1", "3", "3"), f"state, impact and urgency are {found}")


@probe("incident-reopen", writes=True)
def reopen(instance: Instance) -> None:
    """Resolved, then in progress again."""
    sys_id = str(instance.create()["sys_id"])
    content_of(instance.change(sys_id, _RESOLVED), 200)
    content_of(instance.change(sys_id, {"state": "2"}), 200)
    expect(instance.incident(sys_id)["state"] == "2", "it stays resolved")


def _closed(instance: Instance) -> str:
    sys_id = str(instance.create()["sys_id"])
    content_of(instance.change(sys_id, _RESOLVED), 200)
    content_of(instance.change(sys_id, {"state": "7"}), 200)
    observable(instance.incident(sys_id)["state"] == "7", "the user cannot close an incident")
    return sys_id


@probe("incident-closed", writes=True)
def closed(instance: Instance) -> None:
    """Whatever the change answers, the state stays."""
    sys_id = _closed(instance)
    instance.change(sys_id, {"state": "2"})
    expect(instance.incident(sys_id)["state"] == "7", "it is open again")


@probe("incident-resolve-closed", writes=True)
def resolve_closed(instance: Instance) -> None:
    """Whatever the change answers, the state stays."""
    sys_id = _closed(instance)
    instance.change(sys_id, _RESOLVED)
    expect(instance.incident(sys_id)["state"] == "7", "it is resolved")


@probe("incident-correlation", writes=True)
def correlation(instance: Instance) -> None:
    """100 characters come back, and a second row may have the same."""
    value = f"contract-{uuid4().hex}".ljust(100, "0")
    rows = [instance.create(correlation_id=value, correlation_display=value) for _ in range(2)]
    expect(all(row["correlation_id"] == row["correlation_display"] == value for row in rows), "it is changed")
    found = instance.some("incident", "sys_id", sysparm_query=f"correlation_id={value}")
    expect(len(found) == 2, f"{len(found)} rows are found")


@probe("incident-notes-append", writes=True)
def notes_append(instance: Instance) -> None:
    """The same note twice is there twice."""
    sys_id = str(instance.create()["sys_id"])
    for _ in range(2):
        content_of(instance.change(sys_id, {"work_notes": TITLE}), 200)
    query = f"element_id={sys_id}^element=work_notes"
    expect(len(instance.some("sys_journal_field", "value", sysparm_query=query)) == 2, "not two entries")


@probe("batch", writes=True)
def batch(instance: Instance) -> None:
    """Two readings, of which one fails."""
    requests = [
        {"id": "1", "method": "GET", "url": "/api/now/table/sys_user?sysparm_limit=1", "headers": []},
        {"id": "2", "method": "GET", "url": "/api/now/table/no_such_table_here", "headers": []},
    ]
    answer = instance.api("POST", "/api/now/v1/batch", {"batch_request_id": "7", "rest_requests": requests})
    content = content_of(answer, 200)
    serviced = {item["id"]: item for item in content["serviced_requests"]}
    expect([serviced[number]["status_code"] for number in ("1", "2")] == [200, 400], "other statuses")
    expect("result" in json.loads(base64.b64decode(serviced["1"]["body"])), "a body of another form")
    expect((content["batch_request_id"], content["unserviced_requests"]) == ("7", []), "another envelope")


@probe("event-jsonv2", writes=True)
def events(instance: Instance) -> None:
    """Two events of one key make one alert."""
    key = f"contract-{uuid4().hex}"
    event = {"source": "contract", "node": "contract", "severity": "5", "message_key": key, "description": TITLE}
    answer = instance.api("POST", "/api/global/em/jsonv2", {"records": [event, event]})
    observable(answer.status not in {400, 403, 404}, "Event Management is not there for this user")
    for table in ("em_event", "em_alert"):
        rows = instance.api("GET", f"/api/now/table/{table}", sysparm_query=f"message_key={key}")
        for row in content_of(rows, 200)["result"]:
            instance.made(table, str(row["sys_id"]))
    words = str(content_of(answer, 200)["result"]["Default Bulk Endpoint"])
    expect(words == "2 events were inserted", words)
    alerts = instance.api("GET", "/api/now/table/em_alert", sysparm_query=f"message_key={key}")
    expect(len(content_of(alerts, 200)["result"]) <= 1, "each event makes an alert of its own")


@probe("attachment", writes=True)
def attachment(instance: Instance) -> None:
    """A few bytes."""
    sys_id = str(instance.create()["sys_id"])
    path = f"/api/now/attachment/file?table_name=incident&table_sys_id={sys_id}&file_name=contract.txt"
    headers = {"Authorization": f"Bearer {instance.token}", "Content-Type": "text/plain"}
    made = instance.send("POST", path, TITLE.encode(), headers)
    observable(made.status != HTTPStatus.FORBIDDEN, "the user may not attach files")
    row = content_of(made, 201)["result"]
    instance.made("sys_attachment", str(row["sys_id"]))
    expect((row["table_sys_id"], row["size_bytes"]) == (sys_id, str(len(TITLE))), "another file, or another row")
