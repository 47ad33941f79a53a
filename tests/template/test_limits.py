"""The transformed template, under every combination of its conditions and in every partition, against AWS's limits.

A resource depends on some of the conditions only, so every combination of those is every combination of all. What is
stored outside of environments comes with none and with all of the others, and each alone in test_stored_settings.py.
"""

import itertools
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.rules import aws_rules
from tests.template.conftest import TEMPLATE
from tests.template.deployment import REGIONS, Stack, combinations, parameters_behind
from tests.template.reading import Resources

KEY = "arn:aws:kms:eu-west-1:123456789012:key/1d3f5a7b-0000-4000-8000-000000000001"
SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:servicenow/oauth-1A2b3C"
ALL_SOURCES = ",".join(sorted({source for rule in aws_rules().values() for source in rule.sources}))

LONG_ARNS = ",".join([f"arn:aws:iam::123456789012:role/{'x' * 510}"] * 7)
LONG_VALUES: dict[str, str] = {
    "AllowedTables": "incident_task," * 26 + "problem",
    "ApiHealthRoles": LONG_ARNS,
    "ApiIncidentFields": "u_a_long_field," * 272 + "u_last",
    "ApiSensitiveTables": "sys_table:" + "u_a_long_field," * 270 + "u_last",
    "ApiTables": "u_table:" + "u_a_long_field," * 270 + "u_last",
    "ApiWideRoles": LONG_ARNS,
    "MemberRoleExternalId": "x" * 256,
    "MemberRoleName": "x" * 128,
    "CertificateAuthorities": "-----BEGIN CERTIFICATE-----" + "A" * 4040 + "-----END CERTIFICATE-----",
    "SnsTopics": ",".join(f"arn:aws:sns:eu-west-1:123456789012:{letter * 256}" for letter in "abcde"),
    "WebhookSources": ",".join(f"grafana-{number}" + "x" * 25 for number in range(10, 21)),
}
"""What is stored outside of the environment, each about as long as its parameter lets it be."""

OTHERS: dict[str, dict[str, str]] = {
    **dict.fromkeys(LONG_VALUES, LONG_VALUES),
    "AlarmTopicArn": {"AlarmTopicArn": "arn:aws:sns:eu-west-1:123456789012:on-call"},
    "ApiAccessLogging": {"ApiAccessLogging": "true"},
    "ApiCallerOrganization": {"ApiCallerOrganization": "o-a1b2c3d4e5", "ApiCallerAccounts": "111122223333"},
    "ApiCallerAccounts": {"ApiCallerAccounts": "111122223333,444455556666"},
    "ApiRequestsPerCaller": {"ApiRequestsPerCaller": "600"},
    "ApiSwaggerUi": {"ApiSwaggerUi": "true"},
    "ApiVpcEndpointIds": {"ApiVpcEndpointIds": "vpce-0123456789abcdef0,vpce-1123456789abcdef0"},
    "ApiWebAclArn": {"ApiWebAclArn": "arn:aws:wafv2:eu-west-1:123456789012:regional/webacl/company/1d3f5a7b"},
    "ChangeGate": {"ChangeGate": "true", "WatchSchedule": "rate(1 minute)"},
    "ChangeWindows": {"ChangeWindows": "true"},
    "DeploymentName": {"DeploymentName": "123456789012/eu-west-1/before"},
    "EventBusName": {"EventBusName": "incidents"},
    "FollowUps": {"FollowUps": "graph,log,events"},
    "FormerKeyArn": {"FormerKeyArn": KEY},
    "KeyArn": {"KeyArn": KEY},
    "LedgerTableName": {"LedgerTableName": "before-Ledger-1A2B3C4D5E6F"},
    "LogLevel": {"LogLevel": "DEBUG"},
    "OwnEventSources": {"OwnEventSources": "shop.checkout,shop.cart"},
    "PermissionsBoundaryArn": {"PermissionsBoundaryArn": "arn:aws:iam::123456789012:policy/company/boundary"},
    "ReplayRoleArns": {
        "ReplayRoleArns": "arn:aws:iam::123456789012:role/operators,arn:aws:iam::123456789012:role/sso/*"
    },
    "SecretArn": {"SecretArn": SECRET},
    "SecretKeyArn": {"SecretKeyArn": KEY, "SecretArn": SECRET},
    "SecretRotationDays": {"SecretRotationDays": "30"},
    "SigningKeyArn": {"SigningKeyArn": KEY},
    "SubnetIds": {"SubnetIds": "subnet-0123456789abcdef0", "SecurityGroupIds": "sg-0123456789abcdef0"},
    "TrailLogGroupName": {"TrailLogGroupName": "aws-cloudtrail-logs-123456789012"},
    "TagLookups": {"TagLookups": "accounts"},
    "TokenTier": {"TokenTier": "Intelligent-Tiering"},
    "TokenRefreshSchedule": {"TokenRefreshSchedule": ""},
    "RecordActions": {
        "RecordActions": "securityhub,opsitem,guardduty,accessanalyzer",
        "WatchSchedule": "rate(1 minute)",
    },
    "WatchSchedule": {"WatchSchedule": "rate(1 minute)"},
}
"""For each parameter that decides a condition, what turns the condition."""

