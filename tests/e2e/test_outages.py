"""ServiceNow is away, or takes a request and never answers: one incident in the end, nothing lost."""

import pytest

from local.simulator import Fault
from local.stack import LocalStack
from tests.e2e.incidents import NEW, RESOLVED, incidents_of


@pytest.mark.slow
def test_an_outage_of_servicenow_delays_incidents_and_nothing_else(stack: LocalStack) -> None:
    """While everything answers 503, events wait in the queue; afterwards each problem has one incident.

    A POST that was answered with 503 may have been committed, so its problem waits as long as that can take.
    """
    names = [f"outage {number}" for number in range(3)]
    # Without a token nothing would get as far as the table.
    stack.put_alarm("ALARM", name="before the outage")
    stack.wait_until_handled()
    stack.simulator.add_fault(Fault(on="any", status=503, times=None))
    calls = stack.simulator.api_calls
    for name in names:
        stack.put_alarm("ALARM", name=name)
    stack.wait_until(lambda: stack.simulator.api_calls >= calls + len(names), "ServiceNow was not called")

    stack.simulator.clear_faults()
    stack.wait_until_handled(timeout=180)

    for name in names:
        assert [incident["state"] for incident in incidents_of(stack, name)] == [NEW]
    assert stack.dead_letters() == []


@pytest.mark.slow
def test_a_lost_answer_leaves_one_incident(stack: LocalStack) -> None:
    """ServiceNow commits a POST and never answers: once no write can be under way, its incident is found again."""
    name = "lost answer"
    stack.simulator.add_fault(Fault(method="POST", table="incident", connection="hang", commit=True))
    stack.put_alarm("ALARM", name=name)
    stack.wait_until(lambda: len(incidents_of(stack, name)) == 1, "Nothing was committed")

    stack.wait_until_handled(timeout=180)

    (found,) = incidents_of(stack, name)
    assert found["state"] == NEW
    stack.put_alarm("OK", name=name)
    stack.wait_until_handled()
    (resolved,) = incidents_of(stack, name)
    assert (resolved["number"], resolved["state"]) == (found["number"], RESOLVED)
    assert stack.dead_letters() == []
