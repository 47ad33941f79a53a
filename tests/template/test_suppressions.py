"""What scanners are told to leave out, and why."""

import re
from typing import Any

from tests.template.conftest import TEMPLATE


def test_every_check_that_checkov_leaves_out_says_why(template: dict[str, Any]) -> None:
    """A reader of the template sees the reason beside the resource; `make security` shows the rest."""
    skipped = [
        (name, skip)
        for name, resource in template["Resources"].items()
        for skip in resource.get("Metadata", {}).get("checkov", {}).get("skip", [])
    ]

    assert skipped
    for name, skip in skipped:
        assert re.fullmatch(r"CKV2?_AWS_[0-9]+", skip["id"]), name
        assert len(skip.get("comment", "")) > 40, (name, skip["id"])


def test_no_check_is_left_out_for_the_whole_template() -> None:
    """Neither by a comment of checkov's own form nor by a configuration beside the template."""
    assert "checkov:skip" not in TEMPLATE.read_text()
    assert not [path.name for path in TEMPLATE.parent.glob(".checkov*")]


def test_every_check_that_cfn_lint_leaves_out_says_why(template: dict[str, Any]) -> None:
    """The comment stands behind its number."""
    ignored = template["Metadata"]["cfn-lint"]["config"]["ignore_checks"]

    for check in ignored:
        assert re.search(rf"^ +- {check} # .{{40,}}$", TEMPLATE.read_text(), re.MULTILINE)
