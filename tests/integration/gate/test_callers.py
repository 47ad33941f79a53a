"""Callers of the API ask for changes, wait for them, and close them."""

import pytest

from local.simulator import Fault
from tests.integration.api.gateway import BOB
from tests.integration.gate.conftest import World, running_gate

NEW = {"short_description": "Release 42", "backout_plan": "Deploy 41.\nTell everybody."}


TASK = "token-1"


def asked(world: World, token: str = TASK, key: str = "release-42", **more: object) -> str:
    """Ask for a change with a task that waits; return its sys_id."""
    world.waiters.tasks.setdefault(token, None)
    reply = world.api.call("POST", "/changes", {**NEW, "task_token": token, **more}, key=key)
    assert reply.status == 201, reply.text
    return str(reply.json["sys_id"])


def told(world: World, sys_id: str) -> str:
    """Return what the API says of who waits."""
    return str(world.api.call("GET", f"/changes/{sys_id}").json["waiting"])


def test_a_change_is_opened_once_and_says_what_was_asked(world: World) -> None:
    """However often it is asked for. The token stands nowhere in it."""
    first = asked(world)
    assert asked(world) == first
    assert world.change["short_description"] == "Release 42"
    assert world.change["backout_plan"] == "Deploy 41.\nTell everybody."
    assert "token-1" not in str(world.servicenow.records("change_request"))
    assert told(world, first) == "waiting"


def test_a_task_goes_on_once_its_change_is_approved(world: World) -> None:
    """It gets number, sys_id and page of the change; then the token is gone."""
    sys_id = asked(world)
    assert world.settle() == 0
    assert world.waiters.tasks == {"token-1": None}
    world.decide(state="-2", approval="approved")
    assert world.settle() == 0
    answer = world.waiters.tasks["token-1"]
    assert answer["call"] == "SendTaskSuccess"
    assert world.change["number"] in answer["output"]
    assert told(world, sys_id) == "approved"
    assert "token-1" not in str(world.stack.ledger_items())


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({"state": "-5", "approval": "rejected"}, "rejected"),
        ({"state": "4"}, "canceled"),
        ({"state": "3"}, "closed"),
    ],
)
def test_a_task_fails_with_the_reason_where_people_decide_otherwise(
    world: World, fields: dict[str, str], outcome: str
) -> None:
    """Which a state machine can catch by its name."""
    sys_id = asked(world)
    world.decide(**fields)
    world.settle()
    answer = world.waiters.tasks["token-1"]
    assert (answer["call"], answer["error"]) == ("SendTaskFailure", f"ServiceNow.Change{outcome.capitalize()}")
    assert world.change["number"] in answer["cause"]
    assert told(world, sys_id) == outcome


@pytest.mark.parametrize("readable", [True, False])
def test_the_reason_says_what_the_approver_wrote(*, readable: bool) -> None:
    """With RecordComments, and where the integration user may read who was asked; an older comment gives way."""
    with running_gate(RECORD_COMMENTS="true") as world:
        sys_id = asked(world)
        if not readable:
            world.servicenow.add_fault(Fault(table="sysapproval_approver", status=403, times=None))
        world.servicenow.update("change_request", sys_id, {"comments": "Please look."})
        answer = {"sysapproval": sys_id, "state": "rejected", "comments": "No window\n[code]today."}
        world.servicenow.insert("sysapproval_approver", answer)
        world.decide(state="-5", approval="rejected")
        world.settle()
        cause = world.waiters.tasks["token-1"]["cause"]
        assert world.change["number"] in cause
        assert ("wrote: No window [ code]today." in cause) is readable
        assert ("wrote: Please look." in cause) is not readable


@pytest.mark.parametrize(("approval", "status"), [("approved", "Approved"), ("rejected", "Rejected")])
def test_an_approval_of_codepipeline_is_answered_too(world: World, approval: str, status: str) -> None:
    """With a summary that people read in the console."""
    token = "1a2b3c4d-573f-4ea7-a67e-000000000001"
    world.waiters.approvals[token] = None
    named = {"pipeline": "shop", "stage": "Release", "action": "Change", "token": token}
    assert world.api.call("POST", "/changes", {**NEW, "approval": named}, key="1").status == 201
    world.decide(state="-2" if approval == "approved" else "-5", approval=approval)
    world.settle()
    assert world.waiters.approvals[token]["status"] == status
    assert world.change["number"] in world.waiters.approvals[token]["summary"]


def test_a_token_that_is_unknown_or_used_up_is_told_at_once(world: World) -> None:
    """Nothing is opened, and nothing waits."""
    reply = world.api.call("POST", "/changes", {**NEW, "task_token": "nobody"}, key="1")
    assert reply.problem == (409, "token-used-up")
    assert world.servicenow.records("change_request") == []
    assert [item for item in world.stack.ledger_items() if item["pk"]["S"].startswith("gate/")] == []


