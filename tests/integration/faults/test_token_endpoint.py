"""Faults 1 to 17: what the token endpoint can do to the bridge."""

import threading
import time
import tracemalloc

import pytest

from common.clock import Deadline, SystemClock
from common.errors import CredentialsError, HeldError, TransientError
from common.oauth.answer import ASSUMED_LIFE, SHORTEST_LIFE
from common.oauth.token import LONGEST_LIFE, AccessToken
from common.transport import CONNECT_SECONDS
from local.simulator import Fault, Simulator
from tests.support.raw_server import Unanswering
from tests.support.token_world import CLIENT_ID, ROTATED, TokenWorld

BUDGET = 0.7
TOLERANCE = 0.5


def timed(world: TokenWorld) -> tuple[object, float]:
    """Return the outcome of one call with a budget of real time, and the real seconds that it took."""
    world.source._client.known()
    started = time.monotonic()
    outcome = world.attempt(deadline=Deadline.after(SystemClock(), BUDGET))
    return outcome, time.monotonic() - started


@pytest.mark.parametrize("error", ["server_error", "invalid_client"])
def test_fault_01_a_wrong_secret_is_read_again_once_and_then_held(world: TokenWorld, error: str) -> None:
    """ServiceNow answers 401 whichever words it uses; the error says what to check."""
    world.simulator.configure(wrong_secret_error=error)
    world.simulator.rotate_secret("something else")
    outcome = world.attempt()
    assert isinstance(outcome, CredentialsError)
    assert "registry record" in outcome.action
    world.attempt()
    assert world.simulator.token_requests == 1


@pytest.mark.parametrize(
    ("switches", "advice"),
    [
        ({"property_enabled": False}, "glide.oauth.inbound.client.credential.grant_type.enabled"),
        ({"user_locked": True}, "locked out"),
        ({"user_configured": False}, "OAuth Application User"),
    ],
)
def test_fault_01_other_refusals_are_held_with_the_words_of_servicenows_own_forms(
    world: TokenWorld, switches: dict[str, bool], advice: str
) -> None:
    """A wrong set-up answers with 400 or 401 like a wrong secret."""
    world.simulator.configure(**switches)
    outcome = world.attempt()
    assert isinstance(outcome, HeldError)
    assert advice in outcome.action


def test_fault_02_429_with_a_short_wait_is_repeated(world: TokenWorld) -> None:
    """Within the call."""
    world.simulator.add_fault(Fault(on="token", status=429, headers={"Retry-After": "2"}))
    world.token()
    assert world.clock.slept == [2.0]
    assert world.simulator.token_requests == 2


def test_fault_02_429_with_a_long_wait_goes_back_to_the_queue(world: TokenWorld) -> None:
    """With the wait that was asked for; nobody asks meanwhile."""
    world.simulator.add_fault(Fault(on="token", status=429, headers={"Retry-After": "3600"}))
    outcome = world.attempt()
    assert isinstance(outcome, TransientError)
    assert outcome.retry_after == 3600.0
    world.attempt()
    assert (world.clock.slept, world.simulator.token_requests) == ([], 1)
    world.clock.advance(3600)
    world.token()


@pytest.mark.parametrize("status", [500, 502, 503])
def test_fault_03_a_failure_of_the_server_is_repeated(world: TokenWorld, status: int) -> None:
    """After a pause with jitter."""
    world.simulator.add_fault(Fault(on="token", status=status, times=2))
    world.token()
    assert world.simulator.token_requests == 3


def test_fault_04_a_page_with_status_200_goes_back_to_the_queue(world: TokenWorld) -> None:
    """A hibernating instance; it succeeds once that is awake."""
    world.simulator.configure(hibernating=True)
    outcome = world.attempt()
    assert isinstance(outcome, TransientError)
    assert "hibernates" in outcome.action
    world.simulator.configure(hibernating=False)
    world.token()


