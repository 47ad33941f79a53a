import re
import tomllib
from pathlib import Path

import pytest

from common.incidents.own_events import SEVERITIES
from tests.support.rules import PROJECT, aws_rules

COLUMNS = ["Service", "Rule", "Detail types", "Fires", "Recovers", "Severity"]
NO_RECOVERY = "AWS sends no recovery event"
RULES = aws_rules()


def table() -> dict[str, dict[str, str]]:
    """Return the rows of the table in docs/rules-shipped.md, by the name of the rule."""
    document = (PROJECT / "docs" / "rules-shipped.md").read_text()
    lines = [line for line in document.splitlines() if line.count(" | ") == len(COLUMNS) - 1]
    header, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    assert header == COLUMNS
    return {row[1].strip("`"): dict(zip(COLUMNS, row, strict=True)) for row in rows}


def severities(rule: str) -> set[str]:
    """Return the severities that sample events of a rule have."""
    files = (Path(__file__).parent / "expected").glob("*.toml")
    expected = [entry for path in files for entry in tomllib.loads(path.read_text()).values()]
    return {entry["severity"] for entry in expected if entry["rule"] == rule and entry["status"] == "firing"}


def test_the_document_lists_exactly_the_rules_that_are_shipped() -> None:
    """Each rule has one row."""
    assert set(table()) == set(RULES)


@pytest.mark.parametrize("rule", RULES)
def test_a_row_names_the_types_of_events_that_the_rule_takes(rule: str) -> None:
    """As AWS writes them, so that they can be searched for."""
    assert sorted(table()[rule]["Detail types"].split("; ")) == sorted(RULES[rule].detail_types)


@pytest.mark.parametrize("rule", RULES)
def test_a_row_says_where_there_is_no_recovery(rule: str) -> None:
    """Somebody has to resolve those incidents."""
    assert (table()[rule]["Recovers"] == NO_RECOVERY) == (RULES[rule].resolved is None)


@pytest.mark.parametrize("rule", RULES)
def test_a_row_names_every_severity(rule: str) -> None:
    """And none that no event has."""
    named = {word for word in re.findall(r"[a-z]+", table()[rule]["Severity"]) if word in SEVERITIES}
    assert named == severities(rule)
