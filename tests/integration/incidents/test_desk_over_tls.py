"""The desk over moto's DynamoDB and the simulated instance, through the real client, over TLS."""

from random import Random

import pytest

from common.errors import AmbiguousError, BridgeError, NotYetError, PermanentError, TransientError
from common.incidents.alert import Alert, OnRecovery, OnRepeat, Policy, Status
from common.incidents.item import Operation
from local.simulator import Fault, Simulator
from local.simulator.messages import Json
from tests.integration.incidents.counter import Counter
from tests.support.clock import EPOCH, FakeClock
from tests.support.threads import in_threads

NOTES = Policy(on_repeat=OnRepeat.NOTE)
NEW, IN_PROGRESS, RESOLVED, CLOSED = "1", "2", "6", "7"


def test_a_life_costs_one_call_for_each_change(counter: Counter) -> None:
    """New one, repeat none, resolve one, reopen one; nothing is looked up."""
    for text, calls in (
        ("F1", ["POST"]),
        ("F1", []),
        ("F2", []),
        ("R3", ["PATCH"]),
        ("R3", []),
        ("F4", ["PATCH"]),
    ):
        before = len(counter.calls())
        counter.apply(text)
        assert counter.calls()[before:] == calls

    (incident,) = counter.incidents()
    assert incident["state"] == IN_PROGRESS
    begun = "It is back after 1 second.\nIt began 2 times in the last 30 days, this one included."
    assert counter.notes() == [f"note of F4\n{begun}"]


def test_a_resolved_incident_says_how(counter: Counter) -> None:
    """The data policy asks for a code and notes."""
    counter.apply("F1")
    counter.apply("R2")

    (incident,) = counter.incidents()
    assert incident["state"] == RESOLVED
    assert incident["close_code"] == "Solution provided"
    assert incident["close_notes"] == "note of R2\nIt lasted 1 second."


@pytest.mark.parametrize("on_recovery", [OnRecovery.NOTE, OnRecovery.LEAVE])
def test_a_recovery_may_leave_the_incident_open(counter: Counter, on_recovery: OnRecovery) -> None:
    """With a note or without one."""
    counter.apply("F1", Policy(on_recovery=on_recovery))
    counter.apply("R2", Policy(on_recovery=on_recovery))

    assert counter.states() == [NEW]
    assert counter.notes() == (["note of R2\nIt lasted 1 second."] if on_recovery is OnRecovery.NOTE else [])


@pytest.mark.parametrize(
    "fault",
    [Fault(connection="abort", commit=True), Fault(status=500, commit=True), Fault(content="hibernating", commit=True)],
    ids=["reset", "500", "a page"],
)
def test_an_insert_that_was_carried_out_without_an_answer_is_found(
    counter: Counter, simulator: Simulator, clock: FakeClock, fault: Fault
) -> None:
    """Nobody inserts again; after the lock it is looked up by its key."""
    simulator.add_fault(fault)
    error = counter.error("F1")
    assert isinstance(error, AmbiguousError)
    assert isinstance(counter.error("F1"), NotYetError)
    assert error.retry_after is not None
    clock.advance(error.retry_after)

    applied = counter.apply("F1")

    assert counter.calls() == ["POST", "GET"]
    assert applied.operations == ()
    assert len(counter.incidents()) == 1


@pytest.mark.parametrize(
    "fault",
    [Fault(connection="abort", commit=False), Fault(status=503), Fault(content="empty"), Fault(content="hibernating")],
    ids=["reset", "503", "202", "a page"],
)
def test_an_insert_that_was_not_carried_out_is_made_again_under_the_same_key(
    counter: Counter, simulator: Simulator, clock: FakeClock, fault: Fault
) -> None:
    """Once it is sure that it can't come any more."""
    simulator.add_fault(fault)
    counter.error("F1")
    clock.advance(80)

    counter.apply("F1")

    assert counter.calls() == ["POST", "GET", "POST"]
    assert len(counter.incidents()) == 1
    keys = {call.body["correlation_id"] for call in simulator.calls if call.method == "POST" and call.body}
    assert len(keys) == 1


