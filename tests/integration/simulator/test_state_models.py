"""Problems, changes and tasks: their states, and what may move them."""

from typing import Any

import pytest

from local.simulator import Simulator
from tests.integration.simulator.caller import Caller, refusal

CHANGES = "/api/now/table/change_request"
PROBLEMS = "/api/now/table/problem"


def inserted(caller: Caller, path: str, **values: str) -> dict[str, Any]:
    """Insert a record and return it."""
    record: dict[str, Any] = caller.api("POST", path, values).json()["result"]
    return record


def aborted(caller: Caller, path: str, values: dict[str, str]) -> bool:
    """Tell whether the business rule of the state model refuses a change."""
    status, message, detail = refusal(caller.api("PATCH", path, values))
    return (status, message) == (403, "Operation Failed") and "Model: Check State Transition" in str(detail)


def test_the_table_api_moves_no_problem(simulator: Simulator, caller: Caller) -> None:
    """A business rule aborts the write, or the state is ignored; people in a form move it."""
    problem = inserted(caller, PROBLEMS, short_description="Disks fill up", impact="1", urgency="1")
    assert (problem["state"], problem["problem_state"], problem["priority"]) == ("101", "101", "1")
    path = f"{PROBLEMS}/{problem['sys_id']}"
    assert aborted(caller, path, {"state": "106", "description": "lost"})
    assert simulator.records("problem")[0]["description"] == ""
    assert caller.api("PATCH", path, {"description": "kept"}).status == 200
    simulator.configure(state_models="ignored")
    changed = caller.api("PATCH", path, {"state": "106", "description": "kept again"}).json()["result"]
    assert (changed["state"], changed["description"]) == ("101", "kept again")
    simulator.update("problem", problem["sys_id"], {"state": "Resolved"})
    [row] = simulator.records("problem")
    assert (row["state"], row["problem_state"], bool(row["resolved_at"])) == ("106", "106", True)


def test_an_application_inside_the_instance_moves_problems(caller: Caller) -> None:
    """Each state wants its fields, and none is left out."""
    problem = inserted(caller, PROBLEMS)
    path = f"/api/x_rhtpp_ansible/problem/{problem['number']}/new_state"
    assert refusal(caller.api("PATCH", f"{path}/102", {}))[:2] == (400, "Missing field assigned_to.")
    [person] = caller.found("user_name=abel.tuter", "sys_user")
    assigned = {"assigned_to": person["sys_id"]}
    impossible = "Problem state transition from state 101 to {} is not possible."
    for state in ("104", "nonsense"):
        assert refusal(caller.api("PATCH", f"{path}/{state}", assigned))[:2] == (400, impossible.format(state))
    notes = {"cause_notes": "full", "fix_notes": "larger"}
    assert caller.api("PATCH", f"{path}/102", assigned).json()["result"]["state"] == "102"
    assert caller.api("PATCH", f"{path}/103", {}).json()["result"]["state"] == "103"
    assert refusal(caller.api("PATCH", f"{path}/104", {}))[1] == "Missing field cause_notes."
    assert caller.api("PATCH", f"{path}/104", notes).json()["result"]["state"] == "104"
    assert refusal(caller.api("PATCH", f"{path}/106", {}))[1] == "Missing field resolution_code."
    assert caller.api("PATCH", f"{path}/106", {"resolution_code": "fix_applied"}).json()["result"]["state"] == "106"
    closed = caller.api("PATCH", f"{path}/107", {}).json()["result"]
    assert (closed["state"], closed["active"]) == ("107", "false")
    assert caller.api("PATCH", f"{path}/103", {}).json()["result"]["active"] == "true"
    assert caller.api("PATCH", "/api/x_rhtpp_ansible/problem/PRB1/new_state/102", {}).status == 404


@pytest.mark.parametrize(
    ("code", "field"),
    [("risk_accepted", "close_notes"), ("duplicate", "duplicate_of"), ("canceled", "close_notes")],
)
def test_each_resolution_of_a_problem_wants_its_own_fields(caller: Caller, code: str, field: str) -> None:
    """And is complete with them."""
    [person] = caller.found("user_name=abel.tuter", "sys_user")
    original = inserted(caller, PROBLEMS)
    problem = inserted(caller, PROBLEMS, assigned_to=person["sys_id"], cause_notes="known")
    path = f"/api/x_rhtpp_ansible/problem/{problem['number']}/new_state"
    caller.api("PATCH", f"{path}/102", {})
    given = {"resolution_code": code}
    assert refusal(caller.api("PATCH", f"{path}/107", given))[1] == f"Missing field {field}."
    ended = caller.api("PATCH", f"{path}/107", given | {field: original["sys_id"]}).json()["result"]
    assert (ended["state"], ended["resolution_code"]) == ("107", code)


@pytest.mark.parametrize(
    ("kind", "way"),
    [
        ("standard", ["-2", "-1", "0", "3"]),
        ("normal", ["-4", "-3", "-2", "-1", "0", "3"]),
        ("emergency", ["-3", "-2", "-1", "0", "3"]),
    ],
)
def test_a_change_goes_the_way_of_its_model(caller: Caller, kind: str, way: list[str]) -> None:
    """No state is left out, none is gone back to, and the end wants a code and notes."""
    change = inserted(caller, CHANGES, type=kind)
    path = f"{CHANGES}/{change['sys_id']}"
    assert change["state"] == "-5"
    assert aborted(caller, path, {"state": "0"})
    assert "Assignment group" in str(refusal(caller.api("PATCH", path, {"state": way[0]}))[2])
    [group] = caller.found("name=Network", "sys_user_group")
    caller.api("PATCH", path, {"assignment_group": group["sys_id"]})
    for state in way[:-1]:
        assert caller.api("PATCH", path, {"state": state}).json()["result"]["state"] == state
    assert aborted(caller, path, {"state": "-1"})
    assert "Close code, Close notes" in str(refusal(caller.api("PATCH", path, {"state": "3"}))[2])
    end = {"state": "3", "close_code": "successful", "close_notes": "done"}
    closed = caller.api("PATCH", path, end).json()["result"]
    assert (closed["state"], closed["active"]) == ("3", "false")


def test_a_change_can_be_canceled_before_its_review(caller: Caller) -> None:
    """And nothing follows."""
    path = f"{CHANGES}/{inserted(caller, CHANGES)['sys_id']}"
    assert caller.api("PATCH", path, {"state": "4"}).json()["result"]["active"] == "false"
    assert aborted(caller, path, {"state": "-5"})


def test_without_a_model_every_state_can_be_set(simulator: Simulator, caller: Caller) -> None:
    """Some instances have the rules switched off."""
    simulator.configure(state_models="open")
    assert inserted(caller, CHANGES, state="0")["state"] == "0"
    assert inserted(caller, PROBLEMS, problem_state="106")["state"] == "106"


@pytest.mark.parametrize(("table", "end"), [("change_task", "3"), ("problem_task", "157"), ("sc_task", "7")])
def test_tasks_end(caller: Caller, table: str, end: str) -> None:
    """A state at which nothing is left to do makes them inactive."""
    path = f"/api/now/table/{table}"
    task = inserted(caller, path)
    assert task["active"] == "true"
    assert caller.api("PATCH", f"{path}/{task['sys_id']}", {"state": end}).json()["result"]["active"] == "false"
