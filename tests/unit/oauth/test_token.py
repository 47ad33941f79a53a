import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.oauth.token import AccessToken, is_bearer_value

SHARE = 0.6


def token(life: float = 1800.0, *, renewable: bool = True, value: str = "value", issued: float = 0.0) -> AccessToken:
    """Return a token that was just issued."""
    return AccessToken(value, issued, issued + life, issued, renewable)


def test_a_token_is_fresh_then_stale_then_expired_a_minute_early() -> None:
    """The share of the life that was drawn ends the first state, the safety margin the second."""
    assert (token().fresh_until(SHARE), token().usable_until) == (1080.0, 1740.0)


def test_a_short_life_gives_up_a_tenth_instead_of_a_minute() -> None:
    """Else a token of 50 seconds could never be used."""
    assert token(50.0).usable_until == pytest.approx(45.0)


def test_a_token_that_is_not_renewable_is_fresh_to_its_very_end() -> None:
    """Asking for it earlier would bring the same token again."""
    ageing = token(renewable=False)
    assert ageing.fresh_until(SHARE) == ageing.usable_until == 1800.0


def test_the_least_interval_is_a_minute_or_a_tenth_of_the_life() -> None:
    """Short-lived tokens may be asked for more often."""
    assert token().least_interval == 60.0
    assert token(50.0).least_interval == pytest.approx(5.0)


@given(life=st.floats(5.0, 86_400.0), share=st.floats(0.5, 0.83))
def test_every_token_can_be_used_before_it_turns_stale_and_renewed_before_it_expires(life: float, share: float) -> None:
    """Whatever the life and the draw, all three states come, in order."""
    some = token(life)
    assert some.issued < some.fresh_until(share) < some.usable_until < some.expires


def test_another_value_is_a_new_token() -> None:
    """There is nothing to compare with."""
    previous, answer = token(value="one"), token(value="two", issued=600.0)
    assert answer.after(previous) is answer
    assert answer.after(None) is answer


def test_the_same_value_with_its_life_renewed_is_as_good_as_a_new_token() -> None:
    """KB0791140: the expiry is moved to a full lifespan."""
    answer = token(issued=600.0)
    assert answer.after(token()) is answer


def test_the_same_value_with_the_seconds_that_are_left_goes_on_ageing() -> None:
    """The life is counted from when it was first seen, and nobody asks again before its end."""
    answer = AccessToken("value", 600.0, 1799.0, 600.0)
    assert answer.after(token()) == AccessToken("value", 0.0, 1799.0, 600.0, renewable=False)


def test_an_earlier_sight_of_the_same_value_says_nothing_about_the_server() -> None:
    """Two environments may have asked at about the same time, and read each other's answers in any order."""
    earlier = token()
    assert earlier.after(token(issued=0.5)) is earlier


@pytest.mark.parametrize(
    ("one", "other", "newer"),
    [
        (token(value="one", issued=2.0), token(value="other", issued=1.0), True),
        (token(value="one", issued=1.0), token(value="other", issued=2.0), False),
        (token(value="one"), token(value="other"), False),
        (AccessToken("value", 0.0, 1800.0, 600.0), token(issued=1.0), True),
        (AccessToken("value", 0.0, 1799.0, 600.0, renewable=False), token(issued=1.0), True),
        (token(), token(issued=1.0), False),
        (token(), token(), False),
        (AccessToken("value", 0.0, 1800.0, 1001.0), token(issued=1000.0), False),
    ],
)
def test_the_newer_one_was_issued_later_or_is_the_same_as_the_endpoint_was_asked_later(
    one: AccessToken, other: AccessToken, *, newer: bool
) -> None:
    """When one and the same was first seen does not matter; a life that was renewed meanwhile does."""
    assert one.is_newer_than(other) is newer


def test_the_value_never_shows_in_a_representation() -> None:
    """Representations end in logs."""
    assert "value-of-it" not in repr(token(value="value-of-it"))


@pytest.mark.parametrize("value", ["a", "Ab9-._~+/=", "x" * 8192])
def test_visible_characters_make_a_bearer_value(value: str) -> None:
    """Opaque tokens and JWTs are made of them."""
    assert is_bearer_value(value)


@pytest.mark.parametrize(
    "value", ["", "a b", "a\n", "a\r\nX-Injected: 1", "ä", "\x7f", "x" * 8193, None, 7, True, ["a"]]
)
def test_anything_else_is_no_bearer_value(value: object) -> None:
    """It could not be sent in a header, or would inject another one."""
    assert not is_bearer_value(value)
