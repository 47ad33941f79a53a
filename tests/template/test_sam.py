"""samconfig.toml fits the template, and every function is built alike."""

import re
import tomllib
from typing import Any

import pytest

from tests.template.conftest import TEMPLATE

ROOT = TEMPLATE.parent
CONFIGURATION: dict[str, Any] = tomllib.loads((ROOT / "samconfig.toml").read_text())

each_environment = pytest.mark.parametrize("environment", ["dev", "staging", "prod"])


def deployment(environment: str) -> dict[str, Any]:
    """Return the parameters of `sam deploy --config-env <environment>`."""
    found: dict[str, Any] = CONFIGURATION[environment]["deploy"]["parameters"]
    return found


def overrides(environment: str) -> dict[str, str]:
    """Return the template parameters that `environment` sets."""
    return dict(pair.split("=", 1) for pair in deployment(environment)["parameter_overrides"])


@each_environment
def test_an_environment_sets_parameters_of_the_template(template: dict[str, Any], environment: str) -> None:
    """CloudFormation refuses an unknown parameter, or a value that doesn't fit, only at the deployment."""
    for name, value in overrides(environment).items():
        parameter = template["Parameters"][name]
        assert re.search(parameter.get("AllowedPattern", ""), value)
        assert value in [str(choice) for choice in parameter.get("AllowedValues", [value])]
        if parameter["Type"] == "Number" and "MinValue" in parameter:
            assert parameter["MinValue"] <= int(value) <= parameter["MaxValue"]


@each_environment
def test_an_environment_gives_every_parameter_without_a_default(template: dict[str, Any], environment: str) -> None:
    """Nothing is left to be asked for."""
    required = {name for name, parameter in template["Parameters"].items() if "Default" not in parameter}

    assert required <= set(overrides(environment))


def test_environments_share_neither_stack_nor_instance() -> None:
    """What is tried in one never shows in another."""
    environments = ["dev", "staging", "prod"]

    assert len({deployment(name)["stack_name"] for name in environments}) == 3
    assert len({overrides(name)["InstanceHost"] for name in environments}) == 3


@each_environment
def test_sam_may_make_roles_but_no_named_ones(environment: str) -> None:
    """CAPABILITY_IAM is the least that this template needs."""
    assert deployment(environment)["capabilities"] == "CAPABILITY_IAM"


@pytest.mark.parametrize("environment", ["staging", "prod"])
def test_nothing_reaches_staging_or_production_without_being_shown_first(environment: str) -> None:
    """A person confirms the change set."""
    assert deployment(environment)["confirm_changeset"] is True


def test_a_plain_sam_deploy_deploys_no_environment_by_accident() -> None:
    """Without --config-env, `sam deploy` has no stack name and stops."""
    assert "deploy" not in CONFIGURATION["default"]


def test_every_function_is_built_by_the_projects_own_recipe(template: dict[str, Any]) -> None:
    """SAM's own would fetch wheels for another processor without a look at their hashes, and brings no byte code."""
    built = [one["Metadata"] for one in template["Resources"].values() if one["Type"] == "AWS::Serverless::Function"]

    assert [(one["BuildMethod"], one["ContextPath"]) for one in built] == [("makefile", ".")] * len(built) != []
