"""The same template in the commercial Regions, in GovCloud and in China."""

import json
import re
from typing import Any

import pytest

from tests.template.conftest import expand
from tests.template.deployment import REGIONS, Stack

CONSOLES = {
    "aws": "https://eu-west-1.console.aws.amazon.com/",
    "aws-us-gov": "https://us-gov-west-1.console.amazonaws-us-gov.com/",
    "aws-cn": "https://cn-north-1.console.amazonaws.cn/",
}
"""Where AWS serves the console of each partition: its guides for GovCloud and for China."""

_PRINCIPALS = re.compile(r'"[a-z]+\.amazonaws\.com"')
"""Lambda and EventBridge go by this name in every partition."""


@pytest.fixture(scope="module", params=REGIONS)
def stack(request: pytest.FixtureRequest, template: dict[str, Any]) -> Stack:
    """Return a stack of each partition, with nothing but what it must be given; SAM writes some ARNs by the Region."""
    return Stack(template, {}, expand(REGIONS[request.param]), partition=request.param)


def of(stack: Stack) -> str:
    """Return the partition of a stack."""
    return str(stack.value({"Ref": "AWS::Partition"}))


def test_the_defaults_are_accepted_everywhere(stack: Stack) -> None:
    """No parameter has to be known beforehand."""
    assert stack.accepted()


def test_snapshots_are_refused_where_there_are_none(template: dict[str, Any], stack: Stack) -> None:
    """By a rule of the template, before anything is changed."""
    snapped = Stack(template, {"SnapStart": "PublishedVersions"}, stack.resources, partition=of(stack))

    assert snapped.accepted() == (of(stack) == "aws")


def test_links_lead_to_the_console_of_the_partition(template: dict[str, Any], stack: Stack) -> None:
    """Another partition's would not know the account."""
    link = stack.value(template["Outputs"]["DashboardUrl"]["Value"])

    assert link.startswith(CONSOLES[of(stack)])


def test_every_arn_and_address_is_of_the_partition(stack: Stack) -> None:
    """A written-out `arn:aws:` would name nothing in GovCloud, `amazonaws.com` nothing in China."""
    made = [stack.properties(name) for name in stack.resources if stack.has(name)]
    text = _PRINCIPALS.sub("", json.dumps(made))

    assert set(re.findall(r"\barn:([a-z-]+):", text)) == {of(stack)}
    assert set(re.findall(r"\bamazonaws\.com(?:\.cn)?", text)) == {stack.value({"Ref": "AWS::URLSuffix"})}
