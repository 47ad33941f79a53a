"""A closed incident that may not be changed any more: an access rule or a business rule refuses every write to it."""

from copy import replace

import pytest

from common.incidents.alert import OnRepeat, Policy
from common.incidents.item import Operation
from local.simulator import Simulator
from tests.integration.incidents.counter import Counter
from tests.support.clock import FakeClock
from tests.support.world import KEY, alerts

NEW, RESOLVED, CLOSED = "1", "6", "7"
DAY = 86_400


def close(simulator: Simulator) -> None:
    """Let a person, or the job that closes what is resolved for long, close the newest incident."""
    simulator.update("incident", simulator.records("incident")[-1]["sys_id"], {"state": CLOSED})


@pytest.mark.parametrize("kind", ["acl", "rule"])
@pytest.mark.parametrize("before", ["F1", "F1 R2"], ids=["closed while firing", "closed after its recovery"])
@pytest.mark.parametrize("policy", [Policy(), Policy(on_repeat=OnRepeat.NOTE)], ids=["ignore", "note"])
def test_a_closed_incident_that_is_read_only_is_replaced(
    counter: Counter, simulator: Simulator, kind: str, before: str, policy: Policy
) -> None:
    """The next alarm that has to be told opens a new one, and its life goes on there."""
    simulator.configure(closed_records=kind)
    for text in before.split():
        counter.apply(text, policy)
    close(simulator)

    for text in ("R4", "F5", "R6"):
        counter.apply(text, policy)

    assert counter.states() == [CLOSED, RESOLVED]
    assert counter.notes() == [
        "It began 2 times in the last 30 days, this one included.\nRecords before this one: INC0010001."
    ]


def test_the_replacement_costs_one_look(counter: Counter, simulator: Simulator) -> None:
    """A change that is forbidden, a look, an insert."""
    simulator.configure(closed_records="acl")
    policy = Policy(on_repeat=OnRepeat.NOTE)
    counter.apply("F1", policy)
    close(simulator)

    applied = counter.apply("F2", policy)

    assert applied.operations == (Operation.OPEN,)
    assert counter.calls() == ["POST", "PATCH", "GET", "POST"]


def test_a_recovery_of_a_closed_incident_is_settled(counter: Counter, simulator: Simulator) -> None:
    """There is nothing left to be resolved."""
    simulator.configure(closed_records="rule")
    counter.apply("F1")
    close(simulator)

    assert counter.apply("R2").operations == ()
    assert counter.item().fires is False
    assert counter.states() == [CLOSED]


def test_no_alarm_of_a_month_is_lost(counter: Counter, simulator: Simulator, clock: FakeClock) -> None:
    """It recovers each time; the job closes what was resolved three days ago, within the reopen window."""
    simulator.configure(closed_records="acl")

    def fire(text: str) -> None:
        now = int(clock.now() * 1000)
        counter.apply_alerts([replace(alert, key=KEY, occurred_at=now) for alert in alerts(text)])

    for _ in range(9):
        fire("F1")
        assert counter.states()[-1] in (NEW, "2")
        clock.advance(600)
        fire("R2")
        assert counter.states()[-1] == RESOLVED
        clock.advance(3 * DAY)
        close(simulator)

    assert counter.states() == [CLOSED] * 9