def test_fault_05_a_connection_that_is_never_made_goes_back_to_the_queue(world: TokenWorld) -> None:
    """Within the budget."""
    with Unanswering() as nobody:
        world.transports[0]._port = nobody.port
        world.transports[0]._host = "127.0.0.1"
        outcome, seconds = timed(world)
    assert isinstance(outcome, TransientError)
    assert seconds < BUDGET + TOLERANCE
    assert BUDGET < CONNECT_SECONDS


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Fault(on="token", connection="hang", times=None), id="fault 6"),
        pytest.param(Fault(on="token", drip_headers=20, times=None), id="fault 7"),
        pytest.param(Fault(on="token", drip_body=20, times=None), id="fault 8"),
    ],
)
def test_fault_06_07_08_an_answer_that_hangs_or_drips_ends_with_the_budget(world: TokenWorld, fault: Fault) -> None:
    """And goes back to the queue; the next call succeeds."""
    world.simulator.add_fault(fault)
    outcome, seconds = timed(world)
    assert isinstance(outcome, TransientError)
    assert seconds < BUDGET + TOLERANCE
    world.simulator.clear_faults()
    world.token()


def test_fault_06_a_try_that_hangs_leaves_time_for_another_one(world: TokenWorld) -> None:
    """A lost packet does not cost the call."""
    world.simulator.add_fault(Fault(on="token", connection="close"))
    world.token()
    assert world.simulator.token_requests == 2


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Fault(on="token", body=b'{"access_token":"abc', content_type="application/json"), id="fault 9"),
        pytest.param(Fault(on="token", body=b"[" * 60_000, content_type="application/json"), id="fault 10"),
        pytest.param(Fault(on="token", content="deep_json", size=100_000, times=3), id="fault 10, 100 000 deep"),
        pytest.param(Fault(on="token", content="gzip_bomb", times=3), id="fault 11"),
        pytest.param(Fault(on="token", content="huge", times=3), id="fault 11, unpacked"),
        pytest.param(Fault(on="token", content="not_utf8"), id="not UTF-8"),
        pytest.param(Fault(on="token", truncate=20, times=3), id="cut off"),
    ],
)
def test_fault_09_10_11_a_malformed_answer_goes_back_to_the_queue_within_8_mb(world: TokenWorld, fault: Fault) -> None:
    """Nothing foreign escapes, and the next call succeeds."""
    world.source._client.known()
    world.simulator.add_fault(fault)
    outcome = world.attempt()
    assert isinstance(outcome, TransientError)
    world.token()


def test_fault_11_a_bomb_costs_8_mb_at_most(world: TokenWorld) -> None:
    """50 MB unpacked; the simulator makes its own share once, before."""
    world.simulator.add_fault(Fault(on="token", content="gzip_bomb", times=4))
    world.attempt()
    tracemalloc.start()
    tracemalloc.reset_peak()
    before, _ = tracemalloc.get_traced_memory()
    world.attempt()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak - before < 8_000_000


@pytest.mark.parametrize(
    ("expires_in", "life"),
    [
        pytest.param(b"", ASSUMED_LIFE, id="absent"),
        pytest.param(b',"expires_in":-1', ASSUMED_LIFE, id="-1"),
        pytest.param(b',"expires_in":0', SHORTEST_LIFE, id="0"),
        pytest.param(b',"expires_in":"1800"', 1800.0, id="text"),
        pytest.param(b',"expires_in":true', ASSUMED_LIFE, id="true"),
        pytest.param(b',"expires_in":NaN', ASSUMED_LIFE, id="NaN"),
        pytest.param(b',"expires_in":1e999', ASSUMED_LIFE, id="1e999"),
        pytest.param(b',"expires_in":1000000000000', LONGEST_LIFE, id="10^12"),
    ],
)
def test_fault_12_every_lifetime_is_bounded(world: TokenWorld, expires_in: bytes, life: float) -> None:
    """And twenty calls in a row cost one request."""
    body = b'{"access_token":"a-made-up-token","token_type":"Bearer"' + expires_in + b"}"
    world.simulator.add_fault(Fault(on="token", body=body, content_type="application/json", times=None))
    assert {world.token().life for _ in range(20)} == {life}
    assert world.simulator.token_requests == 1


