"""What one process remembers of failures."""

import pytest

from common.errors import AmbiguousError, BridgeError, ConfigurationError, CredentialsError, NotYetError, TransientError
from common.oauth.memory import LONGEST_SILENCE, REFUSAL_SECONDS, FailureMemory
from tests.support.clock import FakeClock

REFUSED = CredentialsError("Refused.", action="Check it.", status=401, code="refused")


def busy(retry_after: float | None) -> TransientError:
    """Return an answer that asks for a pause."""
    return TransientError("Busy.", action="Wait.", status=429, retry_after=retry_after, code="busy")


def met(memory: FailureMemory, since: int | None = None) -> BridgeError | None:
    """Return what a caller meets who began to wait when `since` failures were known."""
    try:
        memory.check(since)
    except BridgeError as error:
        return error
    return None


def told(error: BridgeError | None) -> tuple[object, ...]:
    """Return all that an error says."""
    assert error is not None
    return (type(error), error.message, error.action, error.status, error.retry_after, error.code)


@pytest.fixture
def clock() -> FakeClock:
    """Provide the time."""
    return FakeClock()


@pytest.fixture
def memory(clock: FakeClock) -> FailureMemory:
    """Provide a memory of nothing."""
    return FailureMemory(clock.now)


def test_whoever_waited_while_a_request_failed_meets_the_same_failure(memory: FailureMemory) -> None:
    """Whoever comes afterwards does not."""
    assert met(memory, since=0) is None
    for known in (0, 1, 2):
        memory.record(busy(None))
        assert told(met(memory, since=known)) == told(busy(None))
        assert met(memory, since=memory.count) is None
        assert met(memory) is None


def test_each_meets_a_copy(memory: FailureMemory) -> None:
    """An exception that several threads raise collects all their tracebacks."""
    failure = busy(1.0)
    memory.record(failure)
    assert met(memory, since=0) is not failure


def test_a_refusal_is_remembered_for_a_while(memory: FailureMemory, clock: FakeClock) -> None:
    """It says all that the first one said."""
    memory.keep(REFUSED)
    assert told(met(memory)) == told(REFUSED)
    clock.advance(REFUSAL_SECONDS - 0.001)
    assert told(met(memory)) == told(REFUSED)
    clock.advance(0.001)
    assert met(memory) is None


@pytest.mark.parametrize(("asked", "silence"), [(20.0, 20.0), (3600.0, LONGEST_SILENCE)])
def test_a_wish_to_be_left_alone_is_kept_and_counted_down(
    memory: FailureMemory, clock: FakeClock, asked: float, silence: float
) -> None:
    """Up to a limit."""
    memory.keep(busy(asked))
    for passed in (0.0, 15.0):
        clock.advance(passed)
        error = met(memory)
        assert told(error) == told(busy(silence - passed))
    clock.advance(silence - 15.0)
    assert met(memory) is None


def test_trouble_that_asks_for_nothing_is_not_remembered(memory: FailureMemory) -> None:
    """The next caller may be lucky."""
    memory.keep(busy(None))
    assert met(memory) is None


def test_a_clock_that_was_set_back_does_not_prolong_it(memory: FailureMemory, clock: FakeClock) -> None:
    """Not by an hour, as it would."""
    memory.keep(REFUSED)
    clock.jump(-0.001)
    assert met(memory) is None


@pytest.mark.parametrize("kind", [AmbiguousError, ConfigurationError, CredentialsError, NotYetError, TransientError])
def test_those_who_waited_get_a_failure_of_the_same_kind(kind: type[BridgeError]) -> None:
    """What becomes of their work depends on it, and whether the circuit to ServiceNow opens."""
    failures = FailureMemory(FakeClock().now)
    since = failures.count
    failure = kind("What went wrong.", action="What to do.", status=503, retry_after=7.0, code="word")
    failures.record(failure)
    with pytest.raises(kind) as caught:
        failures.check(since)
    assert type(caught.value) is kind
    assert caught.value is not failure
    assert vars(caught.value) == vars(failure)
