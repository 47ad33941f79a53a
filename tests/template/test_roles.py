"""What the functions, and whoever else, may do."""

import functools
from typing import Any

import botocore.session
import pytest

from tests.template.reading import (
    JOINING,
    KEY,
    LEDGER,
    LOGGING,
    POLLING,
    SECRET,
    TRACING,
    Resources,
    Statement,
    as_list,
    attribute,
    of_type,
    role_statements,
    statements_in,
)

TOKEN_PARAMETER = {
    "Fn::Sub": "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}"
    ":parameter/servicenow-bridge/${AWS::StackName}/access-token"
}


def via(service: str) -> dict[str, str]:
    """Return the value of kms:ViaService for `service` in the stack's Region."""
    return {"Fn::Sub": service + ".${AWS::Region}.${AWS::URLSuffix}"}


def stored(setting: str) -> dict[str, str]:
    """Return the ARN of what holds a parameter of the stack that is too long for an environment."""
    return {
        "Fn::Sub": "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter${" + setting + "Setting}",
    }


def stored_where_given(*settings: str) -> list[dict[str, Any]]:
    """Return the same of several, each only where it is given."""
    others = {
        "SnsTopics": "HasTopics",
        "WebhookSources": "HasWebhooks",
        "MemberRoleName": "ReachesMembers",
        "MemberRoleExternalId": "ShowsExternalId",
    }
    return [{"Fn::If": [others.get(name, f"Stores{name}"), stored(name), {"Ref": "AWS::NoValue"}]} for name in settings]


FIELDS = ("ApiIncidentFields", "ApiTables", "ApiSensitiveTables")
TOPICS = {"Fn::Split": [",", {"Ref": "SnsTopics"}]}
MEMBER = ("MemberRoleName", "MemberRoleExternalId")
ALARMS = {"Fn::Sub": "arn:${AWS::Partition}:cloudwatch:*:${AWS::AccountId}:alarm:*"}
ACCOUNTS = {"Fn::Sub": "arn:${AWS::Partition}:organizations::*:account/*"}
MEMBER_ROLE = {
    "Fn::Sub": [
        "arn:${AWS::Partition}:iam::*:role/${Name}",
        {"Name": {"Fn::Join": ["*", {"Fn::Split": ["{account}", {"Ref": "MemberRoleName"}]}]}},
    ]
}
SECURITY_HUB = [
    {"Fn::Sub": "arn:${AWS::Partition}:securityhub:*:${AWS::AccountId}:hub/default"},
    {"Fn::Sub": "arn:${AWS::Partition}:securityhub:*:${AWS::AccountId}:hubv2/*"},
]


def anywhere(service: str, what: str) -> dict[str, str]:
    """Return the ARN of what a service makes in this account, whatever its Region and name."""
    return {"Fn::Sub": "arn:${AWS::Partition}:" + service + ":*:${AWS::AccountId}:" + what}


OF_ACTIONS = [
    (SECURITY_HUB, {"securityhub:BatchUpdateFindings"}),
    (anywhere("ssm", "opsitem/*"), {"ssm:GetOpsItem", "ssm:UpdateOpsItem"}),
    (
        anywhere("guardduty", "detector/*"),
        {"guardduty:ArchiveFindings", "guardduty:UnarchiveFindings", "guardduty:UpdateFindingsFeedback"},
    ),
    (anywhere("access-analyzer", "analyzer/*"), {"access-analyzer:UpdateFindings"}),
    (
        {"Fn::Sub": "arn:${AWS::Partition}:codepipeline:${AWS::Region}:${AWS::AccountId}:*/*/*"},
        {"codepipeline:PutApprovalResult"},
    ),
    (MEMBER_ROLE, {"sts:AssumeRole"}),
]
OF_LOOK_UPS = [
    (ALARMS, {"cloudwatch:ListTagsForResource"}),
    (ACCOUNTS, {"organizations:ListTagsForResource"}),
    (MEMBER_ROLE, {"sts:AssumeRole"}),
]
OF_OTHER_PLACES = [*OF_ACTIONS, *OF_LOOK_UPS]
"""Objects of AWS in other Regions and accounts, whose names AWS or others make."""

TAGS = [*((actions, places, None) for places, actions in OF_LOOK_UPS), ({"tag:GetResources"}, "*", None)]
"""Of the functions that look tags up, where the deployment asks for it."""

