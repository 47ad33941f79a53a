"""What the environments of a fleet do after the end of a token that they all lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.clock import Deadline
from common.errors import NotYetError
from common.oauth.sharing import CLAIM_SECONDS, CROWD_SECONDS, FIRST_TURNS, LATER_TURNS, LATEST_TURNS, Turn
from common.oauth.token import AccessToken, Miss
from common.queue import has_time_for_a_call
from common.servicenow.client import RESERVE_SECONDS
from tests.support.clock import EPOCH
from tests.support.oauth import STALE_AT, Stack

shares = st.floats(0.0, 1.0)

END = EPOCH + 1800.0
# A second after the end, because lives are counted in seconds, environments begin to look.
BEGIN = END + 1.0


@given(share=shares)
def test_the_first_one_comes_within_seconds_of_the_end(share: float) -> None:
    """A call waits for it."""
    assert BEGIN <= Turn.first(END, share).at <= BEGIN + FIRST_TURNS


@pytest.mark.parametrize("environments", [10, 100, 1_000, 10_000, 20_000])
def test_however_many_environments_draw_only_a_few_are_early(environments: int) -> None:
    """Those within half a second of the earliest ask before its token is in the store: two or three on average."""
    moments = [Turn.first(END, (number + 0.5) / environments).at for number in range(environments)]
    assert 1 <= sum(moment < moments[0] + 0.5 for moment in moments) <= 4


@given(now=st.floats(END, END + CROWD_SECONDS), share=shares)
def test_each_time_that_the_store_throttles_the_next_one_may_come_later(now: float, share: float) -> None:
    """Until 10,000 environments have room at 40 reads a second."""
    turn = Turn.first(END, share)
    for spread in (LATER_TURNS, 8 * LATER_TURNS, LATEST_TURNS, LATEST_TURNS):
        turn = turn.later(now, share)
        assert turn.at == now + share * spread
    assert (turn.end, turn.throttled) == (END, 4)


class TestCrowd:
    """An environment that has lost a token together with all others, while the store throttles."""

    @pytest.fixture(autouse=True)
    def ended(self, stack: Stack) -> None:
        """Let the token be at its end, and known to have been one that ages."""
        stack.issuer.behaviour = "fixed"
        stack.token()
        stack.clock.advance(STALE_AT)
        stack.token()
        stack.clock.advance(1800 - STALE_AT)

    def test_it_waits_for_another_turn_within_its_time(self, stack: Stack) -> None:
        """And finds what others have stored meanwhile."""
        stack.store.answers.extend([Miss.BUSY, AccessToken("token-2", END + 2, END + 1802, END + 2)])
        assert stack.token().value == "token-2"
        assert stack.clock.slept == [Turn.first(END, 0.5).at - END, LATER_TURNS / 2]
        assert stack.asked == 2

    def test_it_keeps_a_call_as_long_as_it_may_and_then_says_when_to_come_again(self, stack: Stack) -> None:
        """It does not look before its turn, also not for other calls: it would take the place of others."""
        stack.store.kept = Miss.BUSY
        deadline = stack.deadline()
        looks = stack.store.looks
        with pytest.raises(NotYetError) as first:
            stack.source.token(deadline)
        assert (stack.store.looks, deadline.remaining()) == (looks + 2, 5.0)
        with pytest.raises(NotYetError) as second:
            stack.source.token(stack.deadline(12.0))
        assert first.value.retry_after is not None
        assert second.value.retry_after == pytest.approx(first.value.retry_after - 7.0)
        assert (stack.store.looks, stack.asked) == (looks + 2, 2)

    def test_a_call_that_is_sent_back_leaves_time_to_hide_what_it_had_in_hand(self, stack: Stack) -> None:
        """Else the message would not come back when it should, but after the queue's own time."""
        stack.store.kept = Miss.BUSY
        of_function = stack.deadline()
        of_call = Deadline(stack.clock, of_function.at - RESERVE_SECONDS)
        with pytest.raises(NotYetError):
            stack.source.token(of_call)
        a_second_later = Deadline(stack.clock, of_function.at - 1.0)
        assert has_time_for_a_call(a_second_later)

    def test_at_its_turn_it_looks_at_once(self, stack: Stack) -> None:
        """No call waits longer than it has to."""
        stack.store.kept = Miss.BUSY
        with pytest.raises(NotYetError) as caught:
            stack.token()
        assert caught.value.retry_after is not None
        stack.clock.advance(caught.value.retry_after)
        stack.store.kept = AccessToken("token-2", END + 2, END + 1802, END + 2)
        stack.clock.slept.clear()
        assert stack.token().value == "token-2"
        assert stack.clock.slept == []

    def test_a_call_without_time_is_sent_back_at_once(self, stack: Stack) -> None:
        """There is nothing to wait with."""
        stack.store.kept = Miss.BUSY
        with pytest.raises(NotYetError):
            stack.token()
        stack.clock.slept.clear()
        with pytest.raises(NotYetError):
            stack.source.token(stack.deadline(2.0))
        assert sum(stack.clock.slept) == 0.0

    def test_the_next_token_that_all_lose_is_a_new_beginning(self, stack: Stack) -> None:
        """How often the store throttled at the end of the last one does not matter any more."""
        stack.store.answers.extend([Miss.BUSY] * 2)
        with pytest.raises(NotYetError):
            stack.token()
        stack.clock.advance(100)
        assert stack.token().value == "token-2"
        stack.clock.advance(STALE_AT)
        stack.token()
        stack.clock.advance(1800 - STALE_AT)
        stack.clock.slept.clear()
        assert stack.token().value == "token-3"
        assert stack.clock.slept == [pytest.approx(Turn.first(END, 0.5).at - END)]

    def test_who_asks_tells_all_others_first(self, stack: Stack) -> None:
        """The claim is the ended token, asked for after its end; the new token takes its place."""
        assert stack.token().value == "token-2"
        claim, token = stack.store.saved[-2:]
        assert (claim.value, claim.expires, claim.asked) == ("token-1", END, stack.clock.now())
        assert token.value == "token-2"

    def test_who_comes_second_waits_for_what_the_first_one_asks_for(self, stack: Stack) -> None:
        """And takes it from the store."""
        begun = Turn.first(END, 0.5).at
        claim = AccessToken("token-1", EPOCH, END, begun, renewable=False)
        stack.store.answers.extend([claim, claim, AccessToken("token-2", begun, begun + 1800, begun)])
        assert stack.token().value == "token-2"
        assert stack.clock.slept == [begun - END, 0.75, 0.75]
        assert stack.asked == 2

    def test_a_claim_of_somebody_who_never_answered_ends(self, stack: Stack) -> None:
        """The next one asks."""
        begun = Turn.first(END, 0.5).at
        stack.store.kept = AccessToken("token-1", EPOCH, END, begun, renewable=False)
        assert stack.token().value == "token-2"
        assert begun + CLAIM_SECONDS <= stack.clock.now() <= begun + CLAIM_SECONDS + 1
        assert stack.asked == 3

    def test_a_call_without_time_does_not_wait_for_others(self, stack: Stack) -> None:
        """One request too many is better than a call too late."""
        stack.store.kept = AccessToken("token-1", EPOCH, END, END, renewable=False)
        stack.source.token(stack.deadline(5.5))
        assert stack.clock.slept == []
        assert stack.asked == 3
