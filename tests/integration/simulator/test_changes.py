"""The Change Management API: kinds of changes, approvals, next states, roles. The records are those of the table."""

from typing import Any

import pytest

from local.simulator import Simulator
from tests.integration.simulator.caller import Caller, refusal

CHANGE = "/api/sn_chg_rest/change"
TABLE = "/api/now/table/change_request"
US = "AWS Bridge"


def made(caller: Caller, path: str = "", body: object = None, /, **query: str) -> dict[str, Any]:
    """Create a change, or a task below one, and return it with its typed values."""
    answer = caller.api("POST", f"{CHANGE}{path}", body or {}, None, **query)
    assert answer.status == 200
    content: dict[str, Any] = answer.json()["result"]
    return content


def row_of(simulator: Simulator, change: dict[str, Any]) -> dict[str, str]:
    """Return a change as its table has it."""
    [row] = [row for row in simulator.records("change_request") if row["sys_id"] == change["sys_id"]["value"]]
    return row


def assessed(simulator: Simulator, caller: Caller, *approvers: str, kind: str = "normal") -> tuple[dict[str, Any], str]:
    """Let a change of the Network group, with these members, wait for approval; return it and its path."""
    for person in approvers:
        simulator.insert("sys_user_grmember", {"user": person, "group": "Network"})
    [group] = caller.found("name=Network", "sys_user_group")
    change = made(caller, f"/{kind}", {"assignment_group": group["sys_id"]})
    path = f"{CHANGE}/{change['sys_id']['value']}"
    first = "-4" if kind == "normal" else "-3"
    assert caller.api("PATCH", path, {"state": first}).json()["result"]["state"]["value"] == int(first)
    return change, path


def approvals(simulator: Simulator) -> list[str]:
    """Return the state of each approval, oldest first."""
    return [row["state"] for row in simulator.records("sysapproval_approver")]


@pytest.mark.parametrize(("path", "kind"), [("", "normal"), ("/normal", "normal"), ("/emergency", "emergency")])
def test_a_change_answers_200_with_typed_values(simulator: Simulator, manager: Caller, path: str, kind: str) -> None:
    """Every field has both values; the Table API shows the same record, and each can be read by its kind."""
    change = made(manager, path, {"short_description": "patch"})
    assert change["type"]["value"] == kind
    assert change["state"] == {"display_value": "New", "value": -5}
    assert change["impact"] == {"display_value": "3 - Low", "value": 3}
    assert change["active"]["value"] is True
    sys_id = change["sys_id"]["value"]
    assert manager.api("GET", f"{TABLE}/{sys_id}").json()["result"]["short_description"] == "patch"
    assert manager.api("PATCH", f"{TABLE}/{sys_id}", {"short_description": "larger"}).status == 200
    read = manager.api("GET", f"{CHANGE}/{kind}/{sys_id}").json()["result"]
    assert read["short_description"]["value"] == row_of(simulator, change)["short_description"] == "larger"


def test_a_field_of_the_body_counts_before_that_of_the_query_and_unknown_ones_are_named(manager: Caller) -> None:
    """What is not taken stands in `__meta`."""
    change = made(manager, "/normal", {"description": "body", "nothing": 1}, description="query", reason="query")
    assert (change["description"]["value"], change["reason"]["value"]) == ("body", "query")
    assert change["__meta"] == {"ignoredFields": ["nothing"]}


@pytest.mark.parametrize("table", ["std_change_record_producer", "std_change_producer_version"])
def test_a_standard_change_comes_from_its_template(manager: Caller, table: str) -> None:
    """Which is there, and keeps its plans to itself."""
    [template] = manager.found("nameSTARTSWITHReboot Windows Server", table)
    body = {"short_description": "now", "test_plan": "mine"}
    change = made(manager, f"/standard/{template['sys_id']}", body)
    assert (change["type"]["value"], change["short_description"]["value"]) == ("standard", "now")
    assert (change["test_plan"]["value"], change["__meta"]["ignoredFields"]) == ("", ["test_plan"])
    assert manager.api("POST", f"{CHANGE}/standard/1", body).status == 404
    assert manager.api("POST", f"{CHANGE}/standard", body).status == 400


def test_templates_and_models_are_listed(manager: Caller) -> None:
    """And read one by one."""
    for path in ("/model", "/standard/template"):
        first, *_ = manager.api("GET", f"{CHANGE}{path}").json()["result"]
        one = manager.api("GET", f"{CHANGE}{path}/{first['sys_id']['value']}").json()["result"]
        assert one["name"] == first["name"]
        assert manager.api("POST", f"{CHANGE}{path}", {}).status == 400


