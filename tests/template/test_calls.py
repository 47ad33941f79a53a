"""Each role allows what the code of its function calls and what AWS's services do with it, and nothing else.

What the code calls is read from src and from botocore's models; what a service does in a function's name is what AWS
documents for the properties that the template sets.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.calls import Call, calls_of
from tests.template.reading import (
    JOINING,
    LOGGING,
    POLLING,
    TRACING,
    Resources,
    as_list,
    of_type,
    referred_to,
    role_statements,
    stored_settings,
)

HANDLERS = {
    "ActionsFunction": "handlers.actions",
    "ApiFunction": "handlers.api",
    "DoctorFunction": "handlers.doctor",
    "EventsFunction": "handlers.events",
    "FollowUpFunction": "handlers.follow_up",
    "SecretRotationFunction": "handlers.secret_rotation",
    "TokenRefreshFunction": "handlers.token_refresh",
    "WatchFunction": "handlers.watch",
}
SERVICES = {
    "AWS::SQS::Queue": "sqs",
    "AWS::DynamoDB::Table": "dynamodb",
    "AWS::SecretsManager::Secret": "secretsmanager",
}

LOOKED_INTO = {"apigateway", "apigatewayv2", "cloudtrail", "cloudwatch", "ecs", "lambda", "logs", "stepfunctions"}
"""Services in which the follow-up function looks for what an event names, whatever that is."""

OF_THE_SECRET = {"kms:Sign"}
"""What is about a key that the secret names, and a parameter allows (tests/template/test_roles.py)."""

ELSEWHERE: dict[str, frozenset[str]] = {
    "cloudwatch:ListTagsForResource": frozenset(),
    "codepipeline:PutApprovalResult": frozenset(),
    "lambda:GetAccountSettings": frozenset(),
    "access-analyzer:UpdateFindings": frozenset(),
    "guardduty:ArchiveFindings": frozenset(),
    "guardduty:ListDetectors": frozenset(),
    "guardduty:UnarchiveFindings": frozenset(),
    "guardduty:UpdateFindingsFeedback": frozenset(),
    "organizations:ListTagsForResource": frozenset(),
    "securityhub:BatchUpdateFindings": frozenset(),
    "ssm:GetOpsItem": frozenset(),
    "ssm:UpdateOpsItem": frozenset(),
    "states:SendTaskFailure": frozenset(),
    "states:SendTaskHeartbeat": frozenset(),
    "states:SendTaskSuccess": frozenset(),
    "sts:AssumeRole": frozenset({"MemberRoleName"}),
    "tag:GetResources": frozenset(),
}
"""What is about nothing of the stack: the account, objects of AWS in any Region, roles that a parameter names."""

_OF_A_TABLE = {"kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"}
KEY_USES = {
    "sqs:SendMessage": {"kms:GenerateDataKey", "kms:Decrypt"},
    "sqs:ReceiveMessage": {"kms:Decrypt"},
    "secretsmanager:GetSecretValue": {"kms:Decrypt"},
    "secretsmanager:PutSecretValue": {"kms:Decrypt", "kms:GenerateDataKey"},
    "ssm:GetParameter": {"kms:Decrypt"},
    "ssm:PutParameter": {"kms:Encrypt", "kms:GenerateDataKey"},
    "dynamodb:BatchGetItem": _OF_A_TABLE,
    "dynamodb:GetItem": _OF_A_TABLE,
    "dynamodb:PutItem": _OF_A_TABLE,
    "dynamodb:UpdateItem": _OF_A_TABLE,
}
"""What a service does with the key of what it encrypts, in the caller's name: the page about encryption of each."""

type Right = tuple[str, frozenset[str]]


def meant(value: Any) -> frozenset[str]:  # noqa: ANN401 (any part of a template)
    """Return the resources and parameters that name something, whether by its name, its address or its ARN."""
    everywhere = {"AWS::Partition", "AWS::Region", "AWS::AccountId", "AWS::URLSuffix", "AWS::NoValue"}
    return frozenset(name.partition(".")[0] for name in referred_to(value)) - everywhere


def services(resources: Resources, value: Any) -> set[str]:  # noqa: ANN401 (the same)
    """Return the service that a variable leads to. The one resource that functions make themselves is a parameter."""
    types = {resources[name]["Type"] for name in meant(value) if name in resources}
    itself = {"ssm"} if str(value).startswith("{'Fn::Sub': '/servicenow-bridge/") else set()
    return itself | {SERVICES[kind] for kind in types if kind in SERVICES}


