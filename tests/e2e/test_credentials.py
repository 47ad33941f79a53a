"""Credentials that are missing, refused or rotated concern every message: all wait until somebody mends it."""

from collections.abc import Iterator

import pytest

from local.stack import LocalStack, new_client_secret, run_stack
from tests.e2e.incidents import NEW, incidents_of


@pytest.fixture(scope="module")
def fresh() -> Iterator[LocalStack]:
    """A deployment of its own, whose secret nobody has filled in."""
    with run_stack() as stack:
        yield stack


def test_messages_wait_until_the_secret_is_filled_in(fresh: LocalStack) -> None:
    """Nothing is called, nothing is refused, and the same messages succeed once the credentials are there."""
    names = ["early 1", "early 2"]
    for name in names:
        fresh.put_alarm("ALARM", name=name)
    fresh.wait_until(lambda: "is not filled in" in fresh.function_log(), "The function did not complain")
    assert fresh.unfinished_messages() == len(names)
    assert fresh.simulator.calls == []

    fresh.store_credentials()
    fresh.wait_until_handled(timeout=60)

    for name in names:
        assert [incident["state"] for incident in incidents_of(fresh, name)] == [NEW]
    assert fresh.dead_letters() == []


def test_messages_wait_while_servicenow_refuses_the_secret(fresh: LocalStack) -> None:
    """Somebody rotated the secret in ServiceNow alone; storing it in Secrets Manager is all it takes."""
    secret = new_client_secret()
    fresh.simulator.rotate_secret(secret)
    fresh.simulator.revoke_tokens()
    refused = fresh.simulator.token_requests
    fresh.put_alarm("ALARM", name="refused")
    fresh.wait_until(lambda: fresh.simulator.token_requests > refused, "No token was asked for")

    fresh.store_credentials(secret)
    fresh.wait_until_handled(timeout=90)

    assert [incident["state"] for incident in incidents_of(fresh, "refused")] == [NEW]
    assert fresh.dead_letters() == []


def test_a_rotated_secret_is_noticed_by_the_function_that_knows_the_old_one(stack: LocalStack) -> None:
    """The event that meets the rotation succeeds with at most two token requests, and without waiting.

    Not in the deployment of the tests above: a token that has only just replaced a rejected one, and is rejected too,
    is taken for a wrong set-up, and holds the messages for a moment.
    """
    stack.put_alarm("ALARM", name="before the rotation")
    stack.wait_until_handled(timeout=60)
    secret = new_client_secret()
    stack.simulator.rotate_secret(secret)
    stack.simulator.revoke_tokens()
    stack.store_credentials(secret)
    requests = stack.simulator.token_requests

    stack.put_alarm("ALARM", name="after the rotation")
    stack.wait_until_handled(timeout=10)

    assert [incident["state"] for incident in incidents_of(stack, "after the rotation")] == [NEW]
    assert stack.simulator.token_requests - requests <= 2
