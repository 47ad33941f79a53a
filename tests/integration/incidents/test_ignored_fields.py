"""A 200 is not a yes: every answer is compared with what was written."""

from copy import replace

import pytest

from common.errors import HeldError
from common.incidents.alert import OnRepeat, Policy
from common.incidents.item import Operation
from local.simulator import Fault, Simulator
from tests.integration.incidents.counter import Counter
from tests.support.clock import FakeClock
from tests.support.world import alerts

NOTES = Policy(on_repeat=OnRepeat.NOTE)
NEW, RESOLVED, CLOSED = "1", "6", "7"


def test_a_state_that_is_ignored_leaves_the_problem_open(counter: Counter, simulator: Simulator) -> None:
    """Nothing counts as resolved, and once the field may be written the recovery is carried out."""
    counter.apply("F1")
    simulator.configure(denied_fields=["incident.state"])

    error = counter.error("R2")

    assert isinstance(error, HeldError)
    assert (error.code, "state" in error.action) == ("state_ignored", True)
    assert counter.item().fires
    assert "RecordsResolved" not in counter.reports.counts
    assert "carried out" not in " ".join(counter.reports.messages("INFO")[1:])
    simulator.configure(denied_fields=[])
    assert counter.apply("R2").operations == (Operation.RESOLVE,)
    assert counter.states() == [RESOLVED]


def test_a_state_that_is_ignored_is_noticed_without_an_answer_too(
    counter: Counter, simulator: Simulator, clock: FakeClock
) -> None:
    """The look-up finds the marker, and the record open."""
    counter.apply("F1")
    simulator.configure(denied_fields=["incident.state"])
    simulator.add_fault(Fault(method="PATCH", connection="abort", commit=True))
    counter.error("R2")
    clock.advance(80)

    assert counter.error("R2").code == "state_ignored"
    assert counter.item().fires


def test_a_record_that_cannot_be_reopened_is_replaced(counter: Counter, simulator: Simulator) -> None:
    """An alarm needs a record that somebody looks at."""
    counter.apply("F1 R2")
    counter.apply("R2")
    counter.apply("F3")
    counter.apply("R4")
    simulator.configure(denied_fields=["incident.state"])

    counter.apply("F5")

    assert counter.states() == [RESOLVED, NEW]


@pytest.mark.parametrize("field", ["urgency", "short_description", "u_no_such_column"])
def test_other_fields_that_are_ignored_are_counted_and_told_once(
    counter: Counter, simulator: Simulator, field: str
) -> None:
    """One line for each table and field, the record is opened all the same."""
    simulator.configure(denied_fields=[f"incident.{field}"])
    for key in ("one", "another"):
        (alert,) = alerts("F1", NOTES)
        counter.apply_alerts([replace(alert, key=key, fields={"description": "d", field: "1"})])

    assert counter.states() == [NEW, NEW]
    assert counter.reports.counts["FieldsIgnored"] == 2
    (line,) = [line for line in counter.reports.lines if "did not keep what was written" in line["message"]]
    assert (line["table"], line["field"]) == ("incident", field)


def test_what_servicenow_normalises_is_not_told_of(counter: Counter) -> None:
    """Notes come back empty, texts trimmed and cut to their column."""
    (alert,) = alerts("F1", NOTES)
    long = "a word and another, " * 20
    counter.apply_alerts([replace(alert, fields={"short_description": long, "description": " two\r\nlines \n"})])
    counter.apply("F2", NOTES)
    counter.apply("R3", NOTES)

    assert "FieldsIgnored" not in counter.reports.counts
