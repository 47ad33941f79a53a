import json
import os
import signal
import ssl
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import urllib3

from local.simulator import Simulator
from tests.integration.simulator.caller import Caller

ROOT = Path(__file__).parents[3]


def command(directory: Path, *arguments: str, with_secret: bool = True) -> subprocess.Popen[str]:
    """Start the simulator as a process."""
    environment = {**os.environ, "SERVICENOW_CLIENT_SECRET": "made up" if with_secret else ""}
    line = [sys.executable, "-m", "local.simulator", "--certificates", str(directory), *arguments]
    return subprocess.Popen(line, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def post(caller: Caller, path: str, body: object = None) -> Any:  # noqa: ANN401 -- JSON
    """Tell the control plane something."""
    return caller.send("POST", f"/_simulator/{path}", body or {}).json()


def test_the_process_says_where_it_listens_and_stops_on_sigterm(tmp_path: Path) -> None:
    """One line of JSON; its certificate is signed by the authority in the folder; no control plane by default."""
    with command(tmp_path, "--lifetime", "30") as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        context = ssl.create_default_context(cafile=ready["ca_file"])
        with urllib3.PoolManager(ssl_context=context) as pool:
            assert pool.request("GET", f"https://{ready['host']}/api/now/table/incident").status == 401
            assert pool.request("GET", f"https://{ready['host']}/_simulator/state").status == 404
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert (tmp_path / "authority.key").stat().st_mode & 0o777 == 0o600


def test_the_process_ends_with_its_lifetime(tmp_path: Path) -> None:
    """Nobody has to clean up."""
    started = time.monotonic()
    with command(tmp_path, "--lifetime", "0.1") as process:
        assert process.wait(10) == 0
    assert time.monotonic() - started < 10


def test_a_missing_secret_is_told(tmp_path: Path) -> None:
    """The message names the variable."""
    with command(tmp_path, with_secret=False) as process:
        assert process.wait(10) == 2
        assert process.stderr is not None
        assert "SERVICENOW_CLIENT_SECRET" in process.stderr.read()


def test_a_taken_port_is_told(tmp_path: Path, simulator: Simulator) -> None:
    """The process ends with the reason."""
    with command(tmp_path, "--port", str(simulator.port)) as process:
        assert process.wait(10) == 1
        assert process.stderr is not None
        assert str(simulator.port) in process.stderr.read()


def test_the_control_plane_shows_and_changes_the_state(caller: Caller) -> None:
    """Other processes do what tests do."""
    sys_id = post(caller, "records/incident", {"short_description": "by hand", "work_notes": "note"})["sys_id"]
    caller.send("PATCH", f"/_simulator/records/incident/{sys_id}", {"state": "2"})
    records = caller.send("GET", "/_simulator/records/incident").json()["records"]
    assert [(row["sys_id"], row["state"]) for row in records] == [(sys_id, "2")]
    journal = caller.send("GET", f"/_simulator/journal/{sys_id}/work_notes").json()
    assert journal == {"entries": ["note"]}
    post(caller, "faults", {"on": "token", "status": 503, "remove": ["x"]})
    assert caller.ask_for_token().status == 503
    post(caller, "configure", {"expires_in": 60, "denied_operations": ["incident.read"]})
    assert caller.ask_for_token().json()["expires_in"] == 60
    assert caller.api("GET", "/api/now/table/incident").json() == {"result": []}
    post(caller, "revoke")
    assert caller.api("GET", "/api/now/table/incident").status == 401
    post(caller, "rotate", {"client_secret": "new"})
    assert caller.ask_for_token("new").status == 200
    assert post(caller, "clock", {"offset": 60}) == {"clock_offset": 60.0}
    state = caller.send("GET", "/_simulator/state").json()
    assert (state["records"]["incident"], state["token_requests"], state["api_calls"]) == (1, 4, 2)
    assert len(caller.send("GET", "/_simulator/calls").json()["calls"]) == 6
    post(caller, "faults", {"status": 500})
    caller.send("DELETE", "/_simulator/faults")
    post(caller, "reset")
    assert caller.send("GET", "/_simulator/state").json()["token_requests"] == 0


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("faults", {"nonsense": 1}),
        ("configure", {"nonsense": 1}),
        ("clock", {}),
        ("clock", {"offset": "nan"}),
        ("clock", {"offset": 1e300}),
        ("records/nonsense", {}),
        ("configure", []),
        ("faults", {"status": "many"}),
        ("faults", {"path": "["}),
        ("faults", {"connection": "cut"}),
        ("configure", {"rate_limit": "few"}),
        ("configure", {"token_behaviour": "slidng"}),
    ],
)
def test_a_mistake_in_a_control_request_is_told(caller: Caller, path: str, body: object) -> None:
    """400 with the reason, and nothing has changed."""
    answer = caller.send("POST", f"/_simulator/{path}", json.dumps(body).encode())
    assert answer.status == 400
    assert answer.json()["error"]
    assert caller.api("GET", "/api/now/table/incident").status == 200


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "https://evil.example"}])
def test_no_page_in_a_browser_reaches_the_control_plane(caller: Caller, headers: dict[str, str]) -> None:
    """Foreign names and foreign origins are refused."""
    assert caller.send("GET", "/_simulator/state", None, headers).status == 403