def test_changes_and_their_tasks_are_listed_and_deleted(manager: Caller) -> None:
    """By kind, and the tasks below their change; what is deleted is shown once more."""
    normal, _ = made(manager, "/normal"), made(manager, "/emergency")
    assert len(manager.api("GET", CHANGE).json()["result"]) == 2
    [listed] = manager.api("GET", f"{CHANGE}/normal").json()["result"]
    assert listed["number"] == normal["number"]
    below = f"/{normal['sys_id']['value']}/task"
    task = made(manager, below, {"short_description": "first"})
    [found] = manager.api("GET", f"{CHANGE}{below}").json()["result"]
    assert found["number"] == task["number"]
    path = f"{CHANGE}{below}/{task['sys_id']['value']}"
    assert manager.api("PATCH", path, {"state": "3"}).json()["result"]["active"]["value"] is False
    assert manager.api("DELETE", path).json()["result"]["number"] == task["number"]
    assert manager.api("GET", path).status == 404
    assert manager.api("DELETE", f"{CHANGE}/{normal['sys_id']['value']}").status == 200
    assert manager.api("PUT", path).status == 404
    assert manager.api("PUT", CHANGE).status == 400


def test_a_page_holds_what_was_asked_for_alone(manager: Caller) -> None:
    """The limit counts changes of the kind, and tasks of the change: older ones of another take no place."""
    first, second = made(manager, "/normal"), made(manager, "/emergency")
    tasks = [f"/{change['sys_id']['value']}/task" for change in (first, second)]
    made(manager, tasks[0])
    task = made(manager, tasks[1])
    for path, wanted in (("/emergency", second), (tasks[1], task)):
        page = manager.api("GET", f"{CHANGE}{path}", sysparm_limit="1", sysparm_query="ORDERBYnumber")
        assert [one["number"] for one in page.json()["result"]] == [wanted["number"]]


@pytest.mark.parametrize(
    ("role", "statuses"),
    [
        ("sn_incident_write", (403, 403, 403)),
        ("sn_change_read", (200, 403, 403)),
        ("itil", (200, 200, 403)),
        ("change_manager", (200, 200, 200)),
    ],
)
def test_each_method_wants_a_role(simulator: Simulator, caller: Caller, role: str, statuses: tuple[int, ...]) -> None:
    """Reading, writing and deleting; the refusal is that of the API's own access rule."""
    sys_id = simulator.insert("change_request", {})
    simulator.insert("sys_user_has_role", {"user": US, "role": role})
    answers = [caller.api(method, f"{CHANGE}/{sys_id}", {}) for method in ("GET", "PATCH", "DELETE")]
    assert tuple(answer.status for answer in answers) == statuses
    for answer in answers:
        if answer.status == 403:
            assert refusal(answer)[1:] == ("User Not Authorized", "Failed API level ACL Validation")


def test_all_approvers_approve_and_the_change_goes_on(simulator: Simulator, manager: Caller) -> None:
    """One of them by the API, one in the approval itself; meanwhile nobody can move the change."""
    change, path = assessed(simulator, manager, US, "Abel Tuter")
    assert (row_of(simulator, change)["approval"], approvals(simulator)) == ("requested", ["requested"] * 2)
    assert refusal(manager.api("PATCH", path, {"state": "-3"}))[0] == 403
    shown = manager.api("PATCH", f"{path}/approvals", {"state": "approved"}).json()["result"]
    assert (shown["state"]["value"], shown["approval"]["value"]) == (-4, "requested")
    [waiting] = manager.found("state=requested", "sysapproval_approver")
    manager.api("PATCH", f"/api/now/table/sysapproval_approver/{waiting['sys_id']}", {"state": "approved"})
    row = row_of(simulator, change)
    assert (row["state"], row["approval"]) == ("-3", "approved")


def test_the_board_approves_what_was_assessed(simulator: Simulator, manager: Caller) -> None:
    """After it the change is scheduled."""
    simulator.insert("sys_user_group", {"name": "CAB Approval"})
    simulator.insert("sys_user_grmember", {"user": US, "group": "CAB Approval"})
    change, path = assessed(simulator, manager, US)
    seen = []
    for _ in range(2):
        manager.api("PATCH", f"{path}/approvals", {"state": "approved"})
        row = row_of(simulator, change)
        seen.append((row["state"], row["approval"]))
    assert seen == [("-3", "requested"), ("-2", "approved")]