@pytest.mark.parametrize(
    "value",
    [None, "", "made-up-secret-token\n", "made-up-secret-token" * 3200, 123456789],
    ids=["absent", "empty", "newline", "64 kB", "number"],
)
def test_fault_13_a_token_that_can_not_be_used_goes_back_to_the_queue_unseen(
    world: TokenWorld, value: str | int | None
) -> None:
    """The value is printed nowhere."""
    given = {} if value is None else {"access_token": value}
    world.simulator.add_fault(Fault(on="token", body={"token_type": "Bearer", "expires_in": 1799, **given}, times=3))
    outcome = world.attempt()
    assert isinstance(outcome, TransientError)
    shown = " ".join(world.sinks())
    assert "made-up-secret-token" not in shown
    assert "123456789" not in shown
    world.simulator.clear_faults()
    world.token()


@pytest.mark.parametrize(
    "fault",
    [Fault(on="token", merge={"token_type": "mac"}), Fault(on="token", remove=("token_type",))],
    ids=["mac", "absent"],
)
def test_fault_14_a_token_of_another_type_is_held(world: TokenWorld, fault: Fault) -> None:
    """It is no bearer token, so it must not be sent as one."""
    world.simulator.add_fault(fault)
    assert isinstance(world.attempt(), HeldError)
    assert world.simulator.token_requests == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_fault_15_a_redirect_is_held_and_no_byte_goes_there(world: TokenWorld, status: int) -> None:
    """307 and 308 would carry the secret along."""
    with Simulator(client_id=CLIENT_ID, client_secret="other") as elsewhere:
        world.simulator.add_fault(Fault(on="token", status=status, redirect=f"https://{elsewhere.host}/oauth_token.do"))
        assert isinstance(world.attempt(), HeldError)
        assert elsewhere.calls == []


@pytest.mark.parametrize("behaviour", ["sliding", "fixed", "fresh"])
@pytest.mark.parametrize("life", [5, 50, 280])
def test_fault_16_short_lives_cost_one_request_for_twenty_calls(world: TokenWorld, behaviour: str, life: int) -> None:
    """Clients that refresh a fixed time early ask for every call."""
    world.simulator.configure(token_behaviour=behaviour, expires_in=life)
    for _ in range(20):
        world.token()
    assert world.simulator.token_requests == 1


def test_fault_16_the_same_token_with_five_seconds_left_is_not_asked_for_in_a_loop(world: TokenWorld) -> None:
    """It is used to its end, and then there is one request."""
    world.simulator.configure(token_behaviour="fixed")
    other = world.environment()
    first = world.token(other)
    world.ssm.delete_parameter(Name="/servicenow-bridge/test/access-token")
    world.clock.advance(1794)
    assert {world.token().value for _ in range(20)} == {first.value}
    assert world.simulator.token_requests == 2
    world.clock.advance(5)
    assert {world.token().value for _ in range(20)} != {first.value}
    assert world.simulator.token_requests == 3


def test_fault_17_twenty_environments_that_start_at_once_make_one_request_each_at_most(world: TokenWorld) -> None:
    """Whoever finds the stored token makes none."""
    sources = [world.environment() for _ in range(20)]
    gate = threading.Barrier(20)

    def start(number: int) -> None:
        gate.wait()
        world.attempt(sources[number])

    _all_at_once([threading.Thread(target=start, args=(number,)) for number in range(20)])
    assert all(isinstance(outcome, AccessToken) for outcome in world.outcomes)
    assert len(world.outcomes) == 20
    assert 1 <= world.simulator.token_requests <= 20


def test_fault_17_fifty_threads_of_one_environment_make_one_request(world: TokenWorld) -> None:
    """Whether cold or expired."""
    for expected in (1, 2):
        gate = threading.Barrier(50)

        def ask(gate: threading.Barrier = gate) -> None:
            gate.wait()
            world.attempt()

        _all_at_once([threading.Thread(target=ask) for _ in range(50)])
        assert world.simulator.token_requests == expected
        world.clock.advance(1799)
    assert all(isinstance(outcome, AccessToken) for outcome in world.outcomes)
    assert len(world.outcomes) == 100


def test_the_second_secret_of_these_tests_is_searched_for_too(world: TokenWorld) -> None:
    """The search for leaks would find one: it is shown what it looks for."""
    world.put_secret(ROTATED)
    world.simulator.rotate_secret(ROTATED)
    token = world.token()
    assert world.leaks([f"Bearer {token.value}"]) != []
    assert world.leaks(["Zq%2B~%5B%23%2Csecond%26secret%3D%25of+the+bridge"]) != []


def _all_at_once(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
