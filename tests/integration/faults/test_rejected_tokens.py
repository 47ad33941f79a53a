"""Faults 38 and 39: what the API's 401 does to the token. The client and the source work together here."""

import threading

import pytest

from common.errors import CredentialsError, HeldError
from common.servicenow.client import Answer
from tests.support.token_world import TokenWorld


def test_fault_38_a_revoked_token_costs_one_refresh_and_one_replay(world: TokenWorld) -> None:
    """The caller does not notice."""
    assert isinstance(world.call(), Answer)
    world.simulator.revoke_tokens()
    assert isinstance(world.call(), Answer)
    assert (world.simulator.token_requests, world.simulator.api_calls) == (2, 3)


def test_fault_38_fifty_threads_make_one_refresh(world: TokenWorld) -> None:
    """However many meet the 401 at once."""
    world.call()
    world.simulator.revoke_tokens()
    gate = threading.Barrier(50)

    def call() -> None:
        gate.wait()
        world.call()

    threads = [threading.Thread(target=call) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert all(isinstance(outcome, Answer) for outcome in world.outcomes)
    assert len(world.outcomes) == 51
    assert world.simulator.token_requests == 2


def test_fault_38_another_environment_finds_the_new_token_in_the_store(world: TokenWorld) -> None:
    """A fleet makes one request for one revocation."""
    other = world.environment()
    assert isinstance(world.call(), Answer)
    assert isinstance(world.call(other), Answer)
    world.simulator.revoke_tokens()
    world.clock.advance(1)
    assert isinstance(world.call(), Answer)
    assert isinstance(world.call(other), Answer)
    assert world.simulator.token_requests == 2


@pytest.mark.parametrize("behaviour", ["sliding", "fixed", "fresh"])
def test_fault_39_a_401_for_ever_is_held_after_one_replay(world: TokenWorld, behaviour: str) -> None:
    """Vancouver and older hand out tokens of guest; no number of calls makes more token requests."""
    world.simulator.configure(guest=True, token_behaviour=behaviour)
    outcome = world.call()
    assert isinstance(outcome, CredentialsError)
    assert "Vancouver" in outcome.action
    # One that came back after its 401 is given up, for it might have ended.
    calls = 2 if behaviour == "fresh" else 3
    assert (world.simulator.token_requests, world.simulator.api_calls) == (calls, calls)
    for _ in range(10):
        assert isinstance(world.call(), HeldError)
    assert world.simulator.token_requests == calls


def test_fault_39_it_ends_as_soon_as_somebody_has_mended_it(world: TokenWorld) -> None:
    """The new rights hold for new tokens."""
    world.simulator.configure(guest=True)
    assert isinstance(world.call(), CredentialsError)
    world.simulator.configure(guest=False)
    world.clock.advance(30)
    assert isinstance(world.call(), Answer)
