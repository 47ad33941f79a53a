"""What counts as kept of what was written."""

import pytest

from common.servicenow.kept import comparable, ignored


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("6", "6"),
        ("two\nlines ", "two\r\nlines"),
        ("a long text that is cut", "a long text that"),
        ("disk is full", "[AWS] disk is full"),
        ("true", "true"),
        ("1", "true"),
        ("False", "0"),
        ("3", "3.0"),
        ("0" * 32, "0" * 32),
    ],
)
def test_what_servicenow_makes_of_a_value_counts_as_kept(sent: str, shown: str) -> None:
    """It normalises; the meaning stays."""
    assert ignored({"u_field": sent}, {"u_field": shown}) == ()


@pytest.mark.parametrize(
    ("sent", "shown"),
    [("6", "1"), ("6", ""), ("16", "6"), ("one", "another"), ("0" * 32, "1" * 32), ("disk is full", ""), ("1", "2")],
)
def test_what_came_back_as_something_else_was_ignored(sent: str, shown: str) -> None:
    """By an access rule, a data policy, a state model or a business rule."""
    assert ignored({"u_field": sent}, {"u_field": shown}) == ("u_field",)


def test_a_column_that_is_not_there_was_ignored() -> None:
    """The Table API leaves it out, as it does with what the user may not read."""
    assert ignored({"assignment_grp": "x"}, {"short_description": "x"}) == ("assignment_grp",)


def test_journals_and_empty_values_are_not_compared() -> None:
    """Notes append and read empty."""
    fields = {"work_notes": "a note", "comments": "another", "state": "6", "u_empty": ""}
    assert comparable(fields) == ["state"]
    assert ignored(fields, {"work_notes": "", "comments": "", "state": "6"}) == ()