WITH_ALL = {
    name: value
    for parameter in ("FollowUps", "SecretRotationDays", "RecordActions", "TagLookups", "ChangeGate")
    for name, value in OTHERS[parameter].items()
}
"""What makes the functions that are not there by default, and lets all read what is stored for them."""

LONGEST: dict[str, str] = LONG_VALUES | {
    "FollowUpMask": "x" * 500,
    "CloseCode": "\N{MUSICAL SYMBOL G CLEF}" * 100,
    "DeploymentName": "x" * 200,
    "EventBusName": "x" * 256,
    "InstanceHost": ".".join(["x" * 62] * 4),
    "KeyArn": f"arn:aws-us-gov:kms:us-gov-west-1:123456789012:key/{'x' * 64}",
    "LedgerTableName": "x" * 255,
    "OAuthScope": "s" * 255,
    "OAuthTokenPath": "/" + "x" * 200,
    "IntegrationUsers": "x" * 400,
    "RecordActions": "accessanalyzer,accessanalyzer," * 6 + "accessanalyzer",
    "ProxyUrl": "https://" + "x" * 241 + ":65535",
    "TimeZone": "x" * 32,
    "SecretArn": f"arn:aws-us-gov:secretsmanager:us-gov-west-1:123456789012:secret:{'x' * 327}-1A2b3C",
}
"""Values of which Lambda's 4 KB could get too full, each about as long, in bytes too, as its parameter lets it be."""

ANY_TEXT = {"AWS::AppConfig::HostedConfigurationVersion.Content", "AWS::CloudWatch::Dashboard.DashboardBody"}
"""Long texts that differ in nearly every stack, and whose schema says no more than that they are texts."""


