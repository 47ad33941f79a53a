"""What a pipeline is given to deploy with: enough for every resource of the template, and nothing that nothing needs.

CloudFormation acts in the name of whoever deploys. What each type of resource takes stands in CloudFormation's own
schemas, as permissions of their handlers, which the pinned linter brings along.
"""

import json
import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.template.deployment import ACCOUNT, Stack
from tests.template.reading import Resources, Statement, as_list
from tests.template.test_limits import OTHERS

FOLDER = Path(__file__).parents[2] / "deploy"
BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/bounds-servicenow-bridge"
NAMES = {
    "partition": "aws",
    "region": "eu-west-1",
    "account": ACCOUNT,
    "stack": "servicenow-bridge",
    "bucket": "deployments",
    "boundary": BOUNDARY,
    "trail": "aws-cloudtrail-logs-123456789012",
    "topic": f"arn:aws:sns:eu-west-1:{ACCOUNT}:budgets",
}

OF_SAM = {
    "cloudformation:CreateChangeSet",
    "cloudformation:DescribeChangeSet",
    "cloudformation:DescribeStackEvents",
    "cloudformation:DescribeStacks",
    "cloudformation:ExecuteChangeSet",
    "cloudformation:GetTemplateSummary",
    "s3:AbortMultipartUpload",
    "s3:GetObject",
    "s3:GetObjectVersion",
    "s3:PutObject",
}
"""What `sam deploy` calls itself, and what CloudFormation and Lambda read of what it has uploaded."""

BY_OTHERS = {"kms:GenerateDataKey"}
"""What a service does in the caller's name beside: Secrets Manager encrypts a new secret with the key of the stack."""

UNUSED: Mapping[str, str] = {
    # Replicas, imports, streams and policies of tables
    "AWS::DynamoDB::Table": "dynamodb:(.*Replica|BatchWriteItem|(Delete|Get|Put|Update)Item|Query|Scan|DescribeImport"
    "|ImportTable|(En|Dis)ableKinesis.*|UpdateKinesis.*|UpdateContributorInsights|(Put|Delete)ResourcePolicy)"
    "|iam:.*|kinesis:.*|logs:.*|s3:.*",
    # A role of API Gateway's own, and a document in a bucket
    "AWS::ApiGateway::RestApi": "iam:PassRole|s3:GetObject",
    "AWS::AppConfig::ConfigurationProfile": "iam:PassRole",  # which reads from elsewhere
    "AWS::Events::Rule": "iam:PassRole",  # the queue's policy lets rules in
    # No group or user has the policy; nobody may take the bound off a role
    "AWS::IAM::ManagedPolicy": "iam:(At|De)tach(Group|User)Policy",
    "AWS::IAM::Role": "iam:DeleteRolePermissionsBoundary",
    "AWS::KMS::Key": "kms:(DisableKey|EnableKey|DisableKeyRotation)",  # it is enabled and rotated from the beginning
    # Traffic shifting and provisioned concurrency
    "AWS::Lambda::Alias": "codedeploy:.*|lambda:(Put|Delete)ProvisionedConcurrencyConfig",
    "AWS::Lambda::Version": "lambda:Put.*",
    "AWS::Lambda::EventSourceMapping": "kms:.*",  # of a filter, which there is none
    # Keys of the environment, layers, signed code, file systems, reserved concurrency, chosen runtimes
    "AWS::Lambda::Function": "kms:.*|elasticfilesystem:.*|s3files:.*|lambda:((Put|Delete)FunctionCodeSigningConfig"
    "|GetCodeSigningConfig|GetLayerVersion|(Put|Delete)FunctionConcurrency|PutFunctionScalingConfig"
    "|PutFunctionRecursionConfig|PutRuntimeManagementConfig|PassCapacityProvider|AssociateRuntimeAlias)",
    # Data protection, indexes and vended logs
    "AWS::Logs::LogGroup": "firehose:.*|s3:.*|logs:(CreateLogDelivery|Put(BearerTokenAuthentication"
    "|DataProtectionPolicy|IndexPolicy|ResourcePolicy|LogGroupDeletionProtection)|Delete(IndexPolicy|ResourcePolicy|RetentionPolicy))",
    # Replicas and made-up passwords. The value is CloudFormation's only when it looks for drift: no pipeline's business
    "AWS::SecretsManager::Secret": "secretsmanager:(GetRandomPassword|GetSecretValue|.*Region.*)",
    "AWS::SNS::Subscription": "iam:.*",  # the role of a delivery stream
    # Secrets of other services, which rotate by a role
    "AWS::SecretsManager::RotationSchedule": "iam:PassRole",
    # Web ACLs of everything but an API
    "AWS::WAFv2::WebACLAssociation": "(?!apigateway:|wafv2:(Associate|Disassociate|GetWebACL)).*",
}
"""What the schema of a type asks for and this template has no use for, as a pattern."""

