"""A stack of version 1 is deployed over with the parameters that it has: what became of each is told.

version_1.json holds version 1's parameters. What is changed here is changed for everybody who comes from there, so
CHANGELOG.md names it under "From version 1".
"""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.template.test_parameters import PARAMETERS

VERSION_1: dict[str, dict[str, Any]] = json.loads(Path(__file__).with_name("version_1.json").read_text())
TOLD = (
    (Path(__file__).parents[2] / "CHANGELOG.md").read_text().partition("### From version 1\n")[2].partition("\n## ")[0]
)
OTHER_DEFAULTS = {"ApiAccessLogging": "false", "MaximumConcurrency": 5}
"""Parameters whose default is not what it was: `sam deploy` keeps what a stack has, other tools may not."""

_WIDER = {"ApiCallerAccounts"}  # single roles are taken too
_LIMITS = ("AllowedPattern", "AllowedValues", "MinLength", "MinValue", "MaxValue")


def narrower(name: str) -> bool:
    """Tell whether a value that version 1 took may be refused now."""
    before, now = VERSION_1[name], PARAMETERS[name]
    shorter = now.get("MaxLength", 1 << 20) < before.get("MaxLength", 1 << 20)
    return shorter or (name not in _WIDER and any(now.get(limit) != before.get(limit) for limit in _LIMITS))


@pytest.mark.parametrize("name", VERSION_1)
def test_no_parameter_of_version_1_is_gone_or_of_another_kind(name: str) -> None:
    """A stack keeps the values that it has."""
    assert PARAMETERS[name]["Type"] == VERSION_1[name]["Type"]
    assert PARAMETERS[name].get("Default") == OTHER_DEFAULTS.get(name, VERSION_1[name].get("Default"))


@pytest.mark.parametrize("name", sorted({*filter(narrower, VERSION_1), *OTHER_DEFAULTS}))
def test_what_a_parameter_no_longer_takes_or_is_without_being_given_is_told(name: str) -> None:
    """In the changelog; at the deployment its ConstraintDescription says it, before anything is changed."""
    assert f"`{name}`" in TOLD


def test_only_what_narrows_a_parameter_for_a_reason_does() -> None:
    """A new one here is a door that closes: decide whether it has to, and say what an operator does."""
    assert set(filter(narrower, VERSION_1)) == {
        "AllowedTables",
        "ApiTables",
        "EventSources",
        "OAuthScope",
        "ProxyUrl",
        "SecretArn",
    }


@pytest.mark.parametrize("name", ["OwnEventSources", "ReplayRoleArns", "ApiHealthRoles"])
def test_what_version_1_let_everybody_do_is_told_at_each_deployment(template: dict[str, Any], name: str) -> None:
    """`sam deploy` ends with the outputs."""
    assert f"({name})" in json.dumps(template["Outputs"]["Closed"])
    assert f"`{name}`" in TOLD
