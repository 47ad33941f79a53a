import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.rules import DIRECTORY, PROJECT, aws_rules, rule_files, samples, shipped_types

FILES = rule_files()
RULES = [(stem, rule) for stem, content in FILES.items() for rule in content["rule"]]
ORDER = [
    *(
        "name",
        "source",
        "detail_type",
        "each",
        "when",
        "key",
        "origin",
        "firing",
        "resolved",
        "time",
        "quiet_until",
        "quiet_by",
        "severity",
        "link",
    ),
    *("with", "fields", "notes", "policy", "object", "on_change"),
]
EXPECTED = sorted((Path(__file__).parent / "expected").glob("*.toml"))
OF_AWS = re.compile(r"https://docs\.aws\.amazon\.com/\S+\.html")

# `!a.b` means `(!a).b` in JMESPath, which never holds; `!(a.b)` is what everybody means.
WRONG_NOT = re.compile(r"!(?![=(])")


def texts(value: Any) -> Iterator[str]:  # noqa: ANN401 (any TOML value)
    """Yield every text in a table or list."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from texts(inner)


def every_rule() -> pytest.MarkDecorator:
    """Run a test for each rule, with the name of its file."""
    return pytest.mark.parametrize(("stem", "rule"), RULES, ids=[rule["name"] for _, rule in RULES])


@pytest.mark.parametrize("stem", FILES)
def test_a_rule_file_says_where_its_facts_come_from(stem: str) -> None:
    """It begins with a comment that names pages of AWS's documentation."""
    comment = (DIRECTORY / f"{stem}.toml").read_text().partition("\n\n")[0]
    assert all(line.startswith("#") for line in comment.splitlines())
    assert OF_AWS.search(comment)


@pytest.mark.parametrize(
    "path",
    [*(DIRECTORY / f"{stem}.toml" for stem in FILES), *EXPECTED],
    ids=lambda path: f"{path.parent.name}/{path.stem}",
)
def test_a_file_is_laid_out_like_all_others(path: Path) -> None:
    """One empty line between tables, none at the end, no tabs, no blanks at the end of a line."""
    text = path.read_text()
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    assert "\n\n\n" not in text
    assert "\t" not in text
    assert not re.search(r" $", text, re.MULTILINE)
    assert not re.search(r"[^\n]\n\[", text)
    assert path in EXPECTED or max(map(len, text.splitlines())) <= 120


@every_rule()
def test_a_rule_names_its_parts_in_the_usual_order(stem: str, rule: dict[str, Any]) -> None:
    """Which event, when it fires and recovers, what it says, how the record lives; its name begins like its file."""
    assert rule["name"].startswith(f"{stem}-") or rule["name"] == stem
    assert list(rule) == sorted(rule, key=ORDER.index)


@every_rule()
def test_a_rule_negates_what_it_means_to_negate(stem: str, rule: dict[str, Any]) -> None:
    """A condition that can never hold would go unnoticed."""
    assert not [text for text in texts(rule) if WRONG_NOT.search(text)], stem


def test_a_sample_is_named_after_the_file_of_its_rule() -> None:
    """So are the expectations: whoever reads a rule finds both."""
    assert {path.stem for path in EXPECTED} == set(FILES)
    assert [name for name in samples() if not any(name.startswith(f"{stem}-") for stem in FILES)] == []


@pytest.mark.parametrize("name", samples())
def test_a_sample_is_laid_out_like_all_others(name: str) -> None:
    """Two blanks of indent, as people and tools write JSON."""
    text = (PROJECT / "events" / f"{name}.json").read_text()
    assert text == json.dumps(json.loads(text), indent=2, ensure_ascii=False) + "\n"


def test_the_shipped_types_are_those_of_the_files() -> None:
    """What the template subscribes to can be compared with the rules."""
    assert {source for source, _ in shipped_types()} == {rule["source"] for _, rule in RULES}
    assert len(aws_rules()) == len(RULES)
