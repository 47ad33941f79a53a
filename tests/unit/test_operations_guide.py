"""The list of metrics in docs/operations.md is that of the code."""

import re
from pathlib import Path

from local.yaml_text import read_yaml
from tests.support.alarms import TEMPLATE
from tests.support.metrics import reported_metrics

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "operations.md").read_text()


def test_the_guide_lists_exactly_the_metrics_that_are_reported() -> None:
    """With what each means."""
    listed = re.findall(r"^\| `([A-Z][A-Za-z]+)` \| (.{10,}) \|$", GUIDE, re.MULTILINE)

    assert [name for name, _ in listed] == [*dict.fromkeys(name for name, _ in listed)]
    assert {name for name, _ in listed} == reported_metrics()


def test_the_table_of_costs_counts_the_alarms_that_a_stack_of_defaults_has() -> None:
    """Those without a condition, and the one on the refresh of the token, at 0.10 $ a month each."""
    resources = read_yaml(TEMPLATE.read_text())["Resources"].values()
    alarms = [found for found in resources if found["Type"] == "AWS::CloudWatch::Alarm"]
    number = sum(found.get("Condition", "RefreshesToken") == "RefreshesToken" for found in alarms)

    assert f" {number} alarms {number * 0.1:.2f}," in GUIDE