WEBHOOKS = [
    ({"secretsmanager:GetSecretValue"}, attribute("WebhookSecrets", "Id"), None),
    (
        {"kms:Decrypt"},
        KEY,
        {"kms:ViaService": via("secretsmanager"), "kms:EncryptionContext:SecretARN": attribute("WebhookSecrets", "Id")},
    ),
]
"""Of the functions that read the secrets of webhooks, where there are any."""

COMMON = [
    ({"secretsmanager:GetSecretValue"}, SECRET, None),
    (
        {"kms:Decrypt"},
        {"Fn::If": ["HasSecretKey", {"Ref": "SecretKeyArn"}, KEY]},
        {
            "kms:ViaService": via("secretsmanager"),
            "kms:EncryptionContext:SecretARN": SECRET,
        },
    ),
    (
        {"kms:Sign"},
        {"Ref": "SigningKeyArn"},
        {"kms:SigningAlgorithm": "RSASSA_PKCS1_V1_5_SHA_256", "kms:MessageType": "RAW"},
    ),
    ({"ssm:GetParameter", "ssm:PutParameter"}, TOKEN_PARAMETER, None),
    (
        {"kms:Decrypt", "kms:Encrypt"},
        KEY,
        {"kms:ViaService": via("ssm"), "kms:EncryptionContext:PARAMETER_ARN": TOKEN_PARAMETER},
    ),
    (
        {"kms:GenerateDataKey"},
        KEY,
        {"kms:ViaService": via("ssm"), "kms:EncryptionContext:PARAMETER_ARN": TOKEN_PARAMETER},
    ),
    ({"kms:Decrypt"}, {"Ref": "FormerKeyArn"}, {"kms:ViaService": [via("sqs"), via("ssm")]}),
    (
        {"kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"},
        {"Ref": "FormerKeyArn"},
        {"kms:ViaService": via("dynamodb")},
    ),
    ({"ssm:GetParameters"}, stored("CertificateAuthorities"), None),
    (TRACING, "*", None),
    (JOINING, "*", {"lambda:SourceFunctionArn": "true"}),  # in a VPC, and not for the function's code
]

# Conditions are by hand: which keys of a table the code writes shows when it runs, in no text and no model of botocore.
EVENTS_FUNCTION = [
    ({"sqs:SendMessage"}, attribute("ActionQueue"), None),  # with ChangeGate
    (
        {*POLLING, "sqs:ChangeMessageVisibility"},
        attribute("EventQueue"),
        None,
    ),
    ({"sqs:SendMessage"}, attribute("DeadLetterQueue"), None),
    ({"sqs:SendMessage"}, attribute("FollowUpQueue"), None),
    ({"kms:Decrypt", "kms:GenerateDataKey"}, KEY, {"kms:ViaService": via("sqs")}),
    ({"dynamodb:GetItem", "dynamodb:PutItem"}, LEDGER, None),
    ({"dynamodb:UpdateItem"}, LEDGER, {"dynamodb:LeadingKeys": ["circuit/*", "openings/*", "covers/*"]}),
    (
        {"kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"},
        KEY,
        {"kms:ViaService": via("dynamodb")},
    ),
    *TAGS,
    ({"ssm:GetParameters"}, stored_where_given(*FIELDS, "SnsTopics", "AllowedTables", *MEMBER), None),
    *COMMON,
    (LOGGING, attribute("EventsFunctionLogs"), None),
]

API_FUNCTION = [
    *WEBHOOKS,
    ({"sqs:SendMessage", "sqs:GetQueueAttributes"}, attribute("ActionQueue"), None),  # with ChangeGate
    ({"states:SendTaskHeartbeat"}, "*", None),  # with ChangeGate; Step Functions knows no resource for tokens
    ({"sqs:SendMessage", "sqs:GetQueueAttributes"}, attribute("EventQueue"), None),
    ({"sqs:SendMessage", "sqs:GetQueueAttributes"}, attribute("DeadLetterQueue"), None),
    ({"kms:Decrypt", "kms:GenerateDataKey"}, KEY, {"kms:ViaService": via("sqs")}),
    ({"dynamodb:GetItem", "dynamodb:PutItem"}, LEDGER, None),
    ({"dynamodb:UpdateItem"}, LEDGER, {"dynamodb:LeadingKeys": "caller/*"}),  # with ApiRequestsPerCaller
    (
        {"kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"},
        KEY,
        {"kms:ViaService": via("dynamodb")},
    ),
    (
        {"ssm:GetParameters"},
        stored_where_given(*FIELDS, "ApiWideRoles", "ApiHealthRoles", "WebhookSources", "AllowedTables"),
        None,
    ),
    *COMMON,
    (LOGGING, attribute("ApiFunctionLogs"), None),
]

