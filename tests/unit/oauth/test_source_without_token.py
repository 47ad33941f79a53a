from collections.abc import Callable
from dataclasses import replace

import pytest

from common.clock import Deadline
from common.errors import (
    AmbiguousError,
    CredentialsError,
    TransientError,
)
from common.oauth.credentials import ClientCredentials
from common.oauth.memory import LONGEST_SILENCE, REFUSAL_SECONDS
from common.oauth.source import TokenSource
from common.oauth.token import AccessToken, Miss
from tests.support.clock import EPOCH
from tests.support.oauth import AWAY, CLIENT, EXPIRED_AT, REFUSED, ROTATED, STALE_AT, Stack
from tests.support.threads import WatchedLock, in_threads


class TestExpired:
    """No token that could be used."""

    def test_it_is_replaced_and_everybody_waits_for_it(self, stack: Stack) -> None:
        """Fifty threads, one request."""
        stack.token()
        stack.clock.advance(EXPIRED_AT)
        outcomes = in_threads(50, stack.token)
        assert len(outcomes) == 50
        assert all(isinstance(token, AccessToken) and token.issued == EPOCH + EXPIRED_AT for token in outcomes)
        assert stack.asked == 2

    @pytest.mark.parametrize(
        "work",
        [
            lambda source, deadline: source.token(deadline),
            lambda source, deadline: source.rejected(AccessToken("dead", EPOCH, EPOCH + 1800, EPOCH), deadline),
            lambda source, deadline: source.refresh(deadline),
        ],
        ids=["cold", "rejected", "refreshed"],
    )
    def test_those_who_waited_for_a_request_share_its_failure(
        self, stack: Stack, work: Callable[[TokenSource, Deadline], object]
    ) -> None:
        """Fifty threads do not line up to ask an endpoint that is away."""
        lock = WatchedLock()
        stack.source._lock = lock  # type: ignore[assignment]

        def away(credentials: ClientCredentials, deadline: Deadline) -> AccessToken:
            assert deadline.remaining() > 0
            stack.issuer.requests.append(credentials)
            for _ in range(49):
                assert lock.wanted.acquire(timeout=30)
            raise AWAY

        stack.issuer.request = away  # type: ignore[method-assign]
        outcomes = in_threads(50, lambda: work(stack.source, stack.deadline()))
        assert [str(outcome) for outcome in outcomes] == [str(AWAY)] * 50
        assert stack.asked == 1

    def test_a_later_caller_asks_again(self, stack: Stack) -> None:
        """A failure is not remembered beyond those who waited."""
        stack.issuer.troubles.append(AWAY)
        stack.failure(TransientError)
        assert stack.token().value == "token-1"

    def test_who_has_no_time_left_does_not_wait_for_the_lock(self, stack: Stack) -> None:
        """It says so instead of holding its caller."""
        with stack.source._lock, pytest.raises(TransientError, match="Another thread"):
            stack.source.token(stack.deadline(0.0))

    def test_a_wish_to_be_left_alone_is_respected(self, stack: Stack) -> None:
        """For as long as asked, five minutes at most."""
        stack.issuer.troubles.append(TransientError("Too many.", action="Wait.", retry_after=120.0))
        stack.failure(TransientError)
        caught = stack.failure(TransientError, after=20)
        assert caught.retry_after == 100.0
        stack.clock.advance(100)
        stack.issuer.troubles.append(TransientError("Too many.", action="Wait.", retry_after=3600.0))
        stack.failure(TransientError)
        assert stack.asked == 2
        assert stack.token(after=LONGEST_SILENCE).value == "token-1"

    def test_a_store_that_throttles_is_asked_again_for_a_while(self, stack: Stack) -> None:
        """Then the endpoint is asked: the store never fails a call."""
        stack.store.kept = Miss.BUSY
        assert stack.token().value == "token-1"
        assert stack.store.looks > 3
        assert 8.0 <= sum(stack.clock.slept) <= 10.0

    def test_a_store_that_recovers_saves_the_request(self, stack: Stack) -> None:
        """What it was waited for."""
        stack.token()
        stack.store.answers.extend([Miss.BUSY, Miss.BUSY])
        assert stack.token(stack.another()).value == "token-1"
        assert stack.asked == 1

    def test_a_caller_in_a_hurry_waits_for_half_its_time_at_most(self, stack: Stack) -> None:
        """The other half is for the endpoint."""
        stack.store.kept = Miss.BUSY
        stack.source.token(stack.deadline(4.0))
        assert sum(stack.clock.slept) <= 2.0

    def test_an_ambiguous_failure_of_a_part_is_not_swallowed(self, stack: Stack) -> None:
        """Whatever a part raises reaches the caller."""
        stack.issuer.troubles.append(AmbiguousError("Unclear.", action="Look."))
        stack.failure(AmbiguousError)


