"""Whatever the threat model says holds a line exists."""

import re
from pathlib import Path

import pytest

from local.yaml_text import read_yaml

PROJECT = Path(__file__).resolve().parents[2]
TEXT = (PROJECT / "docs" / "threat-model.md").read_text(encoding="utf-8")
NUMBERS = re.compile(r"\b(V\d+(?:\.\d+)*|R\d+(?:\.\d+)+)\b")
TEMPLATE: set[str] = set(read_yaml((PROJECT / "template.yaml").read_text(encoding="utf-8"))["Resources"])
REFERENCES = re.findall(r"\[((?:tests|docs)/[^\]]+|template\.yaml:[^\]]+)\]", TEXT)

# How many requirements each section of OWASP ASVS 5.0 has, of the chapters that are named (the tables of the chapters).
ASVS = {
    "1": (2, 10, 12, 3, 3),
    "2": (3, 3, 5, 2),
    "4": (5, 5, 2, 4),
    "5": (1, 6, 3, 3),
    "8": (4, 4, 3, 2),
    "10": (2, 3, 5, 16),
    "12": (5, 2, 5),
    "13": (4, 6, 4, 7),
    "14": (2, 8, 3),
    "15": (5, 5, 7, 4),
    "16": (1, 5, 4, 3, 4),
}
# The sections of RFC 9700 below its chapters 2 and 4, by its table of contents.
RFC_9700 = {
    *(f"2.{number}" for number in range(1, 7)),
    *("2.1.1", "2.1.2", "2.2.1", "2.2.2"),
    *(f"4.{number}" for number in range(1, 18)),
    *("4.8.1", "4.8.2", "4.9.1", "4.9.2", "4.9.3", "4.10.1", "4.10.2", "4.10.3"),
}


@pytest.mark.parametrize("reference", sorted(set(REFERENCES)))
def test_what_holds_a_line_exists(reference: str) -> None:
    """A test by its file and name, a part of the template by its logical id, or a page."""
    file, _, name = reference.partition("::")
    if file.startswith("template.yaml:"):
        assert file.removeprefix("template.yaml:") in TEMPLATE
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


def test_every_number_is_one_of_the_standard() -> None:
    """A requirement of ASVS by chapter, section and number; a section of RFC 9700."""
    numbers = set(NUMBERS.findall(TEXT))
    assert len(numbers) > 40
    for number in numbers:
        if number.startswith("R"):
            assert number[1:] in RFC_9700, number
            continue
        chapter, section, requirement = number[1:].split(".")
        assert 1 <= int(requirement) <= ASVS[chapter][int(section) - 1], number


def test_every_line_has_its_numbers() -> None:
    """Each row, each thing that an attacker tries, each that is left open: a reviewer looks for those of his list."""
    rows = [line for line in TEXT.splitlines() if line.startswith("| ") and "held by" not in line]
    tried = TEXT.partition("## What an attacker tries")[2].partition("## What is logged")[0]
    attempts = [text for text in re.split(r"\[[^\]]+\]", tried)[:-1] if text.strip(" ,\n")]
    left_open = re.split(r"^- ", TEXT.partition("## What is left open on purpose")[2], flags=re.MULTILINE)[1:]
    assert len(rows) >= 13
    assert len(attempts) >= 18
    assert len(left_open) >= 10
    assert [line for line in [*rows, *attempts, *left_open] if not NUMBERS.search(line)] == []
