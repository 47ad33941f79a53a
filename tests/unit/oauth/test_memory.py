"""What a process remembers of its failures. Its token: see the tests of the source."""

import pytest

from common.errors import AmbiguousError, BridgeError, ConfigurationError, CredentialsError, NotYetError, TransientError
from common.oauth.memory import FailureMemory
from tests.support.clock import FakeClock


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