def variants(template: dict[str, Any], resources: Resources, partition: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each resource as it can be in a stack of this partition, with its logical name, every form once."""
    seen = set()
    for name, found in resources.items():
        behind = parameters_behind(template, found)
        together = list(combinations(behind - LONG_VALUES.keys(), OTHERS))
        stored = LONG_VALUES if behind & LONG_VALUES.keys() else {}
        for given in [*together, together[0] | stored, together[-1] | stored]:
            local = {key: text.replace("arn:aws:", f"arn:{partition}:") for key, text in given.items()}
            stack = Stack(template, {"EventSources": ALL_SOURCES} | local, resources, partition=partition)
            if stack.accepted() and stack.has(name):
                properties = stack.properties(name)
                form = json.dumps([name, properties], sort_keys=True)
                if form not in seen:
                    seen.add(form)
                    yield name, properties


@pytest.fixture(scope="session")
def made(template: dict[str, Any], resources: Resources) -> dict[str, list[tuple[str, dict[str, Any]]]]:
    """Return every form of every resource, by partition."""
    return {partition: list(variants(template, resources, partition)) for partition in REGIONS}


Made = dict[str, list[tuple[str, dict[str, Any]]]]


def of(made: Made, resources: Resources, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the forms of all resources of a type."""
    for forms in made.values():
        yield from ((name, found) for name, found in forms if resources[name]["Type"] == kind)


def size(document: Any) -> int:  # noqa: ANN401 (a policy is JSON)
    """Return the characters of a document without white space, as IAM and EventBridge count them."""
    return len(json.dumps(document, separators=(",", ":"), ensure_ascii=False))


def told_apart_by_a_schema(
    forms: list[tuple[str, dict[str, Any]]], resources: Resources
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the forms without those whose every part was in another one of the same type, the fullest first.

    A schema judges each variable of a function's environment and each statement of a policy on its own, of two
    statements only whether their ids differ. So not every choice of them needs to be shown to it, only each value of
    each and each pair of ids. How much they are together is another test's. Of `ANY_TEXT` one is as good as another.
    """
    parts: list[tuple[set[str], str, dict[str, Any]]] = []
    for name, properties in forms:
        single: set[str] = set()
        rest = json.dumps(_without_single(properties, resources[name]["Type"], single), sort_keys=True)
        parts.append((single | {f"{name} {rest}"}, name, properties))
    seen: set[str] = set()
    for found, name, properties in sorted(parts, key=lambda part: -len(part[0])):
        if not found <= seen:
            seen |= found
            yield name, properties


def _without_single(value: Any, place: str, single: set[str]) -> Any:  # noqa: ANN401 (properties are JSON)
    """Return properties without what a schema judges on its own, which goes into `single` with its place."""
    if isinstance(value, str) and place in ANY_TEXT:
        return ""
    if isinstance(value, dict) and place.endswith(".Variables"):
        single |= {f"{place}.{name} {json.dumps(one)}" for name, one in value.items()}
        return bool(value)
    if isinstance(value, list) and place.endswith(".Statement"):
        single |= {f"{place} {json.dumps(one, sort_keys=True)}" for one in value}
        single |= {f"{place} {pair}" for pair in itertools.combinations([one.get("Sid") for one in value], 2)}
        return bool(value)
    if isinstance(value, dict):
        return {name: _without_single(one, f"{place}.{name}", single) for name, one in value.items()}
    if isinstance(value, list):
        return [_without_single(one, place, single) for one in value]
    return value


@pytest.mark.parametrize("place", sorted(ANY_TEXT))
def test_of_any_text_a_schema_asks_only_that_it_is_one(place: str) -> None:
    """Where that changes, each text has to be shown to it."""
    from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER  # noqa: PLC0415 (takes longer than most test files)

    kind, name = place.split(".")
    for region in REGIONS.values():
        asked = PROVIDER_SCHEMA_MANAGER.get_resource_schema(region, kind).schema["properties"][name]
        assert asked == {"type": "string", "description": asked["description"]}


@pytest.mark.parametrize("partition", REGIONS)
def test_every_resource_keeps_to_the_schema_of_its_type(made: Made, resources: Resources, partition: str) -> None:
    """As CloudFormation publishes them for that Region; the pinned linter brings them along."""
    from cfnlint.api import lint  # noqa: PLC0415 (takes longer than most test files)
    from cfnlint.config import ManualArgs  # noqa: PLC0415 (the same)

    forms = {
        f"{name}{number}": {"Type": resources[name]["Type"], "Properties": properties}
        for number, (name, properties) in enumerate(told_apart_by_a_schema(made[partition], resources))
    }
    document = json.dumps({"AWSTemplateFormatVersion": "2010-09-09", "Resources": forms})

    found = lint(
        document,
        config=ManualArgs(
            regions=[REGIONS[partition]], ignore_checks=["W", "I", "E1", "E2", "E6", "E7", "E8", "E3010", "E3019"]
        ),
    )

    assert len(forms) > len(resources)
    assert [f"{match.path}: {match.message}" for match in found] == []


def test_an_event_pattern_is_no_longer_than_eventbridge_takes(made: Made, resources: Resources) -> None:
    """2,048 characters, with every source that has a shipped rule."""
    patterns = [
        found["EventPattern"] for _, found in of(made, resources, "AWS::Events::Rule") if "EventPattern" in found
    ]

    assert patterns
    assert "aws.guardduty" in str(patterns)
    assert [size(pattern) for pattern in patterns if size(pattern) > 2048] == []


def test_a_rule_of_eventbridge_keeps_to_its_quotas(made: Made, resources: Resources) -> None:
    """Five targets, tries for a day."""
    for _, rule in of(made, resources, "AWS::Events::Rule"):
        assert len(rule["Targets"]) <= 5
        for target in rule["Targets"]:
            policy = target.get("RetryPolicy", {"MaximumEventAgeInSeconds": 60, "MaximumRetryAttempts": 0})
            assert 60 <= policy["MaximumEventAgeInSeconds"] <= 86_400
            assert 0 <= policy["MaximumRetryAttempts"] <= 185


def test_a_queue_keeps_to_what_sqs_offers(made: Made, resources: Resources) -> None:
    """14 days of retention, 12 hours of invisibility, 1,000 receives."""
    for _, queue in of(made, resources, "AWS::SQS::Queue"):
        assert 60 <= queue["MessageRetentionPeriod"] <= 1_209_600
        assert queue.get("VisibilityTimeout", 30) <= 43_200
        assert queue.get("RedrivePolicy", {}).get("maxReceiveCount", 1) <= 1000


def test_policies_are_no_larger_than_iam_takes(made: Made, resources: Resources) -> None:
    """6,144 characters of a managed policy, 10,240 of a role's own, 2,048 of its trust, 10 attached ones."""
    for _, policy in of(made, resources, "AWS::IAM::ManagedPolicy"):
        assert size(policy["PolicyDocument"]) <= 6144
    for _, role in of(made, resources, "AWS::IAM::Role"):
        assert sum(size(policy["PolicyDocument"]) for policy in role["Policies"]) <= 10_240
        assert size(role["AssumeRolePolicyDocument"]) <= 2048
        assert len(role["ManagedPolicyArns"]) <= 10


def test_policies_of_resources_are_no_larger_than_their_services_take(made: Made, resources: Resources) -> None:
    """32,768 characters for a key, 8,192 for an API, 20 statements for a queue."""
    for _, key in of(made, resources, "AWS::KMS::Key"):
        assert size(key["KeyPolicy"]) <= 32_768
    for _, api in of(made, resources, "AWS::ApiGateway::RestApi"):
        assert size(api["Body"]["x-amazon-apigateway-policy"]) <= 8192
    for _, policy in of(made, resources, "AWS::SQS::QueuePolicy"):
        assert len(policy["PolicyDocument"]["Statement"]) <= 20


def test_a_function_answers_before_api_gateway_gives_up(made: Made, resources: Resources) -> None:
    """29 seconds, of which 4 are left for a cold start; no function lasts longer than 15 minutes."""
    for name, function in of(made, resources, "AWS::Lambda::Function"):
        assert function["Timeout"] <= (29 - 4 if name == "ApiFunction" else 900)


@pytest.mark.parametrize("name", ["servicenow-bridge", "x" * 128])
def test_names_and_texts_are_no_longer_than_aws_takes(
    template: dict[str, Any], resources: Resources, name: str
) -> None:
    """Also for a stack with the longest name that CloudFormation allows."""
    given = {"TrailLogGroupName": "x" * 512, "SecretArn": LONGEST["SecretArn"]}
    stack = Stack(template, given, resources, name=name)
    of_stack = {logical: stack.properties(logical) for logical in resources if stack.has(logical)}

    def each(kind: str, *path: str) -> Iterator[str]:
        for logical, found in of_stack.items():
            if resources[logical]["Type"] == kind:
                value: Any = found
                for part in path:
                    value = value.get(part, "")
                yield str(value)

    assert all(len(text) <= 256 for text in each("AWS::KMS::Alias", "AliasName"))
    assert all(len(text) <= 64 for text in each("AWS::AppConfig::Application", "Name"))
    assert all(len(text) <= 255 for text in each("AWS::CloudWatch::Dashboard", "DashboardName"))
    assert all(len(text) <= 512 for text in each("AWS::Logs::LogGroup", "LogGroupName"))
    assert all(re.fullmatch(r"[\w./#-]+", text) for text in each("AWS::Logs::LogGroup", "LogGroupName"))
    assert all(len(text) <= 255 for text in each("AWS::Logs::QueryDefinition", "Name"))
    assert all(len(text) <= 10_000 for text in each("AWS::Logs::QueryDefinition", "QueryString"))
    assert all(len(text) <= 256 for text in each("AWS::Lambda::Function", "Description"))
    assert all(len(text) <= 1000 for text in each("AWS::IAM::Role", "Description"))
    assert all(len(text) <= 512 for text in each("AWS::Events::Rule", "Description"))
    assert all(len(text) <= 1024 for text in each("AWS::CloudWatch::Alarm", "AlarmDescription"))
    assert all(len(text) <= 255 for text in each("AWS::CloudWatch::Alarm", "Namespace"))
    assert all(len(text) <= 1024 for text in each("AWS::Logs::MetricFilter", "FilterPattern"))
    assert all(re.fullmatch(r"[!-~]{1,255}", text) for text in each("AWS::CloudWatch::Alarm", "MetricName"))
    assert all(
        len(text) <= 1011 for text in each("AWS::Lambda::Function", "Environment", "Variables", "TOKEN_PARAMETER")
    )


def environment_bytes(stack: Stack, function: str) -> int:
    """Return how much of Lambda's 4 KB the environment of a function takes: it is measured as JSON."""
    variables = stack.properties(function)["Environment"]["Variables"]
    return len(json.dumps(variables, separators=(",", ":"), ensure_ascii=False).encode())


FUNCTIONS = [
    "ActionsFunction",
    "ApiFunction",
    "DoctorFunction",
    "EventsFunction",
    "FollowUpFunction",
    "SecretRotationFunction",
    "TokenRefreshFunction",
    "WatchFunction",
]


@pytest.mark.parametrize("partition", REGIONS)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_an_environment_has_room_for_every_parameter_at_its_longest(
    template: dict[str, Any], resources: Resources, function: str, partition: str
) -> None:
    """All of them together, in a stack of the longest name: 4,096 bytes, of which 32 are left for longer Regions.

    What makes a function, or gives it a variable, is on: that takes more than a longer word does.
    """
    chosen = {
        name: max(map(str, [parameter["MaxValue"]] if "MaxValue" in parameter else parameter["AllowedValues"]), key=len)
        for name, parameter in template["Parameters"].items()
        if {"MaxValue", "AllowedValues"} & parameter.keys()
    }
    stack = Stack(template, chosen | WITH_ALL | LONGEST, resources, partition=partition, name="x" * 128)

    assert environment_bytes(stack, function) <= 4096 - 32
    assert environment_bytes(Stack(template, WITH_ALL, resources, partition=partition), function) <= 4096 // 2


def test_a_parameter_that_is_stored_keeps_to_what_a_standard_one_takes(
    template: dict[str, Any], resources: Resources
) -> None:
    """4,096 bytes, and names of 1,011 characters without the ARN before them; larger ones cost by the month."""
    stack = Stack(template, LONG_VALUES, resources, name="x" * 128)
    stored = [stack.properties(name) for name, found in resources.items() if found["Type"] == "AWS::SSM::Parameter"]

    assert sorted(parameter["Value"] for parameter in stored) == sorted(LONG_VALUES.values())
    assert all(len(parameter["Value"].encode()) <= 4096 for parameter in stored)
    assert all(len(parameter["Name"]) <= 1011 for parameter in stored)
    assert {parameter.get("Tier", "Standard") for parameter in stored} == {"Standard"}


@pytest.mark.parametrize("name", LONGEST)
def test_the_longest_value_is_one_that_the_parameter_takes(template: dict[str, Any], name: str) -> None:
    """And one that is hardly shorter than the longest, where a length is given."""
    parameter = template["Parameters"][name]

    assert re.fullmatch(parameter["AllowedPattern"], LONGEST[name])
    assert 0.9 * parameter.get("MaxLength", 0) <= len(LONGEST[name]) <= parameter.get("MaxLength", 4096) <= 4096


def test_every_parameter_without_bounds_on_its_length_is_tried_at_its_longest(
    template: dict[str, Any], resources: Resources
) -> None:
    """What a function is told as it was given, and could be long, is in the list above."""
    told = {
        name
        for function in FUNCTIONS
        for written in resources[function]["Properties"]["Environment"]["Variables"].values()
        for name, parameter in template["Parameters"].items()
        if f"'{name}'" in str(written) and parameter["Type"] == "String" and "AllowedValues" not in parameter
    }

    assert told - LONG_VALUES.keys() == LONGEST.keys() - LONG_VALUES.keys(), "give LONGEST the longest of each"


def test_the_template_keeps_to_the_quotas_of_cloudformation(template: dict[str, Any], resources: Resources) -> None:
    """200 parameters, mappings and outputs, 500 resources, 1 MB by way of a bucket, 4,096 bytes of a parameter."""
    assert len(template["Parameters"]) <= 200
    assert len(template["Outputs"]) <= 200
    assert len(template["Mappings"]) <= 200
    assert len(resources) <= 500
    assert len(TEMPLATE.read_bytes()) <= 1_000_000
    assert len(json.dumps(resources).encode()) <= 1_000_000
    assert len(template["Description"]) <= 1024
    for parameter in template["Parameters"].values():
        assert len(parameter["Description"]) <= 4000
        assert len(str(parameter.get("Default", "")).encode()) <= 4096


def test_every_parameter_that_decides_a_condition_is_turned(template: dict[str, Any], resources: Resources) -> None:
    """Or some combinations would not be looked at; each value is one that turns it."""
    deciding = parameters_behind(template, resources)

    assert deciding == OTHERS.keys(), "give OTHERS what turns each"
    for name, given in OTHERS.items():
        one, other = Stack(template, {}), Stack(template, given)
        assert [condition for condition in template["Conditions"] if one.holds(condition) != other.holds(condition)], (
            name
        )
