"""Ways to ask an expanded template for what the tests are about."""

import re
from collections.abc import Iterator
from typing import Any

type Resources = dict[str, Any]
type Statement = dict[str, Any]


def of_type(resources: Resources, kind: str) -> dict[str, Any]:
    """Return the properties of every resource of the type `kind`, by logical name."""
    return {name: found["Properties"] for name, found in resources.items() if found["Type"] == kind}


def as_list(value: Any) -> list[Any]:  # noqa: ANN401 (a policy element is whatever JSON holds)
    """Return what a policy gives as one value or as a list of values, as a list."""
    return value if isinstance(value, list) else [value]


def statements_in(policy: dict[str, Any]) -> list[Statement]:
    """Return the statements of a policy. What a parameter adds counts as if it were always there."""
    return [written["Fn::If"][1] if "Fn::If" in written else written for written in policy["Statement"]]


def role_statements(resources: Resources) -> Iterator[tuple[str, Statement]]:
    """Yield every statement of every role, those of attached policies included, with the role's logical name."""
    managed = of_type(resources, "AWS::IAM::ManagedPolicy")
    for name, role in of_type(resources, "AWS::IAM::Role").items():
        attached = [managed[policy["Ref"]] for policy in role["ManagedPolicyArns"]]
        for policy in [*role["Policies"], *attached]:
            yield from ((name, statement) for statement in statements_in(policy["PolicyDocument"]))


def queue_statements(resources: Resources, queue: str) -> list[Statement]:
    """Return the statements of the policies that are attached to `queue`, a logical name."""
    return [
        statement
        for policy in of_type(resources, "AWS::SQS::QueuePolicy").values()
        if {"Ref": queue} in policy["Queues"]
        for statement in statements_in(policy["PolicyDocument"])
    ]


def referred_to(value: Any) -> Iterator[str]:  # noqa: ANN401 (any part of a template)
    """Yield everything that a part of a template refers to: parameters, resources, attributes as `name.attribute`."""
    if isinstance(value, list):
        for part in value:
            yield from referred_to(part)
    elif isinstance(value, dict):
        for key, part in value.items():
            if key == "Ref":
                yield part
            elif key == "Fn::GetAtt":
                yield ".".join(part)
            elif key == "Fn::Sub":
                text, own = (part, {}) if isinstance(part, str) else part
                yield from (name for name in re.findall(r"\$\{([^}!]+)\}", text) if name not in own)
                yield from referred_to(own)
            else:
                yield from referred_to(part)


def stored_settings(resources: Resources, variables: dict[str, Any]) -> dict[str, str]:
    """Return what STORED_SETTINGS of an environment can name: the variable that each stands for, by logical name."""
    paths = {
        found["Name"]["Fn::Sub"].rpartition("/")[2]: name
        for name, found in of_type(resources, "AWS::SSM::Parameter").items()
    }
    told = re.findall(r"'([a-z][a-z-]+)'", str(variables["STORED_SETTINGS"]))
    return {paths[name]: name.replace("-", "_").upper() for name in told}


def attribute(name: str, of: str = "Arn") -> dict[str, list[str]]:
    """Return how the expanded template points to an attribute of the resource `name`."""
    return {"Fn::GetAtt": [name, of]}


KEY = {"Fn::If": ["MakesKey", attribute("Key"), {"Ref": "KeyArn"}]}
"""The key of the stack, or the one that was brought along."""

LEDGER = {
    "Fn::If": [
        "MakesLedger",
        attribute("Ledger"),
        {"Fn::Sub": "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/${LedgerTableName}"},
    ]
}
"""The ARN of the ledger of the stack, or of the one that was taken over."""

SECRET = {"Fn::If": ["MakesSecret", attribute("ClientCredentials", "Id"), {"Ref": "SecretArn"}]}
"""The secret of the stack, or the one that was brought along."""

POLLING = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}
LOGGING = {"logs:CreateLogStream", "logs:PutLogEvents"}
TRACING = {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}
JOINING = {
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
}
"""What Lambda does in a function's name: docs.aws.amazon.com/lambda, of queues, log groups, X-Ray and VPCs."""
