"""What the modules of servicenow.itsm send, as its public modules and targets tell: no registry here has it.

States of problems are in test_state_models.py, relations of items in test_other_apis.py.
"""

import hashlib
from typing import Any

import pytest

from local.simulator import Simulator
from tests.integration.simulator.caller import Caller

FLAT = {"sysparm_exclude_reference_link": "true", "sysparm_limit": "1000", "sysparm_offset": "0"}
TABLES = (
    "incident",
    "problem",
    "problem_task",
    "change_request",
    "change_task",
    "sc_request",
    "sc_task",
    "cmdb_ci",
    "cmdb_ci_vm_instance",
    "sys_user_group",
    "kb_knowledge",
)


def listed(caller: Caller, table: str, **query: str) -> list[dict[str, Any]]:
    """List records by plain parameters and check the count that the modules page by."""
    answer = caller.api("GET", f"/api/now/table/{table}", None, None, **query, **FLAT)
    records: list[dict[str, Any]] = answer.json()["result"]
    assert int(answer.headers["X-Total-Count"]) == len(records)
    return records


@pytest.mark.parametrize("table", TABLES)
def test_a_record_of_any_table_goes_through_its_life(caller: Caller, table: str) -> None:
    """It is created, found by a column, changed and deleted."""
    path = f"/api/now/table/{table}"
    text = "name" if table.startswith(("cmdb", "sys_user")) else "short_description"
    created = caller.api("POST", path, {text: "some text"}, None, sysparm_exclude_reference_link="true")
    record = created.json()["result"]
    assert [found["sys_id"] for found in listed(caller, table, **{text: "some text"})] == [record["sys_id"]]
    changed = caller.api("PATCH", f"{path}/{record['sys_id']}", {text: "another"}).json()["result"]
    assert changed[text] == "another"
    assert caller.api("DELETE", f"{path}/{record['sys_id']}").status == 204
    assert listed(caller, table, sys_id=record["sys_id"]) == []


def test_names_are_looked_up(caller: Caller) -> None:
    """People by user name, groups and templates of standard changes by name."""
    assert len(listed(caller, "sys_user", user_name="abel.tuter")) == 1
    assert len(listed(caller, "sys_user_group", name="Network")) == 1
    assert len(listed(caller, "std_change_producer_version", name="Reboot Windows Server - 1")) == 1


def test_a_standard_change_of_a_template_goes_to_its_end(caller: Caller) -> None:
    """By the Table API alone, with the template's description; on hold in between, and closed with code and notes."""
    [template] = listed(caller, "std_change_producer_version", name="Reboot Windows Server - 1")
    [group] = listed(caller, "sys_user_group", name="Network")
    body = {"type": "standard", "std_change_producer_version": template["sys_id"], "risk": "4", "impact": "3"}
    change = caller.api("POST", "/api/now/table/change_request", {**body, "chg_model": "standard"}).json()["result"]
    assert (change["state"], change["description"]) == ("-5", "Restart it once, at night")
    path = f"/api/now/table/change_request/{change['sys_id']}"
    steps: tuple[dict[str, str], ...] = (
        {"state": "-2", "assignment_group": group["sys_id"], "priority": "2", "risk": "2", "impact": "1"},
        {"on_hold": "true", "on_hold_reason": "no window"},
        {"on_hold": "false", "state": "-1"},
        {"state": "0"},
        {"state": "3", "close_code": "successful", "close_notes": "Done testing"},
    )
    for step in steps:
        changed = caller.api("PATCH", path, step, None, sysparm_exclude_reference_link="true").json()["result"]
        assert {name: changed[name] for name in step} == step
    query = "stateIN3^close_codeINsuccessful^close_notes=Done testing"
    assert [found["sys_id"] for found in caller.found(query, "change_request")] == [change["sys_id"]]


def test_a_task_of_a_change_is_planned_held_and_closed(caller: Caller) -> None:
    """Its state begins where it is told to, and times come back as they were sent."""
    change = caller.api("POST", "/api/now/table/change_request", {}).json()["result"]["sys_id"]
    body = {"change_request": change, "change_task_type": "planning", "state": "-5", "approval": "approved"}
    task = caller.api("POST", "/api/now/table/change_task", body, None, sysparm_exclude_reference_link="true")
    made = task.json()["result"]
    assert {name: made[name] for name in body} == body
    steps: tuple[dict[str, str], ...] = (
        {"state": "2", "planned_end_date": "2021-07-15 08:00:00"},
        {"on_hold": "true", "on_hold_reason": "Not enough resources"},
        {"state": "3", "close_code": "successful", "close_notes": "Task done"},
    )
    for step in steps:
        changed = caller.api("PATCH", f"/api/now/table/change_task/{made['sys_id']}", step).json()["result"]
        assert {name: changed[name] for name in step} == step


def test_a_catalog_request_is_ordered_and_delivered(caller: Caller) -> None:
    """A day alone is midnight; stage and states are kept."""
    [person] = listed(caller, "sys_user", user_name="admin")
    body = {"requested_for": person["sys_id"], "request_state": "draft", "priority": "2", "urgency": "2"}
    made = caller.api("POST", "/api/now/table/sc_request", body).json()["result"]
    assert made["request_state"] == "draft"
    path = f"/api/now/table/sc_request/{made['sys_id']}"
    step = {"due_date": "2024-12-31", "stage": "fulfillment", "special_instructions": "Handle with care"}
    changed = caller.api("PATCH", path, step).json()["result"]
    assert (changed["due_date"], changed["stage"]) == ("2024-12-31 00:00:00", "fulfillment")
    assert caller.api("PATCH", path, {"due_date": "soon"}).json()["result"]["due_date"] == "2024-12-31 00:00:00"
    for state in ("submitted", "in_process", "delivered"):
        changed = caller.api("PATCH", path, {"request_state": state, "work_notes": "on"}).json()["result"]
        assert changed["request_state"] == state


def test_an_incident_is_held_resolved_and_closed(simulator: Simulator, caller: Caller) -> None:
    """With a reason, and with code and notes, by a user who may close."""
    simulator.insert("sys_user_has_role", {"user": "AWS Bridge", "role": "itil_admin"})
    incident = caller.create(short_description="x", caller_id="")
    path = f"/api/now/table/incident/{incident['sys_id']}"
    steps = (
        {"state": "2"},
        {"state": "3", "hold_reason": "1"},
        {"state": "6", "close_code": "Solution provided", "close_notes": "done"},
        {"state": "7"},
    )
    for step in steps:
        assert caller.api("PATCH", path, step).json()["result"]["state"] == step["state"]


def test_attachments_are_compared_by_hash_and_replaced(simulator: Simulator, caller: Caller) -> None:
    """Listed by table and record, and removed one by one."""
    sys_id = caller.create()["sys_id"]
    where = {"table_name": "incident", "table_sys_id": sys_id}
    for content in (b"a", b"b"):
        sent = {**where, "file_name": "a.txt", "content_type": "text/plain", "hash": "0" * 64}
        caller.api("POST", "/api/now/attachment/file", content, {"Content-Type": "text/plain"}, **sent)
    answer = caller.api("GET", "/api/now/attachment", None, None, **where, sysparm_limit="10000", sysparm_offset="0")
    records = answer.json()["result"]
    assert int(answer.headers["X-Total-Count"]) == 2
    assert [record["hash"] for record in records] == [hashlib.sha256(content).hexdigest() for content in (b"a", b"b")]
    for record in records:
        assert caller.api("DELETE", f"/api/now/attachment/{record['sys_id']}").status == 204
    assert simulator.records("sys_attachment") == []
