import threading

import pytest

from common.clock import Deadline
from common.errors import (
    BridgeError,
    ConfigurationError,
)
from common.oauth.client import ClientInUse
from common.oauth.credentials import ClientCredentials
from common.oauth.token import AccessToken, Miss
from tests.support.clock import EPOCH
from tests.support.oauth import AWAY, EXPIRED_AT, REFUSED, STALE_AT, Stack
from tests.support.threads import in_threads


class TestFresh:
    """A token in memory."""

    def test_the_first_call_asks_and_shares_and_all_others_use_it(self, stack: Stack) -> None:
        """One request, one look into the store, one value for everybody."""
        tokens = {stack.token().value for _ in range(20)}
        assert tokens == {"token-1"}
        assert (stack.asked, stack.store.looks, len(stack.store.saved)) == (1, 1, 1)

    def test_a_stored_token_saves_the_request(self, stack: Stack) -> None:
        """A cold environment starts with what another one has stored."""
        stack.token()
        assert stack.token(stack.another()).value == "token-1"
        assert stack.asked == 1
        assert stack.telemetry.counts()["TokenFromStore"] == 1

    def test_fifty_threads_of_a_cold_environment_make_one_request(self, stack: Stack) -> None:
        """The others wait for its answer."""
        outcomes = in_threads(50, stack.token)
        assert {token.value for token in outcomes if isinstance(token, AccessToken)} == {"token-1"}
        assert len(outcomes) == 50
        assert stack.asked == 1

    def test_each_environment_draws_its_own_moment_to_turn_stale(self, stack: Stack) -> None:
        """From half of the life on, before 83 percent of it; drawn with the token, so that snapshots don't share it."""
        early, late = stack.another(), stack.another()
        stack.dice.share = 0.0
        stack.token(early)
        stack.dice.share = 1.0
        stack.token(late)
        stack.token(late, after=900)
        assert stack.asked == 1
        stack.token(early)
        assert stack.asked == 2
        stack.token(late, after=590)
        assert stack.store.looks == 3

    def test_hits_and_age_are_handed_over_once_an_invocation(self, stack: Stack) -> None:
        """The hot path only adds to an integer."""
        stack.source.report()
        assert stack.telemetry.counts() == {}
        for _ in range(5):
            stack.token()
        stack.clock.advance(10)
        stack.source.report()
        stack.source.report()
        assert stack.telemetry.counts()["TokenFromMemory"] == 4
        assert stack.telemetry._gauges == {"TokenAge": 10.0}
        stack.clock.jump(-3600)
        stack.source.report()
        assert stack.telemetry._gauges == {"TokenAge": 0.0}

    def test_tokens_and_secrets_are_told_to_the_redactor(self, stack: Stack) -> None:
        """Should they ever reach a log line, they are replaced there."""
        stack.issuer._number = 1000
        stack.token()
        stack.telemetry.log.error("token-1001 and first-secret-of-the-client")
        assert "token-1001" not in stack.log.getvalue()
        assert "first-secret" not in stack.log.getvalue()
        other = Stack(store=stack.store)
        other.token()
        other.telemetry.log.error("token-1001")
        assert "token-1001" not in other.log.getvalue()


