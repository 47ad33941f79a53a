"""The policy of whoever runs `make accept`: what the command calls, and nothing else."""

import ast
import json
from pathlib import Path

import botocore.session
from botocore import xform_name

from tests.support.calls import _calls

TOOLS = Path(__file__).resolve().parents[3] / "tools"
OTHERWISE_NAMED = {
    "lambda:Invoke": "lambda:InvokeFunction",
    "apigateway:GetAccount": "apigateway:GET",  # API Gateway's permissions are HTTP methods
}
ELSEWHERE = {
    "dynamodb:GetItem",  # Ledger.read
    "kms:Decrypt",  # SQS and DynamoDB, in the caller's name
    "execute-api:Invoke",  # signed with SigV4, without boto3
}
"""What is called, but not through a client that the command makes."""


def called() -> set[str]:
    """Return the permissions that the calls in the command's source take."""
    found = set()
    for path in [*TOOLS.glob("accept/*.py"), TOOLS / "deployed.py"]:
        tree = ast.parse(path.read_text())
        services = {
            str(node.args[0].value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "client"
            and node.args
            and isinstance(node.args[0], ast.Constant)
        }
        for service in services:
            model = botocore.session.get_session().get_service_model(service)
            known = {xform_name(name): (service, name) for name in model.operation_names}
            found |= {call.action for call in _calls(tree, known)}
    return {OTHERWISE_NAMED.get(action, action) for action in found}


def test_the_policy_allows_what_the_command_calls_and_nothing_else() -> None:
    """But for the configuration of the events function, which `make adopt` reads with the same code."""
    policy = json.loads((TOOLS / "accept/policy.json").read_text())
    actions = [statement["Action"] for statement in policy["Statement"]]
    allowed = {action for each in actions for action in ([each] if isinstance(each, str) else each)}

    assert allowed == called() | ELSEWHERE
    assert not ELSEWHERE & called()
    assert [statement["Resource"] for statement in policy["Statement"]].count("*") == 1, "CloudWatch's metrics alone"
