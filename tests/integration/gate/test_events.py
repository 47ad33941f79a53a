"""Applications on the bus ask for changes, and AWS's own events close them."""

import json

import pytest

from tests.integration.gate.conftest import World, event

EXECUTION = "arn:aws:states:eu-west-1:123456789012:execution:release:42"
REQUEST = {"execution": EXECUTION, "short_description": "Release 42", "task_token": "token-1"}


def request(**more: object) -> dict[str, object]:
    """Return a request for the change of an execution, whose task waits."""
    return event("ServiceNow Change Request", {**REQUEST, **more})


def ended(status: str, execution: str = EXECUTION) -> dict[str, object]:
    """Return what Step Functions says of an execution that ended."""
    detail = {"executionArn": execution, "stateMachineArn": execution, "name": "42", "status": status}
    return event("Step Functions Execution Status Change", detail, "aws.states")


@pytest.mark.parametrize(
    ("status", "code", "state"), [("SUCCEEDED", "successful", "3"), ("ABORTED", "unsuccessful", "3")]
)
def test_an_execution_waits_and_closes_its_change_with_its_end(
    world: World, status: str, code: str, state: str
) -> None:
    """From the request to the end, with two events that name the execution."""
    world.waiters.tasks["token-1"] = None
    assert world.handle(request(assignment_group="Network")) == 0
    assert world.change["state"] == "-5"
    world.decide(state="-2", approval="approved")
    assert world.settle() == 0
    assert world.waiters.tasks["token-1"]["call"] == "SendTaskSuccess"
    assert world.handle(ended(status)) == 0
    assert (world.change["state"], world.change["close_code"]) == (state, code)
    assert EXECUTION in world.change["close_notes"]


def test_a_pipeline_closes_its_change_with_its_end(world: World) -> None:
    """It is named by the pipeline and the id of the execution."""
    assert world.handle(event("ServiceNow Change Request", {"execution": "shop/1", "short_description": "x"})) == 0
    world.decide(state="-2", approval="approved", assignment_group="Network")
    detail = {"pipeline": "shop", "execution-id": "1", "state": "SUCCEEDED"}
    assert world.handle(event("CodePipeline Pipeline Execution State Change", detail, "aws.codepipeline")) == 0
    assert (world.change["state"], world.change["close_code"]) == ("3", "successful")


def test_the_end_of_an_execution_without_a_change_does_what_it_did_before(world: World) -> None:
    """A failure opens its incident; the ledger holds nothing about a change."""
    assert world.handle(ended("FAILED")) == 0
    assert len(world.servicenow.records("incident")) == 1
    assert len([item for item in world.stack.ledger_items() if "dedup_key" in item]) == 1


def test_a_failed_execution_of_a_change_does_both(world: World) -> None:
    """It opens an incident and cancels what nobody approved."""
    assert world.handle(request(assignment_group="Network")) == 0
    assert world.handle(ended("FAILED")) == 0
    assert len(world.servicenow.records("incident")) == 1
    assert world.change["state"] == "4"


def test_an_application_closes_its_own_change(world: World) -> None:
    """By the key of its request; another application's key is another change."""
    asked = {"key": "1", "short_description": "x", "assignment_group": "Network"}
    assert world.handle(event("ServiceNow Change Request", asked)) == 0
    world.decide(state="-1", approval="approved")
    result = {"key": "1", "result": "successful_issues", "close_notes": "slow"}
    assert world.handle(event("ServiceNow Change Result", result, "another")) == 0
    assert world.change["state"] == "-1"
    assert world.handle(event("ServiceNow Change Result", result)) == 0
    assert (world.change["close_code"], world.change["close_notes"]) == ("successful_issues", "slow")


def test_a_success_of_what_nobody_approved_is_a_dead_letter_with_its_reason(world: World) -> None:
    """A person decides what to make of it."""
    assert world.handle(event("ServiceNow Change Request", {"key": "1", "short_description": "x"})) == 0
    assert world.handle(event("ServiceNow Change Result", {"key": "1", "result": "successful"})) == 0
    [letter] = world.stack.dead_letters()
    assert "not approved" in letter["Reason"]
    assert world.change["state"] == "-5"


@pytest.mark.parametrize(
    ("detail", "named"),
    [
        ({"short_description": "x"}, "key is missing"),
        ({"key": "1"}, "short_description is missing"),
        ({"key": "1", "short_description": "x", "state": "3"}, "state is not known"),
        ({"key": "1", "template": "Reboot"}, "template is no sys_id"),
        ({"key": "1", "short_description": "x", "approval": {"token": "1"}}, "approval is no object"),
        ({"key": "1", "short_description": "x", "task_token": ""}, "task_token is no text"),
    ],
)
def test_a_malformed_request_is_a_dead_letter_that_names_the_field(
    world: World, detail: dict[str, object], named: str
) -> None:
    """Nothing is opened, and nothing waits."""
    assert world.handle(event("ServiceNow Change Request", detail)) == 0
    [letter] = world.stack.dead_letters()
    assert named in letter["Reason"]
    assert json.loads(letter["body"])["detail"] == detail
    assert world.servicenow.records("change_request") == []