TOKEN_REFRESH_FUNCTION = [
    *COMMON,
    (LOGGING, attribute("TokenRefreshFunctionLogs"), None),
]

SECRET_ROTATION_FUNCTION = [
    (
        {"secretsmanager:DescribeSecret", "secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage"},
        SECRET,
        None,
    ),
    (
        {"kms:Decrypt", "kms:GenerateDataKey"},
        {"Fn::If": ["HasSecretKey", {"Ref": "SecretKeyArn"}, KEY]},
        {"kms:ViaService": via("secretsmanager"), "kms:EncryptionContext:SecretARN": SECRET},
    ),
    *COMMON,
    (LOGGING, attribute("SecretRotationFunctionLogs"), None),
]

READING_LOGS = {
    "ecs:DescribeServices",
    "ecs:DescribeTaskDefinition",
    "lambda:GetFunctionConfiguration",
    "logs:DescribeLogGroups",
    "logs:DescribeMetricFilters",
    "logs:FilterLogEvents",
    "logs:GetQueryResults",
    "logs:StartQuery",
    "logs:StopQuery",
    "states:GetExecutionHistory",
    "states:ListExecutions",
}
STAGES = [
    {"Fn::Sub": "arn:${AWS::Partition}:apigateway:*::/" + path}
    for path in ("restapis", "restapis/*/stages/*", "apis/*/stages/*")
]

LOOKED_FOR = [
    ({"cloudwatch:DescribeAlarms", "cloudwatch:GetMetricWidgetImage"}, "*", None),
    (READING_LOGS, "*", None),
    ({"apigateway:GET"}, STAGES, None),
    ({"cloudtrail:LookupEvents"}, "*", None),
]
"""What is looked at for what is added to records, each where FollowUps has it."""

DOCTOR_FUNCTION = [
    *WEBHOOKS,
    ({"sns:ListSubscriptionsByTopic"}, TOPICS, None),
    ({"sqs:GetQueueAttributes"}, [attribute("EventQueue"), attribute("DeadLetterQueue")], None),
    *LOOKED_FOR,
    ({"lambda:GetAccountSettings"}, "*", None),
    ({"dynamodb:GetItem", "dynamodb:PutItem"}, LEDGER, {"dynamodb:LeadingKeys": "doctor"}),
    (
        {"kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"},
        KEY,
        {"kms:ViaService": via("dynamodb")},
    ),
    *TAGS,
    ({"ssm:GetParameters"}, stored_where_given(*FIELDS, "SnsTopics", "WebhookSources", "AllowedTables", *MEMBER), None),
    *COMMON,
    (LOGGING, attribute("DoctorFunctionLogs"), None),
]

WATCH_FUNCTION = [
    (
        {"events:PutEvents"},
        {"Fn::Sub": "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/${EventBusName}"},
        {
            "events:source": {"Fn::Sub": "servicenow-bridge.${AWS::StackName}"},
            "events:detail-type": "ServiceNow Record Changed",
        },
    ),
    ({"dynamodb:BatchGetItem", "dynamodb:GetItem"}, LEDGER, None),
    ({"dynamodb:PutItem"}, LEDGER, {"dynamodb:LeadingKeys": "watch/*"}),
    (
        {"kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"},
        KEY,
        {"kms:ViaService": via("dynamodb")},
    ),
    ({"ssm:GetParameters"}, stored("AllowedTables"), None),
    *COMMON,
    (LOGGING, attribute("WatchFunctionLogs"), None),
]

