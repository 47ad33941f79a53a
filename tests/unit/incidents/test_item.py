"""What the ledger remembers, and the names under which ServiceNow knows it."""

from copy import replace

import pytest

from common.errors import ChangedRequestError
from common.incidents.item import (
    Operation,
    Pending,
    correlation_id_of,
    deployment_prefix,
    order_in,
    problem_of,
)
from common.servicenow.query import equals
from tests.support.problems import CORRELATION_ID, PROBLEM, RECORD, order, orders, pending, settled


def marker(text: str) -> str:
    """Return the marker of a write that applies some alerts."""
    return Pending(Operation.NOTE, orders(text), 0, "me").marker


def test_a_problem_fires_while_any_member_does() -> None:
    """A group is over when its last member is."""
    assert not settled().fires
    assert settled("aF1 bR2").fires
    assert not settled("aR1 bR2").fires


def test_only_what_is_newer_than_what_was_applied_is_new() -> None:
    """Member by member."""
    item = settled("aF2 bR2")

    assert item.newer(orders("aF2 bR1 cR1")) == orders("cR1")
    assert item.newer(orders("aR3 bF2")) == orders("aR3 bF2")


def test_what_is_settled_never_goes_back() -> None:
    """An older statement in a pending write changes nothing."""
    item = pending(Operation.NOTE, "aF1 bF3", "aR2")

    assert item.settled(item.pending_write.orders, RECORD).orders == orders("aR2 bF3")


def test_a_marker_names_the_newest_event_and_all_that_are_applied() -> None:
    """Whatever their order."""
    assert order_in(marker("aF1 bR2")) == order("R2")
    assert marker("aF1 bR2") == marker("bR2 aF1")
    assert len({marker("aF1 bR2"), marker("aR1 bR2"), marker("cF1 bR2"), marker("bR2")}) == 4
    assert len(marker("aF1 bR2")) <= 100


@pytest.mark.parametrize(
    "text", ["", "INC-4711", "servicenow-bridge", "servicenow-bridge:x:0", "servicenow-bridge:٣:0", "a:1:0", "x:1:0:0"]
)
def test_what_is_no_marker_of_ours_names_no_event(text: str) -> None:
    """The field is free for anybody to write into."""
    assert order_in(text) is None


def test_the_key_of_an_attempt_names_the_problem_and_is_safe_in_a_query() -> None:
    """It fits the column of 100 characters."""
    key = correlation_id_of(settled(), orders("F1"))

    assert key.startswith(f"{PROBLEM}-")
    assert len(key) == len(PROBLEM) + 1 + 16
    assert equals("correlation_id", key) == f"correlation_id={key}"
    assert len(key) <= 100


def test_every_attempt_has_a_key_of_its_own() -> None:
    """By event, and by what the ledger had seen before."""
    keys = {
        correlation_id_of(settled(version=version), orders(text)) for version in (0, 1) for text in ("F1", "F2", "aF1")
    }

    assert len(keys) == 6


def test_a_problem_belongs_to_its_deployment() -> None:
    """All problems of one begin alike, so that a lost ledger can be rebuilt from the records."""
    mine = [problem_of("mine", key) for key in ("a", "b")]
    other = problem_of("other", "a")

    assert len({*mine, other}) == 3
    assert all(problem.startswith(deployment_prefix("mine")) for problem in mine)
    assert not other.startswith(deployment_prefix("mine"))
    assert len(other) == 32


def test_an_open_that_was_tried_in_vain_leaves_its_key() -> None:
    """Until a record is there, or was there and is gone."""
    item = pending(Operation.OPEN, "F1")

    assert item.reverted().correlation_id == CORRELATION_ID
    assert item.reverted().settled(orders("R2"), None).correlation_id == CORRELATION_ID
    assert item.settled(orders("F1"), RECORD).correlation_id is None
    assert item.without_record().correlation_id is None


def test_a_callers_key_belongs_to_its_first_request() -> None:
    """Events have no fingerprint, and no say in it."""
    item = settled().asked_with("one")

    assert item.fingerprint == "one"
    assert item.asked_with("one") == item.asked_with("") == item
    assert settled().asked_with("") == settled()
    with pytest.raises(ChangedRequestError, match="before"):
        item.asked_with("two")


def test_a_settled_item_has_no_pending_write() -> None:
    """To ask for it is a defect."""
    assert pending(Operation.OPEN, "F1").pending_write.owner == "another"
    with pytest.raises(ValueError, match="no operation"):
        _ = replace(pending(Operation.OPEN, "F1"), pending=None).pending_write
