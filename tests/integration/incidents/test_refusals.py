"""Refusals over the wire: which 404 means that a record is gone, and what words in another language are taken for."""

import pytest

from common.errors import ConfigurationError, HeldError, PermanentError
from common.incidents.alert import OnRepeat, Policy
from common.incidents.item import Operation
from local.simulator import Fault, Simulator
from local.simulator.messages import Json
from tests.integration.incidents.counter import Counter

NOTES = Policy(on_repeat=OnRepeat.NOTE)
NEW, IN_PROGRESS, RESOLVED, CLOSED = "1", "2", "6", "7"
NO_RECORD = "No Record found"


def body(message: str, detail: str | None = None) -> Json:
    """Return an error of ServiceNow's API."""
    return {"error": {"message": message, "detail": detail}, "status": "failure"}


@pytest.mark.parametrize("message", ["Requested URI does not represent any resource", "Invalid table incident"])
@pytest.mark.parametrize(
    ("before", "text", "state"), [(["F1"], "F2", NEW), (["F1", "R2"], "F3", IN_PROGRESS), (["F1"], "R2", RESOLVED)]
)
def test_a_404_that_tells_of_no_record_is_held(  # noqa: PLR0913 (what was, is and will be)
    counter: Counter, simulator: Simulator, *, message: str, before: list[str], text: str, state: str
) -> None:
    """Nothing is opened anew and nothing is taken for resolved; afterwards the change is made."""
    for done in before:
        counter.apply(done, NOTES)
    simulator.add_fault(Fault(method="PATCH", status=404, body=body(message)))

    assert isinstance(counter.error(text, NOTES), ConfigurationError)
    counter.apply(text, NOTES)

    assert counter.states() == [state]


def test_a_record_that_is_there_after_all_is_not_replaced(counter: Counter, simulator: Simulator) -> None:
    """A look by its number finds it; the change is given up, with its reason."""
    counter.apply("F1", NOTES)
    simulator.add_fault(Fault(method="PATCH", status=404, body=body(NO_RECORD)))

    assert isinstance(counter.error("F2", NOTES), PermanentError)

    assert counter.states() == [NEW]
    assert counter.calls() == ["POST", "PATCH", "GET"]


def test_a_deleted_record_is_replaced_after_a_look(counter: Counter) -> None:
    """Neither its number nor another record of its problem is there."""
    counter.apply("F1", NOTES)
    counter.delete(counter.incidents()[0]["sys_id"])

    assert counter.apply("F2", NOTES).operations == (Operation.OPEN,)
    assert counter.calls() == ["POST", "DELETE", "PATCH", "GET", "POST"]
    assert counter.states() == [NEW]


def test_another_open_record_of_the_problem_takes_the_place_of_a_deleted_one(
    counter: Counter, simulator: Simulator
) -> None:
    """There were two, and a person deleted the one that the ledger knew."""
    counter.apply("F1", NOTES)
    (known,) = counter.incidents()
    double = {"short_description": "double", "correlation_id": known["correlation_id"]}
    other = simulator.insert("incident", double)
    counter.delete(known["sys_id"])

    counter.apply("F2", NOTES)

    assert [row["sys_id"] for row in counter.incidents()] == [other]
    assert counter.notes() == ["note of F2"]


def test_a_refusal_in_another_language_is_held_until_others_are_accepted(
    counter: Counter, simulator: Simulator
) -> None:
    """Then it was about this problem, which is given up."""
    refused = Fault(method="POST", status=403, body=body("Vorgang fehlgeschlagen", "ACL-Ausnahme"))
    for _ in range(3):
        simulator.add_fault(refused)

    assert isinstance(counter.error("F1"), HeldError)
    assert isinstance(counter.error("F1"), HeldError)
    simulator.clear_faults()
    counter.apply("F1", key="another problem")
    simulator.add_fault(refused)

    assert isinstance(counter.error("F1"), PermanentError)


def test_what_concerns_everybody_is_held_in_any_language(counter: Counter, simulator: Simulator) -> None:
    """One by one, as long as it lasts; then all are done."""
    simulator.configure(language="de", denied_operations=["incident.insert"])
    errors = []
    for key in "abc":
        with pytest.raises(HeldError) as caught:
            counter.apply("F1", key=key)
        errors.append(caught.value.status)
    simulator.configure(denied_operations=[])
    for key in "abc":
        counter.apply("F1", key=key)

    assert errors == [403, 403, 403]
    assert counter.states() == [NEW] * 3


@pytest.mark.parametrize("language", ["en", "de"])
def test_a_life_goes_on_in_another_language(counter: Counter, simulator: Simulator, language: str) -> None:
    """A closed record that is read only is replaced, and so is one that was deleted."""
    simulator.configure(language=language, closed_records="rule")
    counter.apply("F1", NOTES)
    simulator.update("incident", counter.incidents()[0]["sys_id"], {"state": CLOSED})
    counter.apply("F2", NOTES)
    counter.delete(counter.incidents()[1]["sys_id"])
    counter.apply("F3", NOTES)
    counter.apply("R4", NOTES)

    assert counter.states() == [CLOSED, RESOLVED]


def test_the_business_rule_that_aborts_is_named(counter: Counter, simulator: Simulator) -> None:
    """In the reason of the dead letter."""
    simulator.configure(aborting_rules=["incident.insert:Check caller"])

    assert "Check caller" in counter.error("F1").message
