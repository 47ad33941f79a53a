"""Keys, orders and folds."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.incidents.alert import Fold, dedup_key, digest, is_firing, order_key
from tests.support.problems import orders
from tests.support.world import alerts

anything = st.text(st.characters(codec=None, categories=None), max_size=8)


def words(fold: Fold) -> list[str]:
    """Return the notes of a fold's alerts without what they have in common."""
    return [alert.note.removeprefix("note of ") for alert in fold.alerts]


@given(st.integers(0, 10**13), st.integers(0, 10**13))
def test_a_later_statement_has_a_larger_order_key(first: int, second: int) -> None:
    """Whatever the two say; at equal times firing is larger."""
    for firing in (True, False):
        for other in (True, False):
            smaller = order_key(first, firing=firing) < order_key(second, firing=other)
            assert smaller is ((first, firing) < (second, other))


@pytest.mark.parametrize("firing", [True, False])
def test_the_order_key_tells_the_status(firing: bool) -> None:  # noqa: FBT001 (parametrized)
    """Its last digit does."""
    assert is_firing(order_key(1_900_000_000_123, firing=firing)) is firing


@given(st.lists(anything, max_size=4), st.lists(anything, max_size=4))
def test_different_parts_make_different_keys(first: list[str], second: list[str]) -> None:
    """Whatever characters they hold, and wherever one part ends."""
    assert (dedup_key(*first) == dedup_key(*second)) is (first == second)
    assert (digest(*first) == digest(*second)) is (first == second)


@given(st.lists(anything, max_size=4))
def test_a_dedup_key_can_be_stored_and_read_again(parts: list[str]) -> None:
    """DynamoDB takes UTF-8 and nothing else."""
    key = dedup_key(*parts)

    key.encode("utf-8")
    assert json.loads(key) == parts


def test_a_dedup_key_can_be_read_by_people() -> None:
    """Letters of any script stay as they are."""
    assert dedup_key("123456789012", "Größe ☂", "a,b") == '["123456789012","Größe ☂","a,b"]'


def test_a_digest_is_32_hexadecimal_digits() -> None:
    """It goes into encoded queries, where nothing else is safe."""
    assert len(digest("^ORjavascript:")) == 32
    assert set(digest("^ORjavascript:")) <= set("0123456789abcdef")


def test_a_fold_counts_the_newest_of_each_member() -> None:
    """However its messages were ordered."""
    fold = Fold.of(alerts("aR3 bF2 aF1 bR2"))

    assert fold.orders() == orders("aR3 bF2")
    assert words(fold) == ["aF1", "bR2", "bF2", "aR3"]
    assert fold.newest.note == "note of aR3"
    assert fold.key == "problem"


@pytest.mark.parametrize(
    ("text", "applied", "firing", "speaks"),
    [
        ("F1", "F1", True, "F1"),
        ("aF1 bF2", "aF1 bF2", True, "bF2"),
        ("aF1 bR2", "aF1 bR2", True, "aF1"),
        ("aF1 bR2", "aF1 bR2", False, "bR2"),
        ("aF5 aR6 bF3", "aR6 bF3", True, "bF3"),
        ("aF5 bF3", "bF3", True, "bF3"),
    ],
    ids=["one", "the newest", "the only alarm", "the only recovery", "not a superseded one", "not an applied one"],
)
def test_the_newest_alert_that_is_being_applied_speaks(text: str, applied: str, *, firing: bool, speaks: str) -> None:
    """Its fields and its note are written."""
    assert Fold.of(alerts(text)).speaker(orders(applied), firing=firing).note == f"note of {speaks}"