class TestRefused:
    """The endpoint does not accept the credentials."""

    def test_the_secret_is_read_again_and_a_rotation_heals_itself(self, stack: Stack) -> None:
        """Within the same call: two requests, no sleep."""
        stack.token()
        stack.issuer.accepted, stack.issuer.refusal = ROTATED, REFUSED
        stack.secret.now = ROTATED
        assert stack.token(after=EXPIRED_AT).issued == EPOCH + EXPIRED_AT
        assert stack.issuer.requests == [CLIENT, CLIENT, ROTATED]
        assert stack.clock.slept == []
        assert stack.telemetry.counts().get("TokenRefusals", 0) == 0

    def test_the_token_is_stored_for_the_client_that_it_was_issued_to(self, stack: Stack) -> None:
        """A rotation may bring another client id."""
        other = replace(ROTATED, client_id="other")
        stack.issuer.accepted, stack.issuer.refusal = other, REFUSED
        stack.source._client.known()
        stack.secret.now = other
        stack.token()
        assert stack.store.clients == ["bridge", "other"]

    def test_the_same_secret_is_not_tried_again(self, stack: Stack) -> None:
        """One request; then a person has to look."""
        stack.issuer.refusal = REFUSED
        with pytest.raises(CredentialsError, match="refuses the client"):
            stack.token()
        assert (stack.asked, stack.secret.readings) == (1, 2)
        assert stack.telemetry.counts()["TokenRefusals"] == 1

    def test_a_new_secret_that_is_refused_too_is_tried_once(self, stack: Stack) -> None:
        """Two requests at most."""
        stack.source._client.known()
        stack.secret.now = ROTATED
        stack.issuer.refusal = REFUSED
        stack.failure(CredentialsError)
        assert stack.issuer.requests == [CLIENT, ROTATED]

    def test_the_refusal_is_remembered_for_thirty_seconds(self, stack: Stack) -> None:
        """Callers get it at once, each with an exception of its own."""
        stack.issuer.refusal = REFUSED
        first = stack.failure(CredentialsError)
        second = stack.failure(CredentialsError, after=REFUSAL_SECONDS - 1)
        assert stack.asked == 1
        assert vars(first) == vars(second)
        assert first is not second
        stack.clock.advance(1)
        stack.issuer.refusal = None
        assert stack.token().value == "token-1"

    def test_a_clock_that_was_set_back_does_not_prolong_it(self, stack: Stack) -> None:
        """Nor does one that was set forward."""
        stack.issuer.refusal = REFUSED
        stack.failure(CredentialsError)
        stack.clock.jump(-3600)
        stack.issuer.refusal = None
        assert stack.token().value == "token-1"

    def test_a_secret_that_is_not_filled_in_is_not_remembered(self, stack: Stack) -> None:
        """The same messages succeed as soon as it is."""
        stack.secret.now = CredentialsError("Not filled in.", action="Fill it in.")
        stack.failure(CredentialsError)
        stack.secret.now = CLIENT
        assert stack.token().value == "token-1"