def test_a_token_that_is_used_up_meanwhile_ends_the_waiting(world: World) -> None:
    """It is counted once; the caller reads it, and no message comes back."""
    sys_id = asked(world)
    world.waiters.tasks["token-1"] = "stopped"
    world.decide(state="-2", approval="approved")
    messages = world.look()
    assert world.follow(*messages) == 0
    assert told(world, sys_id) == "used_up"
    calls = list(world.waiters.calls)
    assert world.follow(*messages) == 0
    assert world.waiters.calls == calls


def test_a_task_that_is_tried_again_waits_with_its_new_token(world: World) -> None:
    """The change stays the same; where it is decided already, the new one is answered without another change."""
    sys_id = asked(world)
    world.decide(state="-2", approval="approved")
    world.settle()
    assert world.reminders() == []
    assert asked(world, "token-2") == sys_id
    assert world.follow(*world.reminders()) == 0
    assert world.waiters.tasks["token-2"]["call"] == "SendTaskSuccess"


def test_a_standard_change_takes_its_template(world: World) -> None:
    """Through the Change Management API, which wants a role; without it the refusal says so."""
    [template, *_] = world.servicenow.records("std_change_record_producer")
    body = {"short_description": "now", "template": template["sys_id"]}
    refused = world.api.call("POST", "/changes", body, key="1")
    assert refused.problem == (403, "refused-by-servicenow")
    assert "role itil" in refused.json["action"]
    world.servicenow.insert("sys_user_has_role", {"user": "AWS Bridge", "role": "itil"})
    assert world.api.call("POST", "/changes", body, key="2").status == 201
    assert world.change["type"] == "standard"


@pytest.mark.parametrize("role", ["", "itil"])
def test_a_change_is_closed_by_a_walk_through_its_states(world: World, role: str) -> None:
    """By the Change Management API, and by the Table API where the user lacks the role. Twice is once."""
    if role:
        world.servicenow.insert("sys_user_has_role", {"user": "AWS Bridge", "role": role})
    sys_id = asked(world, assignment_group="Network")
    early = world.api.call("POST", f"/changes/{sys_id}/close", {"result": "successful", "close_notes": "done"})
    assert early.problem == (409, "conflict")
    world.decide(state="-2", approval="approved")
    for _ in range(2):
        reply = world.api.call("POST", f"/changes/{sys_id}/close", {"result": "successful", "close_notes": "done"})
        assert reply.status == 200, reply.text
        assert (reply.json["state"], reply.json["close_code"]) == ("3", "successful")
    assert world.change["close_notes"] == "done"


def test_one_that_nobody_approved_is_canceled(world: World) -> None:
    """Because its model lets nobody close it; who waits for it fails."""
    sys_id = asked(world)
    body = {"result": "unsuccessful", "close_notes": "the build is broken"}
    assert world.api.call("POST", f"/changes/{sys_id}/close", body).json["state"] == "4"
    world.settle()
    assert world.waiters.tasks["token-1"]["error"] == "ServiceNow.ChangeCanceled"


@pytest.mark.attack
def test_nobody_closes_the_change_of_another(world: World) -> None:
    """Whatever ApiChanges says; only roles of ApiWideRoles may."""
    sys_id = asked(world)
    body = {"result": "unsuccessful", "close_notes": "stop them"}
    refused = world.api.call("POST", f"/changes/{sys_id}/close", body, caller=BOB)
    assert refused.problem == (403, "forbidden")
    assert world.change["state"] == "-5"
    operators = "arn:aws:sts::123456789012:assumed-role/operators/jane"
    assert world.api.call("POST", f"/changes/{sys_id}/close", body, caller=operators).status == 200


@pytest.mark.attack
def test_an_event_that_somebody_made_up_approves_nothing(world: World) -> None:
    """What counts is what the watch read in ServiceNow: not the event's own words, and not another change's state."""
    asked(world)
    [message] = world.look()
    detail = {**message["detail"], "record": {"state": "-2", "approval": "approved"}}
    assert world.follow({**message, "detail": detail}) == 0
    approved = world.servicenow.insert("change_request", {"short_description": "another's"})
    world.servicenow.update("change_request", approved, {"state": "-2", "approval": "approved"})
    assert world.follow({**message, "detail": {**detail, "sys_id": approved}}) == 0
    assert world.follow({**message, "detail": {**detail, "updates": 10**6}}) == 1
    assert world.waiters.tasks == {"token-1": None}


@pytest.mark.attack
def test_no_log_holds_a_token(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever becomes of it: taken, refused with its request, not answered yet, answered, used up."""
    secret = "a-token-of-a-task-that-waits"
    sys_id = asked(world, secret)
    world.api.call("POST", "/changes", {**NEW, "task_token": secret, "nothing": "x"}, key="2")
    world.api.call("POST", "/changes", {"short_description": "another", "task_token": secret}, key="release-42")
    world.waiters.fails_with = "ThrottlingException"
    world.decide(state="-2", approval="approved")
    messages = world.look()
    assert world.follow(*messages) == 1
    world.waiters.fails_with = ""
    world.waiters.tasks[secret] = "stopped"
    assert world.follow(*messages) == 0
    assert told(world, sys_id) == "used_up"
    logged = [str(record.__dict__) for record in caplog.records]
    assert any("Nothing in AWS waits with this token" in line for line in logged)
    assert [line for line in logged if secret in line] == []