CONDITIONS = {"iam:PassedToService", "iam:PermissionsBoundary", "kms:ViaService", "lambda:FunctionArn"}

_ROLE = f"arn:aws:iam::{ACCOUNT}:role/servicenow-bridge-ApiFunctionRole-1A2B3C4D5E6F"
_FUNCTION = f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:servicenow-bridge-ApiFunction-1A2B3C4D5E6F"
PLACES = {
    "lambda:InvokeFunction": _FUNCTION.replace("ApiFunction", "SecretRotationFunction"),
    "iam:AttachRolePolicy": _ROLE,
    "iam:DetachRolePolicy": _ROLE,
    "iam:PassRole": _ROLE,
    "apigateway": "arn:aws:apigateway:eu-west-1::/restapis/a1b2c3d4e5/stages/v1",
    "kms": f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/1d3f5a7b-0000-4000-8000-000000000000",
    "s3": "arn:aws:s3:::deployments/servicenow-bridge/0123456789abcdef",
    "wafv2": f"arn:aws:wafv2:eu-west-1:{ACCOUNT}:regional/webacl/company/1d3f5a7b",
    "AWS::CloudWatch::Dashboard": f"arn:aws:cloudwatch::{ACCOUNT}:dashboard/{{made}}",
    "AWS::IAM::ManagedPolicy": f"arn:aws:iam::{ACCOUNT}:policy/servicenow-bridge-{{name}}-1A2B3C4D5E6F",
    "AWS::Lambda::Alias": f"{_FUNCTION}:live",
    "AWS::Lambda::EventInvokeConfig": _FUNCTION,
    "AWS::Lambda::EventSourceMapping": f"arn:aws:lambda:eu-west-1:{ACCOUNT}:event-source-mapping:1d3f5a7b",
    "AWS::Lambda::Permission": _FUNCTION,
    "AWS::Lambda::Version": f"{_FUNCTION}:1",
    "AWS::Logs::MetricFilter": f"arn:aws:logs:eu-west-1:{ACCOUNT}:log-group:{NAMES['trail']}:*",
    "AWS::SNS::Subscription": NAMES["topic"],
    "AWS::SQS::QueuePolicy": f"arn:aws:sqs:eu-west-1:{ACCOUNT}:servicenow-bridge-EventQueue-1A2B3C4D5E6F",
    "AWS::SSM::Parameter": f"arn:aws:ssm:eu-west-1:{ACCOUNT}:parameter{{made}}",
    "AWS::SecretsManager::RotationSchedule": f"arn:aws:secretsmanager:eu-west-1:{ACCOUNT}:secret:ClientCredentials-1A",
    "AWS::SecretsManager::Secret": f"arn:aws:secretsmanager:eu-west-1:{ACCOUNT}:secret:{{name}}-1A2B3C4D5E6F-1A2B3C",
}
"""What an action is about that does not name the resource's attribute Arn: by action, by service, by type."""

EVERYTHING = {name: value for found in OTHERS.values() for name, value in found.items()} | {
    "TokenRefreshSchedule": "rate(5 minutes)"
}
"""Every parameter that adds a resource or a statement."""

ANYWHERE = {
    "cloudwatch:DescribeAlarms",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcs",
    "kms:CreateKey",
    "kms:ListAliases",
    "lambda:CreateEventSourceMapping",
    "lambda:DeleteEventSourceMapping",
    "lambda:GetEventSourceMapping",
    "lambda:UpdateEventSourceMapping",
    "logs:DeleteQueryDefinition",
    "logs:DescribeLogGroups",
    "logs:DescribeQueryDefinitions",
    "logs:DescribeResourcePolicies",
    "logs:PutQueryDefinition",
    "sns:GetSubscriptionAttributes",
    "sns:SetSubscriptionAttributes",
    "sns:Unsubscribe",
}
"""What AWS can't restrict to resources of a name; AppConfig's own have none either."""


def statements_of(name: str, names: Mapping[str, str] = NAMES) -> list[Statement]:
    """Return the statements of a file of the folder, with these names in place of what stands in angle brackets."""
    text = (FOLDER / f"{name}.json").read_text()
    for placeholder, value in names.items():
        text = text.replace(f"<{placeholder}>", value)
    assert "<" not in text, "each name is told"
    found: list[Statement] = json.loads(text)["Statement"]
    return found


def policy_with(names: Mapping[str, str] = NAMES) -> list[Statement]:
    """Return the statements of both policies of the role; IAM's limits are the reason that there are two."""
    return [*statements_of("policy", names), *statements_of("policy-of-resources", names)]


