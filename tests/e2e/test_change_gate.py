"""The change gate, deployed: the state machine of events/changes waits on a local Step Functions."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from common.gate.reminders import reminder
from local.clients import Clients
from local.stack import DEPLOYMENT, STACK_NAME, LocalStack
from local.stack import SOURCE as OWN_SOURCE
from tests.e2e.deployments import NEVER, deployed_with
from tests.e2e.identities import clients_of_role

MACHINE = Path(__file__).resolve().parents[2] / "events" / "changes" / "state-machine.asl.json"
SOURCE = "shop.checkout"
"""An application that the local stack lists."""

UNKNOWN = "AAAA" * 10
"""A token that no task waits with."""


@pytest.fixture(scope="module")
def gate(deployed: LocalStack) -> Iterator[LocalStack]:
    """The stack with the change gate, whose watch has looked once; without it for the tests that come after."""
    with deployed_with(deployed, WatchSchedule=NEVER, ChangeGate="true"):
        deployed.store_credentials()
        deployed.look()
        yield deployed


def started(stack: LocalStack, title: str) -> tuple[Any, str]:
    """Start the state machine; return the client of Step Functions and the execution's ARN."""
    states = stack.root.client("stepfunctions")
    definition = MACHINE.read_text().replace('"shop.deploy"', f'"{SOURCE}"')
    name = f"release-{uuid4().hex[:8]}"
    trust = {"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = stack.root.iam.create_role(RoleName=name, AssumeRolePolicyDocument=_policy(trust))["Role"]["Arn"]
    puts = {"Effect": "Allow", "Action": "events:PutEvents", "Resource": "*"}
    stack.root.iam.put_role_policy(RoleName=name, PolicyName="ask", PolicyDocument=_policy(puts))
    machine = states.create_state_machine(name=name, definition=definition, roleArn=role)["stateMachineArn"]
    given = {"short_description": title, "assignment_group": "Network"}
    return states, states.start_execution(stateMachineArn=machine, input=json.dumps(given))["executionArn"]


def _policy(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def change(stack: LocalStack, title: str) -> dict[str, str]:
    """Wait for the change of an execution, and return it."""

    def found() -> list[dict[str, str]]:
        return [row for row in stack.simulator.records("change_request") if row["short_description"] == title]

    stack.wait_until(lambda: bool(found()), "No change was opened")
    [row] = found()
    return row


@pytest.mark.parametrize(
    ("fields", "status", "error"),
    [
        ({"state": "-2", "approval": "approved"}, "SUCCEEDED", None),
        ({"state": "-5", "approval": "rejected"}, "FAILED", "ServiceNow.ChangeRejected"),
    ],
    ids=["approved", "rejected"],
)
def test_an_execution_waits_until_people_have_decided(
    gate: LocalStack, fields: dict[str, str], status: str, error: str | None
) -> None:
    """It goes on with the change's number, or fails with its reason, and no message is left anywhere."""
    title = f"Release {uuid4().hex[:8]}"
    states, execution = started(gate, title)
    row = change(gate, title)
    gate.wait_until_handled()
    gate.look()
    assert states.describe_execution(executionArn=execution)["status"] == "RUNNING"

    gate.simulator.update("change_request", row["sys_id"], fields)
    gate.look()
    gate.wait_until(
        lambda: states.describe_execution(executionArn=execution)["status"] != "RUNNING",
        "Nobody answered the execution",
    )
    ended = states.describe_execution(executionArn=execution)

    assert ended["status"] == status
    assert row["number"] in (ended["output"] if error is None else ended["cause"])
    assert ended.get("error") == error
    assert gate.undelivered_messages() == 0
    assert gate.dead_letters() == []


CALLS: dict[str, Callable[[Clients, str], object]] = {
    "answer a task": lambda aws, _: aws.client("stepfunctions").send_task_success(taskToken=UNKNOWN, output="{}"),
    "fail a task": lambda aws, _: aws.client("stepfunctions").send_task_failure(taskToken=UNKNOWN),
    "see whether a task waits": lambda aws, _: aws.client("stepfunctions").send_task_heartbeat(taskToken=UNKNOWN),
    "ask for another look": lambda aws, queue: aws.queues.send_message(
        QueueUrl=queue, MessageBody=reminder(DEPLOYMENT, "permissions")
    ),
    "tell a change": lambda aws, _: aws.events.put_events(
        Entries=[{"Source": OWN_SOURCE, "DetailType": "ServiceNow Record Changed", "Detail": "{}"}]
    ),
}
MAY: dict[str, set[str]] = {
    "ActionsFunctionRole": {"answer a task", "fail a task"},
    "ApiFunctionRole": {"see whether a task waits", "ask for another look"},
    "EventsFunctionRole": {"ask for another look"},
    "WatchFunctionRole": {"tell a change"},
    "DoctorFunctionRole": set(),
}
"""What each role may do of what the gate and the watch need, by its name in the template; all else is denied."""


@pytest.mark.parametrize("role", MAY)
def test_a_role_may_do_its_part_and_no_other(gate: LocalStack, role: str) -> None:
    """Who opens changes answers nobody, and who answers asks nobody. Nothing waits with the token of the calls."""
    found = gate.root.cloudformation.describe_stack_resources(StackName=STACK_NAME)["StackResources"]
    made = {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in found}
    clients = clients_of_role(gate, made[role])

    allowed = {title for title, call in CALLS.items() if not refused(call, clients, made["ActionQueue"])}

    assert allowed == MAY[role]


def refused(call: Callable[[Clients, str], object], clients: Clients, queue: str) -> bool:
    """Tell whether a call lacks the permission; that the token is unknown comes after that."""
    try:
        call(clients, queue)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        assert code in {
            "AccessDenied",
            "AccessDeniedException",
            "AuthorizationError",
            "TaskDoesNotExist",
            "InvalidToken",
        }
        return code not in {"TaskDoesNotExist", "InvalidToken"}
    return False
