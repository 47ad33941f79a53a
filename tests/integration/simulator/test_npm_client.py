"""servicenow-rest-api 1.2.2, the client that npm has: itself where npm can install it, and its requests as captured.

Its addresses, headers and bodies are sent again byte by byte.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local.simulator import Simulator
from tests.integration.simulator.caller import PASSWORD, USER, Caller, basic

READS = {"Accept": "application/json, text/plain, */*"}
WRITES = {"Accept": "application/json", "Content-Type": "application/json"}
BOTH = "sysparm_input_display_value=true&sysparm_display_value=true"


@pytest.fixture
def sent(caller: Caller) -> Callable[..., Any]:
    """Return how a request is sent: method, target, headers and body; the answer's `result`, None without a body."""

    def send(method: str, target: str, headers: dict[str, str], body: bytes | None = None) -> Any:  # noqa: ANN401
        answer = caller.send(method, target, body, headers | basic(USER, PASSWORD))
        assert answer.status < 300, answer.data
        return json.loads(answer.data)["result"] if answer.data else None

    return send


def test_it_authenticates_and_looks_at_a_sample(simulator: Simulator, sent: Callable[..., Any]) -> None:
    """Basic authentication; a user that is found by a plain parameter, and any one record."""
    simulator.insert("incident", {})
    [user] = sent("GET", "/api/now/v2/table/sys_user?user_name=admin", READS)
    assert user["name"] == "System Administrator"
    assert len(sent("GET", "/api/now/v2/table/incident?sysparm_limit=1", READS)) == 1


def test_it_lists_by_fields_and_conditions(simulator: Simulator, sent: Callable[..., Any]) -> None:
    """The conditions' caret is encoded, their equals signs are not."""
    for urgency in ("1", "2"):
        simulator.insert("incident", {"urgency": urgency})
    query = "sysparm_display_value=true&sysparm_fields=number,urgency&sysparm_query=urgency=1%5Eactive=true"
    assert sent("GET", f"/api/now/v2/table/incident?{query}", READS) == [
        {"number": "INC0010001", "urgency": "1 - High"}
    ]


def test_it_writes_what_people_see(simulator: Simulator, sent: Callable[..., Any]) -> None:
    """Names and labels in both directions; updates are a PUT to the sys_id that it looked up before."""
    body = b'{"short_description":"Disk is full","urgency":"1 - High","assignment_group":"Network"}'
    made = sent("POST", f"/api/now/table/incident?{BOTH}", WRITES, body)
    assert (made["urgency"], made["assignment_group"]["display_value"]) == ("1 - High", "Network")
    look_up = f"/api/now/v2/table/incident?sysparm_query=number={made['number']}&sysparm_fields=sys_id"
    [found] = sent("GET", look_up, READS)
    assert found == {"sys_id": made["sys_id"]}
    path = f"/api/now/table/incident/{found['sys_id']}"
    changed = sent("PUT", f"{path}?{BOTH}", WRITES, b'{"state":"In Progress"}')
    assert (changed["state"], simulator.records("incident")[0]["state"]) == ("In Progress", "2")
    assert sent("DELETE", path, WRITES) is None
    assert simulator.records("incident") == []


def test_it_reads_attachments(simulator: Simulator, caller: Caller, sent: Callable[..., Any]) -> None:
    """Those of a record, one of them, and its content."""
    sys_id = simulator.insert("incident", {})
    where = {"table_name": "incident", "table_sys_id": sys_id, "file_name": "a.txt"}
    caller.api("POST", "/api/now/attachment/file", b"content", {"Content-Type": "text/plain"}, **where)
    [listed] = sent("GET", f"/api/now/attachment?table_sys_id={sys_id}", READS)
    assert sent("GET", f"/api/now/attachment/{listed['sys_id']}", READS)["file_name"] == "a.txt"
    path = f"/api/now/attachment/{listed['sys_id']}/file"
    assert caller.send("GET", path, None, READS | basic(USER, PASSWORD)).data == b"content"


def test_it_lists_the_tasks_of_a_change(simulator: Simulator, sent: Callable[..., Any]) -> None:
    """By the change's number, as a plain parameter."""
    change = simulator.insert("change_request", {})
    simulator.insert("change_task", {"change_request": change})
    simulator.insert("change_task", {})
    [number] = [row["number"] for row in simulator.records("change_request")]
    target = f"/api/now/table/change_task?change_request={number}&sysparm_fields=number,sys_id"
    assert [sorted(row) for row in sent("GET", target, READS)] == [["number", "sys_id"]]


NODE, NPM = shutil.which("node"), shutil.which("npm")


@pytest.mark.skipif(not (NODE and NPM), reason="there is no Node.js here")
def test_the_client_itself_takes_a_record_through_its_life(simulator: Simulator, tmp_path: Path) -> None:
    """Unchanged, over TLS that Node.js verifies; what is installed is held by the hashes of the lock."""
    assert NODE
    assert NPM
    here = Path(__file__).parent
    for name in ("package.json", "package-lock.json"):
        shutil.copy(here.parents[2] / "requirements" / "npm" / name, tmp_path)
    shutil.copy(here / "npm_client.js", tmp_path)
    authority = tmp_path / "authority.pem"
    authority.write_text(simulator.ca_pem, encoding="ascii")
    install = [NPM, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent", "--fetch-retries=0"]
    if subprocess.run(install, cwd=tmp_path, check=False, timeout=100).returncode != 0:
        pytest.skip("npm's registry can't be reached from here")
    host = simulator.host.replace("localhost", "127.0.0.1")
    client = subprocess.run(
        [NODE, "npm_client.js", host, USER, PASSWORD],
        cwd=tmp_path,
        env={**os.environ, "NODE_EXTRA_CA_CERTS": str(authority)},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    found = json.loads(client.stdout.splitlines()[-1])
    assert (found["made"], found["changed"]) == ("1 - High", "In Progress")
    assert [row["state"] for row in found["listed"]] == ["In Progress"]
    assert found["gone"] == 204
    assert simulator.records("incident") == []