FOLLOW_UP_FUNCTION = [
    (POLLING, attribute("FollowUpQueue"), None),
    ({"kms:Decrypt"}, KEY, {"kms:ViaService": via("sqs")}),
    *LOOKED_FOR,
    ({"sts:AssumeRole"}, MEMBER_ROLE, None),
    ({"dynamodb:GetItem", "dynamodb:PutItem"}, LEDGER, {"dynamodb:LeadingKeys": "follow-up/*"}),
    (
        {"kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"},
        KEY,
        {"kms:ViaService": via("dynamodb")},
    ),
    *COMMON,
    (LOGGING, attribute("FollowUpFunctionLogs"), None),
]

ACTIONS_FUNCTION = [
    ({*POLLING, "sqs:ChangeMessageVisibility"}, attribute("ActionQueue"), None),
    ({"sqs:SendMessage"}, attribute("DeadLetterQueue"), None),
    ({"kms:Decrypt", "kms:GenerateDataKey"}, KEY, {"kms:ViaService": via("sqs")}),
    ({"kms:Decrypt"}, {"Ref": "FormerKeyArn"}, {"kms:ViaService": via("sqs")}),
    ({"states:SendTaskSuccess", "states:SendTaskFailure"}, "*", None),  # with ChangeGate, as the next two
    ({"dynamodb:BatchGetItem", "dynamodb:GetItem"}, LEDGER, None),
    ({"dynamodb:PutItem"}, LEDGER, {"dynamodb:LeadingKeys": "gate/*"}),
    (
        {"kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"},
        {"Ref": "FormerKeyArn"},
        {"kms:ViaService": via("dynamodb")},
    ),
    ({"dynamodb:GetItem", "dynamodb:PutItem"}, LEDGER, {"dynamodb:LeadingKeys": "action/*"}),
    (
        {"kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"},
        KEY,
        {"kms:ViaService": via("dynamodb")},
    ),
    *((actions, places, None) for places, actions in OF_ACTIONS),
    ({"guardduty:ListDetectors"}, "*", None),
    (TRACING, "*", None),
    (JOINING, "*", {"lambda:SourceFunctionArn": "true"}),
    (LOGGING, attribute("ActionsFunctionLogs"), None),
]

FUNCTIONS: dict[str, list[tuple[set[str], Any, Any]]] = {
    "ActionsFunction": ACTIONS_FUNCTION,
    "ApiFunction": API_FUNCTION,
    "DoctorFunction": DOCTOR_FUNCTION,
    "EventsFunction": EVENTS_FUNCTION,
    "FollowUpFunction": FOLLOW_UP_FUNCTION,
    "SecretRotationFunction": SECRET_ROTATION_FUNCTION,
    "TokenRefreshFunction": TOKEN_REFRESH_FUNCTION,
    "WatchFunction": WATCH_FUNCTION,
}


ON_EVERYTHING = (
    TRACING,
    JOINING,
    {"lambda:GetAccountSettings"},
    {"guardduty:ListDetectors"},
    {"tag:GetResources"},
    {"cloudwatch:DescribeAlarms", "cloudwatch:GetMetricWidgetImage"},
    READING_LOGS,
    {"cloudtrail:LookupEvents"},
    {"states:SendTaskHeartbeat"},
    {"states:SendTaskFailure", "states:SendTaskSuccess"},
)
"""What knows no resources, or those that only an event names. Of the second kind nothing but looks is here."""

WITHOUT_SERVICENOW = {"ActionsFunctionRole"}
"""Roles of functions that never talk to ServiceNow, and so may not read what opens it."""


NAMED_BY_BOTO3 = {"states": "stepfunctions", "tag": "resourcegroupstaggingapi"}
"""What boto3 calls a service, where permissions call it something else."""


@functools.cache
def operations(service: str) -> set[str]:
    """Return the names of the calls that AWS documents for `service`."""
    known = service.replace("access-analyzer", "accessanalyzer")
    return set(botocore.session.get_session().get_service_model(known).operation_names)


def allowed(statements: list[Statement]) -> list[tuple[set[str], Any, Any]]:
    """Return actions, resource and conditions of every statement that allows something."""
    return [
        (
            set(as_list(statement["Action"])),
            statement["Resource"],
            {key: value for test in statement.get("Condition", {}).values() for key, value in test.items()} or None,
        )
        for statement in statements
        if statement["Effect"] == "Allow"
    ]


