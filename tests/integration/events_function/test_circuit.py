"""The circuit breaker between the queue and ServiceNow."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import pytest

from common.incidents.desk import Desk
from local.simulator import Fault, Simulator
from tests.support.deployment import Deployment, Function, alarm

BREAKER = "aws_lambda_powertools.utilities.circuit_breaker"


class MovableTime:
    """Stands in for the `datetime` module inside the breaker."""

    def __init__(self) -> None:
        self.offset = timedelta()
        self.datetime = self

    def now(self) -> datetime:
        """Return the time that the test has moved to."""
        return datetime.now(UTC) + self.offset


@pytest.fixture
def breaker_time() -> Iterator[MovableTime]:
    """Provide the breaker's clock."""
    time = MovableTime()
    with (
        patch(f"{BREAKER}.base.dt", time),
        patch(f"{BREAKER}.persistence.base.dt", time),
        patch(f"{BREAKER}.persistence.dynamodb.dt", time),
    ):
        yield time


def _fire(function: Function, count: int, name: str = "alarm") -> int:
    """Let `count` alarms fire, one batch each; return how many messages stay in the queue."""
    return sum(len(function(alarm(f"{name}-{index}", "ALARM"))) for index in range(count))


def test_servicenow_that_keeps_failing_is_left_alone_but_for_probes(
    function: Function, servicenow: Simulator, stack: Deployment, breaker_time: MovableTime
) -> None:
    """After five failures in a row nothing reaches it; after half a minute one probe does."""
    servicenow.add_fault(Fault(status=503, times=None))

    assert _fire(function, 20) == 20
    assert servicenow.api_calls == 5

    breaker_time.offset = timedelta(seconds=31)
    assert _fire(function, 5, "later") == 5
    assert servicenow.api_calls == 6
    assert stack.dead_letters() == []


def test_a_circuit_closes_once_servicenow_is_well(
    function: Function, servicenow: Simulator, breaker_time: MovableTime
) -> None:
    """Two probes that succeed let everybody through again."""
    servicenow.add_fault(Fault(status=503, times=None))
    _fire(function, 6)
    servicenow.clear_faults()
    breaker_time.offset = timedelta(seconds=31)

    stay = [function(alarm(f"later-{index}", "ALARM")) for index in range(5)]

    assert stay == [[]] * 5
    assert len(servicenow.records("incident")) == 5


def test_messages_that_are_wrong_do_not_open_the_circuit(
    function: Function, servicenow: Simulator, stack: Deployment
) -> None:
    """What ServiceNow refuses for its own sake says nothing about ServiceNow."""
    servicenow.configure(aborting_rules=["incident.insert:Check caller"])

    for index in range(6):
        function(alarm(f"wrong-{index}", "ALARM"))

    assert len(stack.dead_letters()) == 6
    servicenow.configure(aborting_rules=[])
    assert function(alarm("right", "ALARM")) == []


def test_a_message_that_meets_a_defect_does_not_open_the_circuit(
    function: Function, servicenow: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often it comes back: a mistake of the bridge says nothing about ServiceNow."""
    with monkeypatch.context() as planted:
        planted.setattr(Desk, "apply", lambda *_: 1 / 0)
        assert _fire(function, 6, "odd") == 6

    assert function(alarm("right", "ALARM")) == []
    assert len(servicenow.records("incident")) == 1


def test_a_kind_of_write_that_is_refused_keeps_no_other_from_servicenow(
    function: Function, servicenow: Simulator, stack: Deployment
) -> None:
    """Resolving is held while the integration user may change nothing; new alarms open incidents all the same."""
    for index in range(7):
        function(alarm(f"before-{index}", "ALARM"))
    servicenow.configure(denied_operations=["incident.update"])

    stay = [function(alarm(f"before-{index}", "OK")) for index in range(7)]

    assert all(stay)
    assert function(alarm("new", "ALARM")) == []
    assert stack.dead_letters() == []


def test_an_open_circuit_is_counted(
    function: Function, servicenow: Simulator, capsys: pytest.CaptureFixture[str]
) -> None:
    """The dashboard shows these metrics."""
    servicenow.add_fault(Fault(status=503, times=None))

    _fire(function, 7)

    documents = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    assert sum(document.get("CircuitOpened", [0])[0] for document in documents) == 1
    assert sum(document.get("CircuitRefusals", [0])[0] for document in documents) == 2
