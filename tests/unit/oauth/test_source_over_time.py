import math
from dataclasses import replace

import pytest

from common.errors import (
    BridgeError,
    NotYetError,
)
from common.oauth.token import AccessToken, Miss
from tests.support.clock import EPOCH
from tests.support.oauth import AWAY, REFUSED, STALE_AT, Issuer, Stack


class TestAgeing:
    """A server that hands out one token with less and less time left."""

    @pytest.fixture(autouse=True)
    def fixed(self, stack: Stack) -> None:
        """Let the endpoint be such a server."""
        stack.issuer.behaviour = "fixed"

    def test_it_is_asked_once_in_vain_and_then_not_before_the_end(self, stack: Stack) -> None:
        """The token is used to its last second."""
        stack.token()
        stack.clock.advance(STALE_AT)
        for _ in range(602):
            assert stack.token().value == "token-1"
            stack.clock.advance(1)
        assert stack.asked == 2

    def test_all_environments_learn_it_from_one(self, stack: Stack) -> None:
        """Through the store, though the token is unchanged."""
        others = [stack.another() for _ in range(10)]
        for source in (stack.source, *others):
            stack.token(source)
        stack.token(after=STALE_AT)
        for _ in range(600):
            for source in others:
                stack.token(source)
            stack.clock.advance(1)
        assert stack.asked == 2

    def test_environments_that_asked_at_the_same_time_learn_it_too(self, stack: Stack) -> None:
        """They have noted different times of issue of the one token."""
        other = stack.another()
        stack.token()
        stack.clock.advance(0.5)
        stored, stack.store.kept = stack.store.kept, Miss.ABSENT
        stack.token(other)
        stack.store.kept = stored
        stack.token(after=STALE_AT)
        assert stack.asked == 3
        stack.token(other)
        assert stack.asked == 3

    def test_a_new_environment_that_asked_does_not_make_others_forget_it(self, stack: Stack) -> None:
        """It had nothing to compare the answer with; they have, and use the token to its last second."""
        other = stack.another()
        stack.token(other)
        stack.token()
        stack.clock.advance(STALE_AT)
        stack.store.kept = Miss.ABSENT
        stack.token(stack.another())
        assert stack.token(other).renewable is False
        assert stack.token(other, after=1795 - STALE_AT).value == "token-1"
        assert stack.asked == 2

    def test_after_its_end_environments_ask_one_after_the_other(self, stack: Stack) -> None:
        """Each waits for a moment that it draws, looks, and mostly finds the new one."""
        stack.token()
        stack.token(after=STALE_AT)
        assert stack.token(after=1800 - STALE_AT).value == "token-2"
        assert stack.clock.slept == [pytest.approx(1 + 5 * math.log((1 + math.exp(10)) / 2) / 10)]
        assert (stack.asked, stack.store.looks) == (3, 3)

    def test_the_next_token_is_not_asked_for_in_vain_again(self, stack: Stack) -> None:
        """The server is known by now, to everybody who sees the token."""
        other = stack.another()
        for source in (stack.source, other):
            stack.token(source)
        stack.token(after=STALE_AT)
        stack.clock.advance(1800 - STALE_AT)
        for _ in range(1700):
            for source in (stack.source, other):
                stack.token(source)
            stack.clock.advance(1)
        assert stack.asked == 3

    @pytest.mark.parametrize("behaviour", ["sliding", "fresh"])
    def test_a_server_that_renews_its_tokens_after_all_is_found_out(self, stack: Stack, behaviour: str) -> None:
        """Some tokens are asked for early all the same; from then on nobody loses one any more."""
        stack.reach_the_end()
        stack.issuer.behaviour = behaviour
        stack.dice.share = 0.1
        stack.token()
        stack.dice.share = 0.5
        waits = len(stack.clock.slept)
        for _ in range(10):
            stack.token(after=STALE_AT)
        assert stack.asked == 13
        assert len(stack.clock.slept) == waits

    def test_a_cold_environment_learns_of_the_end_from_the_store(self, stack: Stack) -> None:
        """It looks, waits, and looks again."""
        stack.reach_the_end()
        looks = stack.store.looks
        assert stack.token(stack.another()).value == "token-2"
        assert stack.store.looks == looks + 2

    def test_long_after_its_end_nobody_waits(self, stack: Stack) -> None:
        """There is no crowd any more."""
        stack.token()
        stack.token(after=STALE_AT)
        stack.token(after=700)
        assert stack.clock.slept == []

    def test_a_caller_in_a_hurry_asks_at_once(self, stack: Stack) -> None:
        """One request too many is better than a call too late."""
        stack.reach_the_end()
        stack.source.token(stack.deadline(6.0))
        assert stack.clock.slept == []

    def test_a_crowd_that_the_store_can_not_serve_is_sent_away(self, stack: Stack) -> None:
        """If everybody asked instead, the endpoint would be overrun."""
        stack.reach_the_end()
        stack.store.kept = Miss.BUSY
        with pytest.raises(NotYetError, match="More environments"):
            stack.token()
        assert stack.asked == 2
        assert stack.token(after=900).value == "token-2"