@pytest.mark.parametrize(("state", "answer"), [("4", "approved"), ("4", "rejected"), ("-5", "approved")])
def test_an_answer_that_nobody_waits_for_moves_nothing(
    simulator: Simulator, manager: Caller, state: str, answer: str
) -> None:
    """Only a change in Assess or Authorize goes on, or back."""
    change = made(manager, "/normal")
    sys_id = change["sys_id"]["value"]
    simulator.update("change_request", sys_id, {"state": state})
    approval = {"sysapproval": sys_id, "state": "requested"}
    row = manager.api("POST", "/api/now/table/sysapproval_approver", approval).json()["result"]
    changed = manager.api("PATCH", f"/api/now/table/sysapproval_approver/{row['sys_id']}", {"state": answer})
    assert changed.status == 200
    assert row_of(simulator, change)["state"] == state


def test_one_rejection_sends_a_change_back(simulator: Simulator, manager: Caller) -> None:
    """With its reason; who has not answered need not any more, and the change can be asked for anew."""
    change, path = assessed(simulator, manager, US, "Abel Tuter")
    assert manager.api("PATCH", f"{path}/approvals", {"state": "rejected"}).status == 400
    answer = manager.api("PATCH", f"{path}/approvals", {"state": "rejected", "comments": "too risky"})
    shown = answer.json()["result"]
    assert (shown["state"]["value"], shown["approval"]["value"]) == (-5, "rejected")
    assert approvals(simulator) == ["rejected", "cancelled"]
    [first, _] = simulator.records("sysapproval_approver")
    assert simulator.journal(first["sys_id"], "comments") == ["too risky"]
    manager.api("PATCH", path, {"state": "-4"})
    assert row_of(simulator, change)["approval"] == "requested"


@pytest.mark.parametrize(("kind", "state"), [("normal", "-5"), ("emergency", "-5"), ("normal", "4")])
def test_what_is_taken_back_needs_no_approval(simulator: Simulator, manager: Caller, kind: str, state: str) -> None:
    """By going back to New, or by cancelling: what was asked is cancelled."""
    simulator.insert("sys_user_group", {"name": "CAB Approval"})
    simulator.insert("sys_user_grmember", {"user": US, "group": "CAB Approval"})
    change, path = assessed(simulator, manager, "Abel Tuter", kind=kind)
    assert manager.api("PATCH", path, {"state": state}).status == 200
    assert (row_of(simulator, change)["approval"], approvals(simulator)) == ("not requested", ["cancelled"])
    refused = manager.api("PATCH", f"{path}/approvals", {"state": "approved"})
    assert refused.status == manager.api("PATCH", f"{path}/approvals", {"state": "perhaps"}).status == 400


def test_next_states_tell_what_can_follow(simulator: Simulator, manager: Caller) -> None:
    """The present state is among them; while somebody is asked, only what takes the change back is free."""
    _, path = assessed(simulator, manager, US)
    shown = manager.api("GET", f"{path}/nextstates").json()["result"]
    assert shown["available_states"] == ["-5", "-3", "4", "-4"]
    assert shown["state_label"]["-3"] == "Authorize"
    found = {moves[0]["to_state"]: moves[0]["transition_available"] for moves in shown["state_transitions"]}
    assert found == {"-5": True, "-3": False, "4": True}
    [[ahead]] = [moves for moves in shown["state_transitions"] if moves[0]["to_state"] == "-3"]
    assert (ahead["display_value"], ahead["conditions"][0]["passed"]) == ("Assess to Authorize", False)
    assert manager.api("PATCH", f"{path}/nextstates", {}).status == 400
    assert manager.api("GET", f"{CHANGE}/{'0' * 32}/nextstates").status == 404


@pytest.mark.parametrize("code", ["successful", "successful_issues", "unsuccessful"])
def test_a_change_ends_with_a_code(manager: Caller, code: str) -> None:
    """Closed as it went; neither an unknown code nor notes alone are enough."""
    [group] = manager.found("name=Network", "sys_user_group")
    [template] = manager.found("", "std_change_record_producer")
    change = made(manager, f"/standard/{template['sys_id']}", {"assignment_group": group["sys_id"]})
    path = f"{CHANGE}/{change['sys_id']['value']}"
    for state in ("-2", "-1", "0"):
        manager.api("PATCH", path, {"state": state})
    end = {"state": "3", "close_notes": "done"}
    assert "Close code" in str(refusal(manager.api("PATCH", path, {**end, "close_code": "fine"}))[2])
    closed = manager.api("PATCH", path, {**end, "close_code": code}).json()["result"]
    assert (closed["close_code"]["value"], closed["active"]["value"]) == (code, False)