def test_every_function_has_a_role_of_its_own_that_is_written_here(resources: Resources) -> None:
    """A role that SAM makes, or two functions sharing one, would allow more than is needed."""
    functions = of_type(resources, "AWS::Lambda::Function")
    roles = [function["Role"]["Fn::GetAtt"][0] for function in functions.values()]

    assert sorted(roles) == sorted(f"{name}Role" for name in functions)
    assert set(roles) == set(of_type(resources, "AWS::IAM::Role"))


def test_only_lambda_assumes_the_roles(resources: Resources) -> None:
    """No person and no other service gets in through a function's role."""
    for role in of_type(resources, "AWS::IAM::Role").values():
        assert role["AssumeRolePolicyDocument"]["Statement"] == [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ]


def test_no_role_carries_a_policy_of_aws(resources: Resources) -> None:
    """Those hold wildcards, and AWS widens them without asking. The stack's own one is written here."""
    for name, role in of_type(resources, "AWS::IAM::Role").items():
        assert role["ManagedPolicyArns"] == ([] if name in WITHOUT_SERVICENOW else [{"Ref": "CommonPolicy"}])


def test_the_common_policy_is_attached_to_the_roles_of_the_stack_alone(resources: Resources) -> None:
    """A policy that names users, groups or roles itself would give them what the functions may do."""
    policies = of_type(resources, "AWS::IAM::ManagedPolicy")

    assert set(policies) == {"CommonPolicy"}
    assert not {"Users", "Groups", "Roles"} & policies["CommonPolicy"].keys()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_is_allowed_exactly_this(resources: Resources, function: str) -> None:
    """Whatever is added to a role has to be added to the tables above, where a reviewer sees it."""
    statements = [statement for name, statement in role_statements(resources) if name == f"{function}Role"]

    found = allowed(statements)

    assert [entry for entry in found if entry not in FUNCTIONS[function]] == []
    assert [entry for entry in FUNCTIONS[function] if entry not in found] == []


def test_every_function_is_in_that_table(resources: Resources) -> None:
    """A new function does not slip through unread."""
    assert set(of_type(resources, "AWS::Lambda::Function")) == set(FUNCTIONS)


def test_no_statement_allows_a_wildcard_action(resources: Resources) -> None:
    """Each allowed action is written out."""
    for _, statement in role_statements(resources):
        if statement["Effect"] == "Allow":
            assert "NotAction" not in statement
            assert not [action for action in as_list(statement["Action"]) if "*" in action]


def test_only_what_knows_no_resources_is_allowed_on_every_resource(resources: Resources) -> None:
    """Traces, network interfaces, quotas; everything else names exactly what belongs to this stack."""
    for _, statement in role_statements(resources):
        if (statement["Resource"], set(as_list(statement["Action"]))) in (
            *OF_OTHER_PLACES,
            (STAGES, {"apigateway:GET"}),
        ):
            continue
        if statement["Effect"] == "Allow" and "*" in str(statement["Resource"]):
            assert statement["Resource"] == "*"
            assert set(as_list(statement["Action"])) in ON_EVERYTHING


def test_every_action_is_one_that_aws_knows(resources: Resources) -> None:
    """Neither CloudFormation nor a linter notices a misspelt action; it just never allows anything."""
    for _, statement in role_statements(resources):
        for action in as_list(statement["Action"]):
            service, name = action.split(":")
            # API Gateway's are HTTP methods: the Service Authorization Reference.
            assert action == "apigateway:GET" or name in operations(NAMED_BY_BOTO3.get(service, service)), action


def test_the_key_is_used_only_through_the_services_that_hold_the_data(resources: Resources) -> None:
    """A function can't decrypt by itself what it got hold of somewhere else."""
    uses = [
        statement
        for _, statement in role_statements(resources)
        if any(action.startswith("kms:") for action in as_list(statement["Action"]))
        and statement["Resource"] != {"Ref": "SigningKeyArn"}
    ]

    assert uses
    for statement in uses:
        resource = statement["Resource"]
        assert resource == {"Ref": "FormerKeyArn"} or KEY in (resource, *resource["Fn::If"][1:])
        assert "kms:ViaService" in statement["Condition"]["StringEquals"]


def test_the_signing_key_signs_assertions_and_nothing_else(resources: Resources) -> None:
    """No digest that somebody else has made, and by the one algorithm that the token request names."""
    signing = [
        statement
        for name, statement in role_statements(resources)
        if statement["Resource"] == {"Ref": "SigningKeyArn"} and name == "EventsFunctionRole"
    ]

    assert [statement["Action"] for statement in signing] == ["kms:Sign"]
    assert signing[0]["Condition"]["StringEquals"]["kms:MessageType"] == "RAW"