def allows(statements: list[Statement], action: str, resource: str) -> bool:
    """Return whether a statement allows an action on a resource, an ARN or *; conditions are looked at elsewhere."""
    return any(
        statement["Effect"] == "Allow"
        and action in as_list(statement["Action"])
        and any(fnmatchcase(resource, pattern) for pattern in as_list(statement["Resource"]))
        for statement in statements
    )


def handlers(kind: str) -> dict[str, Any]:
    """Return what CloudFormation does with a resource of this type, by step, as its published schema says."""
    from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER  # noqa: PLC0415 (takes longer than most test files)

    found: dict[str, Any] = PROVIDER_SCHEMA_MANAGER.get_resource_schema("eu-west-1", kind).schema["handlers"]
    return found


@cache
def permissions(kind: str) -> frozenset[str]:
    """Return what it takes to create, read, update and delete a resource of this type, as far as it is used here."""
    asked = {name for step, found in handlers(kind).items() if step != "list" for name in found["permissions"]}
    return frozenset(name for name in asked if not re.fullmatch(UNUSED.get(kind, "-"), name))


def about(stack: Stack, name: str, kind: str, action: str) -> str:
    """Return the ARN of what an action is about that CloudFormation takes for a resource of the stack."""
    service = action.partition(":")[0]
    if action in ANYWHERE or service == "appconfig":
        return "*"
    place = PLACES.get(action) or PLACES.get(service) or PLACES.get(kind)
    if place is None:
        return str(stack.value({"Fn::GetAtt": [name, "Arn"]}))
    return place.format(name=name, made=stack.value({"Ref": name}))


@pytest.fixture(scope="module")
def stacks(template: dict[str, Any], resources: Resources) -> list[Stack]:
    """Return a stack with nothing given, and one with everything, on a bus of one's own too."""
    return [Stack(template, {}, resources), Stack(template, EVERYTHING, resources)]


def needed(stacks: list[Stack]) -> Iterator[tuple[str, str]]:
    """Yield each action that CloudFormation takes for a stack, with the ARN that it is about."""
    for stack in stacks:
        for name, found in stack.resources.items():
            if stack.has(name):
                for action in permissions(found["Type"]):
                    yield action, about(stack, name, found["Type"], action)


def test_every_resource_of_the_template_can_be_made_read_changed_and_deleted(
    stacks: list[Stack], resources: Resources
) -> None:
    """By the permissions that CloudFormation's schemas ask for, each on that very resource."""
    policy = policy_with()

    missing = {(action, resource) for action, resource in needed(stacks) if not allows(policy, action, resource)}

    assert missing == set()
    assert {name for stack in stacks for name in resources if stack.has(name)} == resources.keys()


def test_nothing_is_allowed_that_nothing_needs(stacks: list[Stack]) -> None:
    """An action goes when the resource goes that it was for."""
    given = {action for found in policy_with() if "Action" in found for action in as_list(found["Action"])}

    assert (
        given - {action for action, _ in needed(stacks)} == OF_SAM - {"s3:GetObject", "s3:GetObjectVersion"} | BY_OTHERS
    )
    assert not [action for action in given if "*" in action]


def test_what_is_left_out_is_what_the_schemas_ask_for() -> None:
    """A pattern that leaves out nothing any more is out of date."""
    for kind, pattern in UNUSED.items():
        asked = {name for found in handlers(kind).values() for name in found["permissions"]}
        assert [name for name in asked if re.fullmatch(pattern, name)], kind


def test_what_has_a_name_is_the_stack_s_own(stacks: list[Stack]) -> None:
    """Neither roles nor functions, queues, tables or alarms of others can be touched."""
    policy = policy_with()
    without_a_name = (
        "*",
        PLACES["apigateway"],
        PLACES["kms"],
        PLACES["wafv2"],
        "event-source-mapping",
        "secret:",
        NAMES["trail"],
        NAMES["topic"],
    )

    for action, resource in set(needed(stacks)):
        if not any(part in resource for part in without_a_name):
            assert "servicenow-bridge" in resource, action
            assert not allows(policy, action, resource.replace("servicenow-bridge", "payroll")), (action, resource)


def test_only_what_aws_can_not_restrict_is_allowed_anywhere() -> None:
    """Each is named in the table above."""
    anywhere = {
        action
        for statement in policy_with()
        if statement["Effect"] == "Allow" and statement["Resource"] == "*"
        for action in as_list(statement["Action"])
    }

    assert {action for action in anywhere if not action.startswith("appconfig:")} == ANYWHERE


