import pytest

from common.errors import CredentialsError, TransientError
from local.simulator import Fault, Simulator
from tests.integration.servicenow.line import Line


@pytest.mark.parametrize("behaviour", ["sliding", "fixed", "fresh"])
@pytest.mark.parametrize("method", ["read", "create"])
def test_a_revoked_token_costs_one_request_and_one_replay(line: Line, behaviour: str, method: str) -> None:
    """Fault 38."""
    line.simulator.configure(token_behaviour=behaviour)
    created = line.create()
    line.simulator.revoke_tokens()
    calls = line.api_calls()
    if method == "read":
        assert line.read(created.sys_id) is not None
    else:
        assert line.create().sys_id != created.sys_id
        assert len(line.incidents()) == 2
    assert line.api_calls() - calls == 2
    assert line.simulator.token_requests == 2


def test_a_stored_token_that_was_revoked_too_is_replaced_in_the_same_call(line: Line, simulator: Simulator) -> None:
    """Somebody revoked every token; this environment's is older than the one that all share."""
    simulator.configure(token_behaviour="fresh")
    line.create()
    other = Line(simulator)
    other.create()
    other.transport.close()
    line.store.kept = other.store.saved[-1]
    line.clock.advance(60)
    simulator.revoke_tokens()
    calls = line.api_calls()
    line.create()
    assert line.api_calls() - calls == 3
    assert simulator.token_requests == 3
    assert len(line.incidents()) == 3


def test_a_401_out_of_nowhere_is_survived_with_the_same_token(line: Line) -> None:
    """The endpoint answers with the current token: it is tried once more."""
    line.create()
    line.simulator.add_fault(Fault(status=401, commit=False))
    line.create()
    assert len(line.incidents()) == 2
    assert line.simulator.token_requests == 2


@pytest.mark.parametrize("behaviour", ["sliding", "fixed", "fresh"])
def test_tokens_of_a_guest_are_a_matter_of_the_set_up(line: Line, behaviour: str) -> None:
    """Fault 39: releases up to Vancouver issue them. One replay, then a person has to act."""
    line.simulator.configure(guest=True, token_behaviour=behaviour)
    with pytest.raises(CredentialsError, match="it has only just issued") as caught:
        line.create()
    assert "Vancouver" in caught.value.action
    # The same token came back: it is given up once, which helps as little.
    calls = 2 if behaviour == "fresh" else 3
    assert (line.api_calls(), line.simulator.token_requests) == (calls, calls)
    assert line.incidents() == []


def test_a_revoked_token_and_an_endpoint_that_is_away_come_back_later(line: Line) -> None:
    """The credentials are not to blame, so nothing is held."""
    line.create()
    line.simulator.revoke_tokens()
    line.simulator.add_fault(Fault(on="token", status=503, times=None))
    calls = line.api_calls()
    with pytest.raises(TransientError):
        line.create()
    assert line.api_calls() - calls == 1
    line.simulator.clear_faults()
    line.clock.advance(60)
    line.create()
    assert len(line.incidents()) == 2


def test_no_token_and_no_secret_reaches_the_log(line: Line) -> None:
    """At DEBUG, over a refused token and a refused request."""
    line.create()
    line.simulator.revoke_tokens()
    line.simulator.configure(denied_operations=("incident.insert",))
    with pytest.raises(Exception, match="403"):
        line.create()
    token = line.store.saved[-1].value
    assert token not in line.reports.stream.getvalue()


@pytest.mark.parametrize("behaviour", ["sliding", "fixed", "fresh"])
@pytest.mark.parametrize("events_every", [20, 300, 900, 3600])
def test_a_signed_token_that_stands_still_keeps_nobody_out(line: Line, behaviour: str, events_every: int) -> None:
    """The endpoint hands the same JWT out with its lifetime moved on; the `exp` inside cannot move. Five hours."""
    line.simulator.configure(token_format="jwt", token_behaviour=behaviour)
    lifetimes = 5 * 3600 / 1799
    for _ in range(5 * 3600 // events_every):
        line.create()
        line.clock.advance(events_every)

    assert len(line.incidents()) == 5 * 3600 // events_every
    assert line.simulator.token_requests <= 3 * lifetimes + 1
    assert line.api_calls("POST") == len(line.incidents())


def test_a_token_that_is_refused_and_comes_back_is_given_up(line: Line) -> None:
    """It is tried once more, for the 401 may have come out of nowhere; then it is revoked and asked for again."""
    line.create()
    first = line.store.saved[-1].value
    for _ in range(2):
        line.simulator.add_fault(Fault(status=401, commit=False))

    line.create()

    assert len(line.incidents()) == 2
    assert line.store.saved[-1].value != first
    assert line.simulator.token_requests == 3