def test_an_insert_that_commits_45_seconds_late_is_waited_for(
    counter: Counter, simulator: Simulator, clock: FakeClock
) -> None:
    """There is never a second one."""
    simulator.add_fault(Fault(method="POST", status=504, commit_after=45.0))
    counter.error("F1")
    for _ in range(7):
        clock.advance(10)
        assert isinstance(counter.error("F1"), NotYetError)
    clock.advance(10)

    counter.apply("F1")

    assert counter.calls() == ["POST", "GET"]
    assert len(counter.incidents()) == 1


def test_an_insert_that_was_carried_out_and_refused_is_found_at_once(counter: Counter, simulator: Simulator) -> None:
    """ServiceNow may answer 403 to an insert that succeeded (KB2697679)."""
    simulator.add_fault(Fault(method="POST", status=403, commit=True))

    applied = counter.apply("F1")

    assert applied.record is not None
    assert applied.record.number == counter.incidents()[0]["number"]
    assert counter.calls() == ["POST", "GET"]


def test_a_refused_insert_is_refused(counter: Counter, simulator: Simulator) -> None:
    """Nothing stands in the way of the next try."""
    simulator.add_fault(Fault(method="POST", status=403))
    assert counter.error("F1").status == 403

    assert counter.apply("F1").operations == (Operation.OPEN,)


@pytest.mark.parametrize(
    ("state", "states"),
    [(RESOLVED, [IN_PROGRESS]), (CLOSED, [CLOSED, NEW])],
    ids=["resolved by a person", "closed by a person"],
)
def test_what_a_person_did_shows_in_the_answer_to_the_next_note(
    counter: Counter, simulator: Simulator, state: str, states: list[str]
) -> None:
    """The incident is reopened, or replaced where that can't be."""
    counter.apply("F1", NOTES)
    simulator.update("incident", counter.incidents()[0]["sys_id"], {"state": state})

    counter.apply("F2", NOTES)

    assert counter.states() == states
    assert counter.notes() == ["note of F2"]
    assert counter.item().record is not None


@pytest.mark.parametrize(("text", "states"), [("F2", [NEW]), ("R2", [])])
def test_a_deleted_incident_is_replaced_while_the_problem_is_there(
    counter: Counter, text: str, states: list[str]
) -> None:
    """ServiceNow answers 404 to the change."""
    counter.apply("F1", NOTES)
    counter.delete(counter.incidents()[0]["sys_id"])

    counter.apply(text, NOTES)

    assert counter.states() == states


@pytest.mark.parametrize("committed", [True, False])
def test_a_note_without_an_answer_is_not_written_twice(
    counter: Counter, simulator: Simulator, clock: FakeClock, *, committed: bool
) -> None:
    """Its marker tells whether it is there."""
    counter.apply("F1", NOTES)
    simulator.add_fault(Fault(method="PATCH", connection="abort", commit=committed))
    counter.error("F2", NOTES)
    clock.advance(80)

    counter.apply("F2", NOTES)

    assert counter.notes() == ["note of F2"]
    assert counter.calls() == ["POST", "PATCH", "GET"] + ([] if committed else ["PATCH"])


def test_a_change_that_commits_late_does_not_undo_a_newer_one(
    counter: Counter, simulator: Simulator, clock: FakeClock
) -> None:
    """The recovery waits for it, and the newer state stays."""
    counter.apply("F1", NOTES)
    simulator.add_fault(Fault(method="PATCH", status=504, commit_after=45.0))
    counter.error("F2", NOTES)
    assert isinstance(counter.error("R3", NOTES), NotYetError)
    clock.advance(80)

    counter.apply("R3", NOTES)
    counter.apply("F2", NOTES)

    assert counter.states() == [RESOLVED]
    assert counter.notes() == ["note of F2"]


