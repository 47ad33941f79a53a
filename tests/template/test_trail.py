"""Who tries to read the secret or the token without the right to, as a trail of CloudTrail tells it."""

from typing import Any

import pytest

from tests.support.filter_pattern import matches
from tests.template.deployment import Stack
from tests.template.reading import Resources, of_type

pytestmark = pytest.mark.attack

ACCOUNT = "123456789012"
MADE = f"arn:aws:secretsmanager:eu-west-1:{ACCOUNT}:secret:ClientCredentials-1A2B3C4D5E6F-1a2b3C"
OWN = f"arn:aws:secretsmanager:eu-west-1:{ACCOUNT}:secret:shop/service-now-9Z8y7X"
TOKEN = "/servicenow-bridge/servicenow-bridge/access-token"
SOMEBODY = f"arn:aws:sts::{ACCOUNT}:assumed-role/curious/i-1"


def denied(action: str, on: str, **parameters: str) -> dict[str, Any]:
    """Return a call that was denied, the way CloudTrail writes it down: parameters are often left out."""
    service, _, name = action.partition(":")
    return {
        "eventSource": f"{service}.amazonaws.com",
        "eventName": name,
        "errorCode": "AccessDenied",
        "errorMessage": f"User: {SOMEBODY} is not authorized to perform: {action} on resource: {on} because no "
        f"identity-based policy allows the {action} action",
        "requestParameters": parameters or None,
    }


def without_the_key(secret: str) -> dict[str, Any]:
    """Return a read of a secret that was denied for want of the key; its message does not name the secret."""
    return denied("secretsmanager:GetSecretValue", "", secretId=secret) | {
        "errorCode": "AccessDeniedException",
        "errorMessage": "Access to KMS is not allowed",
    }


def patterns(template: dict[str, Any], resources: Resources, **given: str) -> list[str]:
    """Return the patterns of the filters that a stack with these parameters makes."""
    stack = Stack(template, {"TrailLogGroupName": "trail"} | given, resources)
    return [stack.properties(name)["FilterPattern"] for name in of_type(resources, "AWS::Logs::MetricFilter")]


def parameter(path: str) -> str:
    """Return the ARN of a parameter of Parameter Store."""
    return f"arn:aws:ssm:eu-west-1:{ACCOUNT}:parameter{path}"


@pytest.mark.parametrize(
    "event",
    [
        denied("secretsmanager:GetSecretValue", MADE),
        denied("secretsmanager:GetSecretValue", "ClientCredentials-1A2B3C4D5E6F"),
        denied("secretsmanager:BatchGetSecretValue", MADE),
        without_the_key(MADE),
        without_the_key("ClientCredentials-1A2B3C4D5E6F"),
        denied("ssm:GetParameter", parameter(TOKEN)),
        denied("ssm:GetParameters", parameter(TOKEN)),
        denied("ssm:GetParameterHistory", parameter(TOKEN)),
        denied("ssm:GetParameter", "", name=TOKEN) | {"errorMessage": "Access to KMS is not allowed"},
    ],
)
def test_a_denied_read_of_secret_or_token_is_counted(
    template: dict[str, Any], resources: Resources, event: dict[str, Any]
) -> None:
    """Whether it was asked for by name or by ARN, and whether the right lacks or the key's."""
    assert any(matches(pattern, event) for pattern in patterns(template, resources))


@pytest.mark.parametrize(
    "event",
    [
        denied("secretsmanager:GetSecretValue", f"{MADE[:-20]}payroll-1a2b3C"),
        denied("secretsmanager:PutSecretValue", MADE),
        denied("ssm:GetParameter", parameter("/servicenow-bridge/another/access-token")),
        denied("ssm:GetParameter", parameter("/payroll")),
        denied("secretsmanager:GetSecretValue", MADE) | {"errorCode": "ThrottlingException"},
        {"eventName": "GetSecretValue", "requestParameters": {"secretId": MADE}},
        {"eventName": "GetParameter", "requestParameters": {"name": TOKEN}},
    ],
)
def test_nothing_else_is(template: dict[str, Any], resources: Resources, event: dict[str, Any]) -> None:
    """Other secrets, other stacks, and reads that succeed, which the functions make all day."""
    assert not any(matches(pattern, event) for pattern in patterns(template, resources))


def test_a_secret_that_was_brought_along_is_known_by_its_arn(template: dict[str, Any], resources: Resources) -> None:
    """A template can't cut the six characters off its end, so that a read by its name alone is not counted."""
    own = patterns(template, resources, SecretArn=OWN)
    assert any(matches(pattern, denied("secretsmanager:GetSecretValue", OWN)) for pattern in own)
    assert any(matches(pattern, without_the_key(OWN)) for pattern in own)
    assert not any(matches(pattern, denied("secretsmanager:GetSecretValue", MADE)) for pattern in own)


def test_all_filters_count_for_the_one_alarm_that_watches_them(resources: Resources) -> None:
    """On the log group that the parameter names, which is no other's business while it names none."""
    filters = of_type(resources, "AWS::Logs::MetricFilter")
    alarm = of_type(resources, "AWS::CloudWatch::Alarm")["DeniedReadsAlarm"]
    assert len(filters) == 3
    for name, found in filters.items():
        assert resources[name]["Condition"] == resources["DeniedReadsAlarm"]["Condition"] == "WatchesTrail"
        assert found["LogGroupName"] == {"Ref": "TrailLogGroupName"}
        [counted] = found["MetricTransformations"]
        assert (counted["MetricNamespace"], counted["MetricName"]) == (alarm["Namespace"], alarm["MetricName"])
        assert counted["MetricValue"] == "1"
