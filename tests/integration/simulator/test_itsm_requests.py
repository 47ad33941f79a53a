"""What the modules of servicenow.itsm send, as their documentation tells: it can't be installed from a registry.

States of problems and changes are in test_state_models.py, relations of items in test_other_apis.py.
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


def test_names_are_looked_up(manager: Caller) -> None:
    """People by user name, groups and templates of standard changes by name."""
    assert len(listed(manager, "sys_user", user_name="abel.tuter")) == 1
    assert len(listed(manager, "sys_user_group", name="Network")) == 1
    [template] = listed(manager, "std_change_producer_version", name="Reboot Windows Server - 1")
    path = f"/api/sn_chg_rest/change/standard/{template['sys_id']}"
    assert manager.api("POST", path, {}).json()["result"]["type"]["value"] == "standard"


def test_an_incident_is_held_resolved_and_closed(caller: Caller) -> None:
    """With a reason, and with code and notes."""
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
