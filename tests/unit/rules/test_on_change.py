"""What a rule says about changes in ServiceNow: what is read, what is a mistake, and where that stands."""

from pathlib import Path

import pytest

from common.incidents.rules import read_rules
from common.incidents.rules.on_change import ACTIONS, chosen
from local.close_codes import unknown_close_codes
from tests.support.rules import SHIPPED

RULE = """\
[[rule]]
name = "mine"
source = "shop.orders"
detail_type = "Order"
key = ["detail.id"]
firing = "`true`"
fields = { short_description = "x" }
object = { id = "detail.id" }
[[rule.on_change]]
to = "closed"
action = "guardduty"
set = "ARCHIVED"
[[rule.on_change]]
"""


def mistakes(tmp_path: Path, text: str) -> list[str]:
    """Return what is wrong with a file of rules."""
    (tmp_path / "mine.toml").write_text(text)
    _, found = read_rules(tmp_path)
    return [str(mistake) for mistake in found or unknown_close_codes(tmp_path)]


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ('action = "guardduty"\nset = "ARCHIVED"', "to is missing"),
        ('to = "solved"\naction = "guardduty"\nset = "ARCHIVED"', "to has solved, which is none of opened"),
        ('to = "closed"\naction = "macie"\nset = "ARCHIVED"', "action is macie; the actions are securityhub"),
        ('to = "closed"\naction = "guardduty"\nset = "SOLVED"', "set is SOLVED; guardduty can set ARCHIVED, CURRENT"),
        ('to = "closed"\naction = "guardduty"', "set is missing"),
        ('to = "closed"\naction = "guardduty"\nset = "ARCHIVED"\nfeedback = "GOOD"', "feedback is GOOD"),
        ('to = "closed"\naction = "guardduty"\nset = "ARCHIVED"\nmatch = "a b"', "match is wrong"),
        ('to = "closed"\naction = "guardduty"\nset = "ARCHIVED"\nwhen = "x"', "when is not known"),
        ('to = "closed"\nclose_code = "Nonsense"\naction = "guardduty"\nset = "ARCHIVED"', "close_code has Nonsense"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, entry: str, told: str) -> None:
    """The line at which the entry begins, its number, and what there is instead."""
    (found,) = mistakes(tmp_path, RULE + entry)

    assert found.startswith("mine.toml:13, rule mine: on_change 2, ")
    assert told in found


def test_a_code_of_ones_own_is_listed_at_the_top(tmp_path: Path) -> None:
    """Whatever an instance calls a false positive."""
    entry = 'to = "closed"\nclose_code = "False positive"\naction = "guardduty"\nset = "ARCHIVED"'

    assert mistakes(tmp_path, f'close_codes = ["False positive"]\n{RULE}{entry}') == []


def test_an_action_needs_to_know_its_object(tmp_path: Path) -> None:
    """Security Hub finds no finding by its id alone."""
    (found,) = mistakes(tmp_path, RULE + 'to = "closed"\naction = "securityhub"\nset = "RESOLVED"')

    assert "object has to name id and product_arn or metadata_uid" in found


def test_an_override_goes_before_its_rule_and_asks_nothing_of_the_first_event(tmp_path: Path) -> None:
    """An empty value leaves the object as it is; a condition belongs to an entry."""
    override = '[[override]]\nrules = "mine"\n{}[[override.on_change]]\nto = "closed"\naction = "guardduty"\nset = ""\n'
    text = RULE + 'to = "reopened"\naction = "guardduty"\nset = "CURRENT"\n' + override

    assert mistakes(tmp_path, text.replace("{}", "")) == []
    rule = read_rules(tmp_path)[0].of_record("mine")
    assert rule is not None
    assert chosen(rule.on_change, {"closed"}, "", {}) == ()
    assert [entry.value for entry in chosen(rule.on_change, {"reopened"}, "", {})] == ["CURRENT"]
    (found,) = mistakes(tmp_path, text.replace("{}", 'match = "detail.id"\n'))
    assert "match can't be asked about a change" in found


def test_a_condition_sees_the_event_of_the_change(tmp_path: Path) -> None:
    """Of one account for example."""
    entry = 'to = "reopened"\naction = "guardduty"\nset = "CURRENT"\nmatch = "detail.account == \'111122223333\'"'
    assert mistakes(tmp_path, RULE + entry) == []
    rule = read_rules(tmp_path)[0].of_record("mine")
    assert rule is not None

    assert chosen(rule.on_change, {"reopened"}, "", {"detail": {"account": "1"}}) == ()
    assert len(chosen(rule.on_change, {"reopened"}, "", {"detail": {"account": "111122223333"}})) == 1


def test_every_action_is_used_by_a_shipped_rule() -> None:
    """And what each rule names finds something in a sample (tests/unit/rules/expected)."""
    assert {entry.action for rule in SHIPPED for entry in rule.on_change} == set(ACTIONS)


def test_a_rule_that_is_gone_says_nothing() -> None:
    """Its records stay as they are."""
    assert SHIPPED.of_record("gone") is None
