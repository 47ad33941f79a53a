"""Every parameter explains itself and refuses what cannot work."""

import re
from typing import Any

import pytest

from local.yaml_text import read_yaml
from tests.template.conftest import TEMPLATE

PARAMETERS: dict[str, dict[str, Any]] = read_yaml(TEMPLATE.read_text())["Parameters"]

each_parameter = pytest.mark.parametrize("name", PARAMETERS)


@each_parameter
def test_a_parameter_says_what_it_is_for_and_what_to_change(name: str) -> None:
    """CloudFormation shows the description in the console and the constraint's when it refuses a value."""
    parameter = PARAMETERS[name]

    assert len(parameter["Description"]) > 20
    assert parameter["ConstraintDescription"].startswith("must be ")
    assert parameter["ConstraintDescription"].endswith(".")


@each_parameter
def test_a_parameter_is_bounded(name: str) -> None:
    """A pattern that covers the whole value, a list of choices, or a range."""
    parameter = PARAMETERS[name]
    pattern = parameter.get("AllowedPattern", "")

    assert (pattern.startswith("^") and pattern.endswith("$")) or (
        "AllowedValues" in parameter or {"MinValue", "MaxValue"} <= parameter.keys()
    )


@each_parameter
def test_a_default_keeps_to_its_own_constraint(name: str) -> None:
    """Nobody has to find out at the first deployment."""
    parameter = PARAMETERS[name]
    if "Default" not in parameter:
        assert name == "InstanceHost", "only the instance has to be given"
        return
    default = parameter["Default"]

    assert default in parameter.get("AllowedValues", [default])
    assert re.search(parameter.get("AllowedPattern", ""), str(default))
    assert parameter.get("MinValue", default) <= default <= parameter.get("MaxValue", default)


def test_the_console_groups_every_parameter(template: dict[str, Any]) -> None:
    """A parameter without a group would stand last, without a heading."""
    groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]

    grouped = [name for group in groups for name in group["Parameters"]]

    assert sorted(grouped) == sorted(PARAMETERS)


def test_every_output_says_what_it_is(template: dict[str, Any]) -> None:
    """The outputs are what a person sees after a deployment."""
    assert all(output["Description"] for output in template["Outputs"].values())
    assert set(template["Outputs"]) >= {
        "SecretArn",
        "QueueUrl",
        "DeadLetterQueueUrl",
        "EventDeadLetterQueueUrl",
        "LedgerTableName",
        "EventsFunctionName",
        "EventRuleArn",
        "TokenParameterName",
        "KeyArn",
    }