def test_a_person_who_resolves_while_the_outcome_is_unknown(
    counter: Counter, simulator: Simulator, clock: FakeClock
) -> None:
    """The note is there; only the state is set again."""
    counter.apply("F1", NOTES)
    simulator.add_fault(Fault(method="PATCH", connection="abort", commit=True))
    counter.error("F2", NOTES)
    simulator.update("incident", counter.incidents()[0]["sys_id"], {"state": RESOLVED})
    clock.advance(80)

    counter.apply("F2", NOTES)

    assert counter.states() == [IN_PROGRESS]
    assert counter.notes() == ["note of F2"]


def test_correlation_fields_that_servicenow_discards_cost_no_second_note(
    counter: Counter, simulator: Simulator, clock: FakeClock
) -> None:
    """The access rule is reported; the state stays exact."""
    simulator.configure(denied_fields=("incident.correlation_display", "incident.correlation_id"))
    counter.apply("F1", NOTES)
    simulator.add_fault(Fault(method="PATCH", connection="abort", commit=True))
    counter.error("F2", NOTES)
    clock.advance(80)

    counter.apply("F2", NOTES)
    counter.apply("R3", NOTES)

    assert counter.states() == [RESOLVED]
    assert counter.notes() == ["note of F2"]
    assert counter.reports.counts["MarkersDiscarded"] == 2


def test_a_look_up_that_returns_a_foreign_incident_writes_nothing(
    counter: Counter, simulator: Simulator, clock: FakeClock
) -> None:
    """It is reported, and left to a person."""
    foreign = simulator.insert("incident", {"short_description": "foreign"})
    simulator.add_fault(Fault(method="POST", connection="abort", commit=False))
    counter.error("F1")
    clock.advance(80)
    row: Json = {"sys_id": foreign, "correlation_id": "", "state": NEW}
    simulator.add_fault(Fault(method="GET", status=200, body={"result": [row]}))

    assert isinstance(counter.error("F1"), PermanentError)
    assert counter.calls() == ["POST", "GET"]
    assert counter.reports.counts["RecordConflicts"] == 1


def test_eight_workers_with_the_same_alarm_open_one_incident(counter: Counter) -> None:
    """One claims, the others come back."""
    outcomes = in_threads(8, lambda: counter.apply("F1"))

    applied = [outcome for outcome in outcomes if not isinstance(outcome, BridgeError)]
    assert len(outcomes) == 8
    assert applied
    assert all(isinstance(outcome, NotYetError) for outcome in outcomes if isinstance(outcome, BridgeError))
    assert counter.calls() == ["POST"]


def test_a_shuffled_storm_ends_with_one_open_incident_for_each_problem(
    counter: Counter, simulator: Simulator, clock: FakeClock
) -> None:
    """Ten problems, ten flapping events of each, delivered twice, every tenth answer lost."""
    random = Random(4)  # noqa: S311 (repeatable draws)
    storm = [
        Alert(
            f"problem {problem}",
            Status.FIRING if second % 2 else Status.RESOLVED,
            (int(EPOCH) - 600 + second) * 1000,
            {"short_description": f"problem {problem}"},
            note=f"note {problem} {second}",
            policy=NOTES,
        )
        for problem in range(10)
        for second in range(10)
    ]
    waiting = storm * 2
    random.shuffle(waiting)
    simulator.add_fault(Fault(connection="abort", commit=True, probability=0.1, times=None))

    while waiting:
        alert = waiting.pop()
        try:
            counter.apply_alerts([alert])
        except (AmbiguousError, TransientError):
            waiting.insert(0, alert)
            clock.advance(2)

    incidents = counter.incidents()
    assert sorted(incident["short_description"] for incident in incidents) == [f"problem {n}" for n in range(10)]
    assert all(incident["state"] in (NEW, IN_PROGRESS) for incident in incidents)
    assert len(set(counter.notes())) == len(counter.notes())
