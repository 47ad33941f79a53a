"""Parameters that may be long are stored outside of the environments, each only where it is given."""

import re
from typing import Any

import pytest

from common.environment import STORED_SETTINGS, stored_names
from common.settings import read_settings
from tests.template.deployment import ACCOUNT, Stack
from tests.template.reading import Resources, as_list, of_type, stored_settings
from tests.template.test_environment import variables_of
from tests.template.test_limits import FUNCTIONS, LONG_VALUES, WITH_ALL

PREFIX = "/servicenow-bridge/servicenow-bridge/settings/"


def readable(stack: Stack, function: str) -> list[str]:
    """Return what the role of a function may read by `ssm:GetParameters`, as names, in the order of its statements."""
    role = stack.properties(f"{function}Role")
    policies = [policy["PolicyDocument"] for policy in role["Policies"]]
    policies.append(stack.properties("CommonPolicy")["PolicyDocument"])
    return [
        resource.removeprefix(f"arn:aws:ssm:eu-west-1:{ACCOUNT}:parameter")
        for policy in policies
        for statement in policy["Statement"]
        if statement["Action"] == "ssm:GetParameters"
        for resource in as_list(statement["Resource"])
    ]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_without_any_nothing_is_stored_read_or_allowed(
    template: dict[str, Any], resources: Resources, function: str
) -> None:
    """A start pays for nothing that nobody asked for."""
    stack = Stack(template, WITH_ALL, resources)

    assert stack.properties(function)["Environment"]["Variables"][STORED_SETTINGS] == ""
    assert readable(stack, function) == []
    assert not [name for name in of_type(resources, "AWS::SSM::Parameter") if stack.has(name)]


@pytest.mark.parametrize("given", LONG_VALUES)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_what_is_given_is_stored_told_and_allowed(
    template: dict[str, Any], resources: Resources, function: str, given: str
) -> None:
    """To exactly the functions that read it, by its exact name."""
    stack = Stack(template, WITH_ALL | {given: LONG_VALUES[given]}, resources)
    variables = stack.properties(function)["Environment"]["Variables"]
    reads = f"{given}Setting" in stored_settings(resources, variables_of(resources, function))

    told = [PREFIX + name for name in stored_names(variables)]

    assert told == ([stack.value({"Ref": f"{given}Setting"})] if reads else [])
    assert readable(stack, function) == told
    assert [name for name in of_type(resources, "AWS::SSM::Parameter") if stack.has(name)] == [f"{given}Setting"]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_all_of_them_are_read_by_one_call(template: dict[str, Any], resources: Resources, function: str) -> None:
    """`ssm:GetParameters` takes ten names."""
    stack = Stack(template, WITH_ALL | LONG_VALUES, resources)

    told = stored_names(stack.properties(function)["Environment"]["Variables"])

    assert 1 <= len(told) <= 10
    assert sorted(readable(stack, function)) == sorted(PREFIX + name for name in told)


def test_a_stored_setting_stands_for_the_variable_of_its_parameter(resources: Resources) -> None:
    """`ApiTables` is stored as `api-tables`, which the code reads as API_TABLES."""
    for name, found in of_type(resources, "AWS::SSM::Parameter").items():
        parameter = name.removesuffix("Setting")
        assert found["Value"] == {"Ref": parameter}
        words = re.findall("[A-Z][a-z]+", parameter)
        assert found["Name"]["Fn::Sub"].rpartition("/")[2] == "-".join(words).lower()


def test_fields_of_incidents_are_stored_where_they_are_not_the_default(template: dict[str, Any]) -> None:
    """Template, its condition and the code know the same default."""
    default = template["Parameters"]["ApiIncidentFields"]["Default"]
    environment = dict.fromkeys(
        ("SERVICENOW_SECRET_ID", "TOKEN_KEY_ID", "LEDGER_TABLE", "DEPLOYMENT"), "x"
    ) | dict.fromkeys(("QUEUE_URL", "DEAD_LETTER_QUEUE_URL"), "https://x")

    settings = read_settings({**environment, "SERVICENOW_INSTANCE_HOST": "example.org", "TOKEN_PARAMETER": "/x"})

    assert not Stack(template, {}).holds("StoresApiIncidentFields")
    assert ",".join(settings.requestable["incident"]) == default
