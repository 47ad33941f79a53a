import re
import tomllib
from pathlib import Path

import pytest

from common.incidents.own_events import SEVERITIES
from local.rule_table import COLUMNS, PAGE, UntoldError, rows, table
from local.written_parts import BY_TICKETS, with_part
from tests.support.rules import DIRECTORY, SHIPPED, aws_rules

RULES = aws_rules()
RULE = """# A tool, by webhook.

[[rule]]
# Fires: always,
#   whatever comes
# Severity: what it says
name = "tool-alert"
source = "webhook.tool"
detail_type = "Webhook"
key = ["detail.id"]
firing = "`true`"
severity = "detail.severity"

[rule.fields]
short_description = "It fires"
"""


def cells() -> dict[str, dict[str, str]]:
    """Return the rows of the table, by the name of the rule."""
    return {row.rule.name: dict(zip(COLUMNS, row.cells(), strict=True)) for row in rows(DIRECTORY)}


CELLS = cells()


def severities(rule: str) -> set[str]:
    """Return the severities that sample events of a rule have, where they say what AWS documents."""
    files = (Path(__file__).parent / "expected").glob("*.toml")
    entries = [each for path in files for each in tomllib.loads(path.read_text()).items()]
    expected = [entry for name, entry in entries if not name.endswith("-odd")]
    return {entry["severity"] for entry in expected if entry["rule"] == rule and entry["status"] == "firing"}


def told(folder: Path, text: str) -> dict[str, str]:
    """Return the only row of a folder with one rule file that holds `text`."""
    (folder / "tool.toml").write_text(text)
    [row] = rows(folder)
    return dict(zip(COLUMNS, row.cells(), strict=True))


def test_the_document_shows_the_table_as_the_rule_files_tell_it() -> None:
    """`make tickets` writes it; each shipped rule has one row."""
    page = PAGE.read_text(encoding="utf-8")
    assert with_part(page, BY_TICKETS, table()) == page
    assert table() in page
    assert set(CELLS) == {rule.name for rule in SHIPPED}


@pytest.mark.parametrize("rule", RULES)
def test_a_row_names_every_severity(rule: str) -> None:
    """And none that no event has."""
    named = {word for word in re.findall(r"[a-z]+", CELLS[rule]["Severity"]) if word in SEVERITIES}
    assert named == severities(rule)


def test_a_row_is_told_by_the_comments_under_the_rule(tmp_path: Path) -> None:
    """One that goes on is joined; what the rule itself answers needs none."""
    row = told(tmp_path, RULE)
    assert (row["About"], row["Fires"]) == ("[A tool](../src/rules/tool.toml)", "always, whatever comes")
    assert row["Recovers"] == "no event tells; a person resolves"
    constant = RULE.replace("# Severity: what it says\n", "").replace("detail.severity", "'low'")
    assert told(tmp_path, constant)["Severity"] == "low"


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("# Fires: always,\n#   whatever comes\n", "", "lacks a comment: # Fires"),
        ("# Severity: what it says\n", "", "lacks a comment: # Severity"),
        ("# Severity", "# Recovers: never\n# Severity", "has a comment that the rule itself answers: # Recovers"),
        ('name = "tool-alert"\nsource = "webhook.tool"', 'source = "webhook.tool"\nname = "tool-alert"', "tool-alert"),
    ],
)
def test_what_a_rule_file_does_not_tell_is_named(tmp_path: Path, before: str, after: str, says: str) -> None:
    """Whoever adds a rule sees which comment is missing, or is one too many."""
    assert before in RULE
    with pytest.raises(UntoldError, match=says):
        told(tmp_path, RULE.replace(before, after))
