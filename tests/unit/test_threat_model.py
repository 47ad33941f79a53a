"""Whatever the threat model says holds a line exists."""

import re
from pathlib import Path

import pytest
from samtranslator.yaml_helper import yaml_parse

PROJECT = Path(__file__).resolve().parents[2]
TEXT = (PROJECT / "docs" / "threat-model.md").read_text(encoding="utf-8")
REFERENCES = re.findall(r"\[((?:tests|docs)/[^\]]+|template\.yaml:[^\]]+)\]", TEXT)


@pytest.mark.parametrize("reference", sorted(set(REFERENCES)))
def test_what_holds_a_line_exists(reference: str) -> None:
    """A test by its file and name, a part of the template by its logical id, or a page."""
    file, _, name = reference.partition("::")
    if file.startswith("template.yaml:"):
        resources = yaml_parse((PROJECT / "template.yaml").read_text(encoding="utf-8"))["Resources"]
        assert file.removeprefix("template.yaml:") in resources
        return
    text = (PROJECT / file).read_text(encoding="utf-8")
    assert not name or re.search(rf"\bdef {re.escape(name)}\(", text)


def test_every_row_of_a_table_is_held_by_something() -> None:
    """A door or a log that nothing holds would be a promise."""
    rows = [line for line in TEXT.splitlines() if line.startswith("| ") and "held by" not in line]
    assert len(rows) >= 10
    assert all("[" in row for row in rows)


def test_every_attack_paragraph_is_held_by_something() -> None:
    """Neither is there one about what an attacker tries without a test that tries it."""
    tried = TEXT.partition("## What an attacker tries")[2].partition("## What is logged")[0]
    paragraphs = [text for text in tried.split("\n\n") if text.startswith("**")]
    assert len(paragraphs) >= 4
    assert all("[tests/" in text for text in paragraphs)