@pytest.mark.parametrize("behaviour", ["sliding", "fixed", "fresh"])
@pytest.mark.parametrize("life", [5.0, 50.0, 280.0])
def test_twenty_calls_cost_one_request_however_short_the_life(stack: Stack, behaviour: str, life: float) -> None:
    """Clients that refresh a fixed time early ask for each call."""
    stack.issuer = Issuer(stack.clock, behaviour, life)
    source = stack.another()
    for _ in range(20):
        stack.token(source)
    assert stack.asked == 1


@pytest.mark.parametrize("behaviour", ["sliding", "fixed", "fresh"])
def test_a_day_of_calls_costs_a_few_requests_a_lifetime(stack: Stack, behaviour: str) -> None:
    """And no call ever gets a token that is past its end."""
    stack.issuer.behaviour = behaviour
    while stack.clock.now() < EPOCH + 86_400:
        assert stack.token().expires > stack.clock.now()
        stack.clock.advance(7)
    assert 48 <= stack.asked <= 2 * 49


class TestClock:
    """Wall clocks are wrong now and then."""

    @pytest.mark.parametrize("behaviour", ["sliding", "fixed", "fresh"])
    def test_an_hour_ahead_costs_one_request(self, stack: Stack, behaviour: str) -> None:
        """The token in hand looks expired, and so does the stored one."""
        stack.issuer.behaviour = behaviour
        stack.token()
        stack.clock.jump(3600)
        for _ in range(5):
            stack.token()
        assert stack.asked == 2

    def test_an_hour_behind_is_healed_by_the_first_401(self, stack: Stack) -> None:
        """The token in hand looks fresh for too long."""
        old = stack.token()
        stack.clock.jump(-3600)
        assert stack.token() is old
        stack.issuer.behaviour = "fresh"
        assert stack.rejected(old).value == "token-2"

    def test_a_freeze_of_hours_costs_one_look(self, stack: Stack) -> None:
        """Another environment has kept the stored token fresh meanwhile."""
        other = stack.another()
        stack.token()
        for _ in range(12):
            stack.refresh(other, after=900)
        asked = stack.asked
        assert stack.token().expires > stack.clock.now()
        assert stack.asked == asked


class TestRefresher:
    """The scheduled function that keeps the stored token fresh."""

    def test_it_asks_where_there_is_none(self, stack: Stack) -> None:
        """The first run after a deployment."""
        assert stack.refresh() == stack.store.kept

    def test_it_renews_from_one_third_of_the_life_on(self, stack: Stack) -> None:
        """Every five minutes: at 600 s, not at 300 s."""
        for expected in (1, 1, 2, 2, 3):
            stack.refresh()
            assert stack.asked == expected
            stack.clock.advance(300)

    def test_it_takes_what_others_have_stored(self, stack: Stack) -> None:
        """It renews the shared token, not one of its own."""
        other = stack.another()
        stack.refresh()
        stack.clock.advance(500)
        stack.issuer.behaviour = "fresh"
        stack.refresh(other)
        other._memory.reject(stack.token(other, after=200))
        stack.issuer.behaviour = "sliding"
        newest = stack.token(other)
        asked = stack.asked
        assert stack.refresh() == newest
        assert stack.asked == asked

    def test_it_mends_a_store_that_lost_the_token(self, stack: Stack) -> None:
        """Or holds an older one."""
        token = stack.refresh()
        for lost in (Miss.ABSENT, AccessToken("older", EPOCH - 60, EPOCH + 1740, EPOCH - 60)):
            stack.store.kept = lost
            stack.refresh()
            assert stack.store.kept == token
        assert stack.asked == 1
        assert set(stack.store.clients) == {"bridge"}
        saved = len(stack.store.saved)
        stack.refresh()
        assert len(stack.store.saved) == saved

    def test_it_leaves_an_ageing_token_alone_once_that_is_known(self, stack: Stack) -> None:
        """Asking would bring the same one."""
        stack.issuer.behaviour = "fixed"
        for _ in range(6):
            stack.refresh()
            stack.clock.advance(299)
        assert stack.asked == 2

    def test_it_tells_all_others_that_a_token_ages(self, stack: Stack) -> None:
        """Though a new environment has asked and stored the token as if it were new."""
        stack.issuer.behaviour = "fixed"
        stack.refresh()
        stack.clock.advance(300)
        stack.store.kept = Miss.ABSENT
        stack.token(stack.another())
        assert stack.newest_stored().renewable is True
        stack.refresh()
        assert stack.newest_stored().renewable is False
        assert (stack.newest_stored().issued, stack.asked) == (EPOCH, 2)

    def test_it_keeps_the_least_interval(self, stack: Stack) -> None:
        """However often it runs."""
        stack.refresh()
        stack.clock.advance(600)
        stack.store.kept = replace(stack.newest_stored(), asked=stack.clock.now() - 10)
        stack.refresh()
        assert stack.asked == 1

    @pytest.mark.parametrize("trouble", [AWAY, REFUSED])
    def test_it_raises_what_went_wrong_though_the_token_would_do(self, stack: Stack, trouble: BridgeError) -> None:
        """The alarm on its failures is what tells people in time."""
        stack.refresh()
        stack.clock.advance(600)
        stack.issuer.troubles.append(trouble)
        with pytest.raises(type(trouble)):
            stack.refresh()
        assert stack.token().value == "token-1"