def test_no_function_can_touch_the_network_interfaces_that_lambda_makes_with_its_role(resources: Resources) -> None:
    """Lambda acts with the role of the function; a call of the function's own code carries the function's ARN."""
    written = of_type(resources, "AWS::IAM::ManagedPolicy")["CommonPolicy"]["PolicyDocument"]["Statement"]
    (choice,) = [statement["Fn::If"] for statement in written if statement.get("Fn::If", [""])[0] == "IsInVpc"]

    assert choice[1]["Condition"] == {"Null": {"lambda:SourceFunctionArn": "true"}}
    assert choice[2] == {"Ref": "AWS::NoValue"}


def test_a_boundary_bounds_every_role_where_one_is_given(resources: Resources) -> None:
    """Companies that ask for one refuse any role without it."""
    for role in of_type(resources, "AWS::IAM::Role").values():
        assert role["PermissionsBoundary"] == {
            "Fn::If": ["HasPermissionsBoundary", {"Ref": "PermissionsBoundaryArn"}, {"Ref": "AWS::NoValue"}]
        }


def test_no_function_can_read_former_tokens(resources: Resources) -> None:
    """The history of the parameter stays closed, whatever else is attached to the role one day."""
    denied = {
        name: (statement["Action"], statement["Resource"])
        for name, statement in role_statements(resources)
        if statement["Effect"] == "Deny"
    }

    assert set(denied) == set(of_type(resources, "AWS::IAM::Role"))
    assert set(denied.values()) == {("ssm:GetParameterHistory", "*")}


@pytest.fixture(scope="session")
def key_statements(resources: Resources) -> dict[str, Statement]:
    """Return the statements of the key's policy by the principal that they are about."""
    policy = of_type(resources, "AWS::KMS::Key")["Key"]["KeyPolicy"]
    return {str(next(iter(found["Principal"].values()))): found for found in statements_in(policy)}


def test_eventbridge_may_use_the_key_for_rules_of_this_account(key_statements: dict[str, Statement]) -> None:
    """Without this, delivery to the encrypted queue fails and nobody hears of it."""
    statement = key_statements["events.amazonaws.com"]

    assert statement["Effect"] == "Allow"
    assert set(statement["Action"]) == {"kms:Decrypt", "kms:GenerateDataKey"}
    assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


def test_topics_may_use_the_key_where_they_are_listed(
    resources: Resources, key_statements: dict[str, Statement]
) -> None:
    """And no other topic, of this account or of another."""
    written = of_type(resources, "AWS::KMS::Key")["Key"]["KeyPolicy"]["Statement"]
    statement = key_statements["sns.amazonaws.com"]

    assert {"Fn::If": ["HasTopics", statement, {"Ref": "AWS::NoValue"}]} in written
    assert set(statement["Action"]) == {"kms:Decrypt", "kms:GenerateDataKey"}
    assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": TOPICS}}


def test_cloudwatch_logs_may_use_the_key_for_the_log_groups_of_this_stack(
    resources: Resources, key_statements: dict[str, Statement]
) -> None:
    """The condition covers every log group that the template names, and none of another stack."""
    (statement,) = [found for principal, found in key_statements.items() if "logs." in principal]
    condition = statement["Condition"]["ArnLike"]["kms:EncryptionContext:aws:logs:arn"]
    groups = of_type(resources, "AWS::Logs::LogGroup").values()

    prefixes = tuple(allowed["Fn::Sub"].split(":log-group:")[1].removesuffix("*") for allowed in condition)

    assert prefixes == ("/aws/lambda/${AWS::StackName}/", "/aws/apigateway/${AWS::StackName}/")
    assert all(group["LogGroupName"]["Fn::Sub"].startswith(prefixes) for group in groups)


def test_nobody_but_these_is_named_in_the_key_policy(key_statements: dict[str, Statement]) -> None:
    """The account itself decides by its own policies; three services are let in, each under a condition."""
    without_condition = [name for name, statement in key_statements.items() if "Condition" not in statement]

    assert len(key_statements) == 4
    assert without_condition == [str({"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"})]
