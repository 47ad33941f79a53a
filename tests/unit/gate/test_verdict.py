"""What state and approval of a change mean for whom it lets wait."""

import pytest

from common.gate.verdict import Outcome, outcome_of

UNDECIDED = None


@pytest.mark.parametrize(
    ("state", "approval", "outcome"),
    [
        ("-5", "not requested", UNDECIDED),
        ("-5", "approved", UNDECIDED),
        ("-5", "rejected", Outcome.REJECTED),
        ("-4", "requested", UNDECIDED),
        ("-4", "approved", UNDECIDED),
        ("-3", "requested", UNDECIDED),
        ("-3", "approved", UNDECIDED),
        ("-3", "rejected", Outcome.REJECTED),
        ("-2", "approved", Outcome.APPROVED),
        ("-2", "not requested", Outcome.APPROVED),
        ("-2", "requested", UNDECIDED),
        ("-2", "rejected", Outcome.REJECTED),
        ("-1", "approved", Outcome.APPROVED),
        ("0", "", Outcome.APPROVED),
        ("3", "approved", Outcome.CLOSED),
        ("4", "approved", Outcome.CANCELED),
        ("4", "rejected", Outcome.CANCELED),
        ("17", "approved", Outcome.APPROVED),
        ("17", "", UNDECIDED),
        ("", "approved", UNDECIDED),
        ("", "", UNDECIDED),
    ],
)
def test_nothing_goes_on_before_people_agreed(state: str, approval: str, outcome: Outcome | None) -> None:
    """An approval of Assess alone is none; standard changes are approved by their template, others by people."""
    fields = {name: text for name, text in (("state", state), ("approval", approval)) if text}
    assert outcome_of(fields) is outcome


def test_what_is_not_active_any_more_is_closed() -> None:
    """In whatever state a company's own model leaves it."""
    assert outcome_of({"state": "17", "approval": "approved", "active": "false"}) is Outcome.CLOSED