def of_code(resources: Resources, function: str) -> Iterator[Right]:
    """Yield what the code of a function needs: each call on what the variable of that name leads to."""
    variables = of_type(resources, "AWS::Lambda::Function")[function]["Environment"]["Variables"]
    for call in calls_of(HANDLERS[function]):
        if call.argument == "stored_settings":
            for name in stored_settings(resources, variables):
                yield call.action, frozenset({name})
            continue
        if call.action in OF_THE_SECRET:
            continue
        if call.action in ELSEWHERE or call.service in LOOKED_INTO:
            yield call.action, ELSEWHERE.get(call.action, frozenset())
            continue
        if call.service in ("events", "sns"):
            yield call.action, named(resources, variables, call.service)
            continue
        candidates = {name: found for name, found in variables.items() if call.service in services(resources, found)}
        assert candidates, f"{function} calls {call} and is told nothing of {call.service}"
        exact = candidates.get(call.argument.upper())
        for found in [exact] if exact else candidates.values():
            yield call.action, meant(found)


def named(resources: Resources, variables: dict[str, Any], service: str) -> frozenset[str]:
    """Return the parameter that names what is not of the stack: topics in a stored setting, the bus in a variable."""
    if service == "sns":
        assert "SnsTopicsSetting" in stored_settings(resources, variables)
        return frozenset({"SnsTopics"})
    return meant(variables["EVENT_BUS"])


def of_lambda(resources: Resources, function: str) -> Iterator[Right]:
    """Yield what Lambda does in the name of a function."""
    properties = of_type(resources, "AWS::Lambda::Function")[function]
    yield from ((action, meant(properties["LoggingConfig"]["LogGroup"])) for action in LOGGING)
    if properties["TracingConfig"]["Mode"] == "Active":
        yield from ((action, frozenset()) for action in TRACING)
    if "VpcConfig" in properties:
        yield from ((action, frozenset()) for action in JOINING)
    for mapping in of_type(resources, "AWS::Lambda::EventSourceMapping").values():
        if function in str(mapping["FunctionName"]):
            yield from ((action, meant(mapping["EventSourceArn"])) for action in POLLING)


def rights(resources: Resources, function: str) -> set[Right]:
    """Return what a role allows, with what; keys apart."""
    return {
        (action, meant(resource) if resource != "*" else frozenset())
        for name, statement in role_statements(resources)
        if name == f"{function}Role" and statement["Effect"] == "Allow"
        for action in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
        if not action.startswith("kms:")
    }


def key_uses(resources: Resources, function: str, key: str) -> set[tuple[str, str]]:
    """Return what a role may do with a key, each with the service through which."""
    return {
        (action, service["Fn::Sub"].partition(".")[0])
        for name, statement in role_statements(resources)
        if name == f"{function}Role" and statement["Effect"] == "Allow" and key in meant(statement["Resource"])
        for action in as_list(statement["Action"])
        if action.startswith("kms:")
        for service in as_list(statement["Condition"]["StringEquals"]["kms:ViaService"])
    }


@pytest.mark.parametrize("function", HANDLERS)
def test_a_role_allows_every_call_and_nothing_that_nobody_makes(resources: Resources, function: str) -> None:
    """On that very resource. A call that is added or taken out changes the role, or this fails."""
    needed = {*of_code(resources, function), *of_lambda(resources, function)}

    assert rights(resources, function) - needed == set(), "allowed, and nothing calls it"
    assert needed - rights(resources, function) == set(), "called, and not allowed"


@pytest.mark.parametrize("function", HANDLERS)
def test_a_role_uses_the_key_for_what_these_calls_need(resources: Resources, function: str) -> None:
    """Where the resource is encrypted with it."""
    needed = {
        (use, action.partition(":")[0])
        for action, _ in [*of_code(resources, function), *of_lambda(resources, function)]
        for use in KEY_USES.get(action, ())
    }

    assert key_uses(resources, function, "Key") == needed


@pytest.mark.parametrize("function", HANDLERS)
def test_a_former_key_only_reads_what_waits_and_keeps_the_ledger(resources: Resources, function: str) -> None:
    """Nothing new is encrypted with it, but in a ledger that was taken over."""
    may = {action for action, _ in rights(resources, function)}
    reads = {"sqs:ReceiveMessage", "ssm:GetParameter", "dynamodb:GetItem"}
    if function == "ActionsFunction":
        reads &= may

    assert key_uses(resources, function, "FormerKeyArn") == {
        (use, action.partition(":")[0]) for action in reads for use in KEY_USES[action]
    }


def test_every_function_is_looked_at(resources: Resources) -> None:
    """By the handler that the template names."""
    functions = of_type(resources, "AWS::Lambda::Function")

    assert {name: found["Handler"].removesuffix(".handler") for name, found in functions.items()} == HANDLERS


def test_a_call_is_found_whichever_way_it_is_written() -> None:
    """As a method, as a name that is handed on, and by the library that is handed a client."""
    found = calls_of("handlers.events")

    assert Call("dynamodb", "GetItem", "") in found
    assert Call("sqs", "ChangeMessageVisibility", "queue_url") in found
    assert Call("dynamodb", "UpdateItem", "") in found
    assert not [call for call in calls_of("handlers.token_refresh") if call.service in ("sqs", "dynamodb")]