class TestRejected:
    """The API answered with 401."""

    def test_fifty_threads_make_one_request(self, stack: Stack) -> None:
        """Each gets the replacement."""
        old = stack.token()
        stack.issuer.revoke()
        outcomes = in_threads(50, lambda: stack.rejected(old))
        assert {token.value for token in outcomes if isinstance(token, AccessToken)} == {"token-2"}
        assert len(outcomes) == 50
        assert stack.asked == 2

    def test_what_is_not_current_any_more_is_not_dropped(self, stack: Stack) -> None:
        """A late 401 must not cost the new token."""
        old = stack.token()
        stack.issuer.behaviour = "fresh"
        current = stack.token(after=STALE_AT)
        assert stack.rejected(old) is current
        assert stack.asked == 2

    def test_a_newer_token_in_the_store_saves_the_request(self, stack: Stack) -> None:
        """Another environment has met the 401 first."""
        other = stack.another()
        old = stack.token()
        also_old = stack.token(other)
        stack.issuer.revoke()
        stack.clock.advance(1)
        replacement = stack.rejected(old)
        assert stack.rejected(also_old, other) == replacement
        assert stack.asked == 2

    def test_a_stored_replacement_that_is_rejected_too_costs_one_request(self, stack: Stack) -> None:
        """The other environment's token was revoked with all the others."""
        other = stack.another()
        old = stack.token()
        also_old = stack.token(other)
        stack.issuer.revoke()
        stack.clock.advance(1)
        stack.rejected(old)
        stack.clock.advance(1)
        stored = stack.rejected(also_old, other)
        stack.issuer.revoke()
        assert stack.rejected(stored, other).value == "token-3"
        assert stack.asked == 3

    def test_the_rejected_token_is_not_taken_from_the_store_again(self, stack: Stack) -> None:
        """Where the endpoint is away, the next call asks it, not the store."""
        old = stack.token()
        stack.issuer.troubles.append(AWAY)
        stack.issuer.revoke()
        stack.clock.advance(1)
        with pytest.raises(TransientError):
            stack.rejected(old)
        assert stack.token().value == "token-2"

    def test_an_older_token_in_the_store_is_no_replacement(self, stack: Stack) -> None:
        """Two environments have written, the older token last."""
        older = AccessToken("older", EPOCH - 60, EPOCH + 1740, EPOCH - 60)
        old = stack.token()
        stack.store.kept = older
        stack.issuer.revoke()
        assert stack.rejected(old).value == "token-2"
        assert stack.store.kept != older

    def test_the_same_token_again_is_replayed_once_by_everybody(self, stack: Stack) -> None:
        """The server may insist on it; fifty threads ask once."""
        old = stack.token()
        stack.clock.advance(1)
        outcomes = in_threads(50, lambda: stack.rejected(old))
        assert {token.value for token in outcomes if isinstance(token, AccessToken)} == {"token-1"}
        assert stack.asked == 2

    @pytest.mark.parametrize("behaviour", ["sliding", "fixed", "fresh"])
    def test_a_replacement_that_is_rejected_at_once_is_a_matter_for_a_person(
        self, stack: Stack, behaviour: str
    ) -> None:
        """A user without rights, or a token of guest: one request in thirty seconds, however many calls.

        A token that came back after its 401 is given up first.
        """
        stack.issuer.behaviour = behaviour
        old = stack.token()
        replacement = stack.rejected(old)
        asked = 2
        if replacement.value == old.value:
            replacement = stack.rejected(replacement)
            assert replacement.value != old.value
            asked = 3
        for _ in range(20):
            with pytest.raises(CredentialsError, match="only just issued"):
                stack.rejected(stack.token())
        assert stack.asked == asked
        stack.clock.advance(REFUSAL_SECONDS)
        stack.rejected(replacement)
        assert stack.asked == asked + 1

    def test_a_token_extended_meanwhile_is_not_taken_for_another_one(self, stack: Stack) -> None:
        """The same value in a newer coat was rejected just as well."""
        old = stack.token()
        assert stack.token(after=STALE_AT).value == old.value
        stack.issuer.revoke()
        stack.issuer.behaviour = "fresh"
        assert stack.rejected(old).value == "token-2"

    def test_a_token_that_others_have_had_confirmed_since_is_accepted(self, stack: Stack) -> None:
        """The store says that it was issued anew after the 401."""
        old = stack.token()
        stack.issuer.troubles.append(AWAY)
        with pytest.raises(TransientError):
            stack.rejected(old)
        stack.clock.advance(5)
        stack.store.kept = AccessToken(old.value, EPOCH + 4, EPOCH + 1804, EPOCH + 4)
        assert stack.token().value == old.value
        assert stack.asked == 2
