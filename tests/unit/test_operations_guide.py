"""The list of metrics in docs/operations.md is that of the code."""

import re
from pathlib import Path

from tests.support.metrics import reported_metrics

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "operations.md").read_text()


def test_the_guide_lists_exactly_the_metrics_that_are_reported() -> None:
    """With what each means."""
    listed = re.findall(r"^\| `([A-Z][A-Za-z]+)` \| (.{10,}) \|$", GUIDE, re.MULTILINE)

    assert [name for name, _ in listed] == [*dict.fromkeys(name for name, _ in listed)]
    assert {name for name, _ in listed} == reported_metrics()
