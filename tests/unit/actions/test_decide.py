"""Which action follows which change: whose it is, what the record became, and what its rule says."""

import pytest

from common.actions.decide import actions_of, became
from tests.support.changes import change_of
from tests.support.rules import SHIPPED

RULES = {rule.name: rule for rule in SHIPPED}


@pytest.mark.parametrize(
    ("old", "new", "names"),
    [
        (None, "1", {"opened", "new"}),
        (None, "2", {"opened", "in_progress"}),
        (None, "7", {"closed"}),
        ("1", "2", {"in_progress"}),
        ("2", "3", {"on_hold"}),
        ("2", "6", {"resolved"}),
        ("6", "7", {"closed"}),
        ("1", "8", {"canceled"}),
        ("6", "2", {"reopened", "in_progress"}),
        ("7", "1", {"reopened", "new"}),
        ("2", "2", set()),
        ("2", "17", set()),
    ],
)
def test_a_record_becomes_what_its_state_says(old: str | None, new: str, names: set[str]) -> None:
    """An incident's; a change that leaves its state as it was makes nothing of it."""
    assert became(change_of(old, new)) == names


def test_a_close_code_that_is_corrected_counts_as_closing_again() -> None:
    """Somebody says later that it was a duplicate; of an open record the code means nothing yet."""
    corrected = {"changes": {"close_code": {"old": "Solution provided", "new": "Duplicate"}}}

    assert became(change_of("7", "7", **corrected)) == {"closed"}
    assert became(change_of("2", "2", **corrected)) == frozenset()


@pytest.mark.parametrize(
    ("old", "new", "by", "close_code", "value"),
    [
        (None, "1", "bridge", "", "NOTIFIED"),
        (None, "2", "several", "", "NOTIFIED"),
        ("2", "6", "person", "Solution provided", "RESOLVED"),
        ("2", "6", "several", "Solution provided", "RESOLVED"),
        ("2", "7", "person", "Duplicate", "SUPPRESSED"),
        ("6", "2", "person", "Duplicate", "NOTIFIED"),
        ("2", "6", "bridge", "Solution provided", ""),
        (None, "6", "bridge", "Solution provided", ""),
        ("6", "2", "bridge", "", ""),
        ("2", "6", "integration", "Solution provided", ""),
        ("1", "2", "person", "", ""),
    ],
)
def test_a_finding_follows_people_and_the_opening_alone(
    old: str | None, new: str, by: str, close_code: str, value: str
) -> None:
    """What the bridge or another integration does is not answered, or it would answer itself."""
    change = change_of(old, new, by=by, close_code=close_code)

    actions = actions_of(change, RULES["securityhub-finding"], {"securityhub"})

    assert [action.value for action in actions] == ([value] if value else [])


def test_what_is_not_switched_on_is_not_done() -> None:
    """The parameter RecordActions lists what is."""
    assert actions_of(change_of("2", "6"), RULES["securityhub-finding"], set()) == ()


def test_a_record_without_a_rule_is_left_alone() -> None:
    """One of a caller, an adopted one, or one whose rule is gone."""
    assert actions_of(change_of("2", "6"), None, {"securityhub"}) == ()


def test_an_object_that_is_not_named_fully_is_left_out() -> None:
    """Security Hub knows no finding by half of its name."""
    (action,) = actions_of(
        change_of("2", "6", objects=[{"id": "1"}, {"metadata_uid": "2"}]), RULES["securityhub-finding"], {"securityhub"}
    )

    assert action.objects == ({"metadata_uid": "2"},)