def test_a_role_is_made_only_within_the_boundary_and_passed_only_to_lambda() -> None:
    """Whoever could make a role as he likes and pass it on would have every right."""
    policy = policy_with()
    widening = ("iam:AttachRolePolicy", "iam:CreateRole", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy")
    conditions = {
        action: statement.get("Condition", {}).get("StringEquals")
        for statement in policy
        for action in as_list(statement.get("Action", []))
        if action.startswith("iam:")
    }

    assert {conditions[action]["iam:PermissionsBoundary"] for action in widening} == {BOUNDARY}
    assert conditions["iam:PassRole"] == {"iam:PassedToService": "lambda.amazonaws.com"}
    assert "iam:DeleteRolePermissionsBoundary" not in conditions
    assert not allows(policy, "iam:CreatePolicyVersion", BOUNDARY)
    assert not allows(policy, "iam:UpdateAssumeRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/deploys-servicenow-bridge")


def test_a_name_of_22_characters_is_cut_nowhere(template: dict[str, Any], resources: Resources) -> None:
    """The policy tells resources by the stack's name at the beginning of theirs."""
    name = "x" * 22
    stack = Stack(template, {}, resources, name=name)
    cut = ("AWS::Events::Rule", "AWS::IAM::Role", "AWS::Lambda::Function", "AWS::SQS::Queue")
    made = [
        stack.value({"Ref": logical}).rpartition("/")[2]
        for logical, found in resources.items()
        if found["Type"] in cut and stack.has(logical)
    ]

    assert made
    assert [found for found in made if not found.startswith(f"{name}-")] == []
    assert f"at most {len(name)} characters" in (FOLDER.parent / "docs" / "deploying-from-a-pipeline.md").read_text()


def test_everything_but_the_deployment_itself_is_for_cloudformation_alone() -> None:
    """With its credentials nobody deletes a queue by hand. A service that CloudFormation calls may call others."""
    rest = [statement for statement in policy_with() if statement["Effect"] == "Allow"]
    (denied,) = [statement for statement in policy_with() if statement["Effect"] == "Deny"]

    assert denied["Condition"] == {"ForAllValues:StringNotEquals": {"aws:CalledVia": "cloudformation.amazonaws.com"}}
    by_itself = {
        action
        for statement in rest
        for action in as_list(statement["Action"])
        if any(fnmatchcase(action, pattern) for pattern in denied["NotAction"])
    }
    assert by_itself == OF_SAM | {
        "iam:PassRole",
        *(
            f"kms:{name}"
            for name in ("CreateGrant", "Decrypt", "DescribeKey", "Encrypt", "GenerateDataKey", "RevokeGrant")
        ),
    }
    assert {key for found in rest for test in found.get("Condition", {}).values() for key in test} == CONDITIONS


def test_the_boundary_bounds_no_function_in_what_it_does(stacks: list[Stack], resources: Resources) -> None:
    """Every statement of every role, with every parameter that adds one."""
    boundary = statements_of("boundary")
    asked = {
        (action, resource)
        for stack in stacks
        for name, found in resources.items()
        if found["Type"] in ("AWS::IAM::Role", "AWS::IAM::ManagedPolicy") and stack.has(name)
        for document in [
            stack.properties(name).get("PolicyDocument"),
            *(policy["PolicyDocument"] for policy in stack.properties(name).get("Policies", [])),
        ]
        if document
        for statement in document["Statement"]
        if statement["Effect"] == "Allow"
        for action in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
    }

    assert {(action, resource) for action, resource in asked if not allows(boundary, action, resource)} == set()
    given_by_it = {action for statement in boundary for action in as_list(statement["Action"])}
    assert given_by_it == {action for action, _ in asked}


@pytest.mark.parametrize(("name", "most"), [("policy", 6144), ("policy-of-resources", 6144), ("boundary", 6144)])
def test_a_managed_policy_holds_it_with_long_names(name: str, most: int) -> None:
    """White space does not count."""
    long = {
        "partition": "aws-us-gov",
        "region": "us-gov-west-1",
        "stack": "x" * 22,
        "bucket": "b" * 63,
        "trail": "t" * 128,
        "topic": "arn:aws-us-gov:sns:us-gov-west-1:123456789012:" + "t" * 256,
    }

    text = json.dumps({"Version": "2012-10-17", "Statement": statements_of(name, NAMES | long)}, separators=(",", ":"))

    assert len(text) <= most


def test_only_jobs_of_one_environment_of_one_repository_assume_the_role() -> None:
    """No pattern: a branch, a fork or a pull request has another subject."""
    (statement,) = statements_of(
        "trust", NAMES | {"owner": "example", "repository": "servicenow-bridge", "environment": "prod"}
    )

    assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert statement["Principal"]["Federated"].endswith(":oidc-provider/token.actions.githubusercontent.com")
    assert statement["Condition"] == {
        "StringEquals": {
            "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
            "token.actions.githubusercontent.com:sub": "repo:example/servicenow-bridge:environment:prod",
        }
    }