class TestStale:
    """A token that is good still, but late in its life."""

    def test_it_is_renewed_by_one_caller(self, stack: Stack) -> None:
        """Who gets the new one; the store gets it too."""
        first = stack.token()
        second = stack.token(after=STALE_AT)
        assert second.issued == first.issued + STALE_AT
        assert stack.asked == 2
        assert stack.store.kept == second
        assert stack.token() is second

    def test_a_newer_token_in_the_store_saves_the_request(self, stack: Stack) -> None:
        """Whoever of a fleet is first asks for all."""
        other = stack.another()
        stack.token()
        stack.token(other)
        renewed = stack.token(after=STALE_AT)
        assert stack.token(other) == renewed
        assert stack.asked == 2
        assert set(stack.store.clients) == {"bridge"}

    def test_all_others_go_on_while_one_looks(self, stack: Stack) -> None:
        """Nobody but the one who asks ever waits."""
        old = stack.token()
        stack.clock.advance(STALE_AT)
        arrived, go_on = threading.Event(), threading.Event()
        request = stack.issuer.request

        def slow(credentials: ClientCredentials, deadline: Deadline) -> AccessToken:
            arrived.set()
            go_on.wait(30)
            return request(credentials, deadline)

        stack.issuer.request = slow  # type: ignore[method-assign]
        asking = threading.Thread(target=stack.token)
        asking.start()
        arrived.wait(30)
        waiting = in_threads(49, stack.token)
        go_on.set()
        asking.join(30)
        assert all(token is old for token in waiting)
        assert stack.asked == 2
        stack.source.report()
        assert stack.telemetry.counts()["TokenFromMemory"] == 49

    def test_who_comes_second_finds_the_work_done(self, stack: Stack) -> None:
        """Between the first look at the token and the lock, another thread may have renewed it."""
        stack.token()
        stack.clock.advance(STALE_AT)
        stale = stack.source._memory.held[1]
        assert stale is not None
        renewed = stack.token()
        assert stack.source._newer_or_same(stale, stack.deadline()) is renewed
        assert stack.asked == 2

    def test_a_caller_with_a_token_is_not_kept_for_long(self, stack: Stack) -> None:
        """Three seconds, however much time it has."""
        stack.token()
        stack.token(after=STALE_AT)
        assert stack.issuer.deadlines[1] == 3.0

    @pytest.mark.parametrize("trouble", [AWAY, REFUSED, ConfigurationError("Wrong.", action="Mend.")])
    def test_a_failure_keeps_the_old_token_and_backs_off(self, stack: Stack, trouble: BridgeError) -> None:
        """Each failure is counted, and the next request waits longer."""
        old = stack.token()
        stack.clock.advance(STALE_AT)
        stack.issuer.troubles.extend([trouble] * 4)
        moments: list[float] = []
        while stack.clock.now() < EPOCH + EXPIRED_AT - 1:
            asked = stack.asked
            assert stack.token().value == old.value
            if stack.asked > asked:
                moments.append(stack.clock.now() - EPOCH - STALE_AT)
            stack.clock.advance(1)
        # With dice in the middle the pauses are 3/4 of 120 s and of 240 s.
        assert moments == [0.0, 90.0, 270.0, 450.0]
        assert stack.telemetry.counts()["TokenRenewalFailures"] == 4
        assert trouble.message in stack.log.getvalue()
        assert set(stack.store.clients) == {"bridge"}

    def test_others_learn_from_the_store_that_asking_is_of_no_use_just_now(self, stack: Stack) -> None:
        """A fleet does not fall upon an endpoint that is down."""
        other = stack.another()
        stack.token()
        stack.token(other)
        stack.clock.advance(STALE_AT)
        stack.issuer.troubles.append(AWAY)
        stack.token()
        for _ in range(20):
            stack.token(other)
            stack.clock.advance(2.9)
        assert stack.asked == 2
        stack.token(other, after=60)
        assert stack.asked == 3

    def test_a_store_that_throttles_means_later(self, stack: Stack) -> None:
        """The old token will do until then."""
        stack.token()
        stack.clock.advance(STALE_AT)
        stack.store.answers.append(Miss.BUSY)
        stack.token()
        assert stack.asked == 1
        stack.token(after=60)
        assert stack.asked == 2

    def test_a_secret_that_can_not_be_read_does_not_matter_yet(self, stack: Stack) -> None:
        """A restored environment may hold a token without having read the secret."""
        stack.token()
        stack.source._client = ClientInUse(stack.secret, stack.issuer, stack.telemetry, stack.clock.now)
        stack.secret.now = AWAY
        stack.clock.advance(STALE_AT)
        saved = len(stack.store.saved)
        assert stack.token().value == "token-1"
        assert len(stack.store.saved) == saved

    def test_a_refusal_is_not_provoked_again_while_it_is_remembered(self, stack: Stack) -> None:
        """Also where the token would allow another request sooner."""
        stack.issuer.life = 100.0
        stack.token()
        stack.clock.advance(70)
        stack.issuer.troubles.append(REFUSED)
        stack.token()
        stack.token(after=19)
        assert stack.asked == 2
