"""The thin shell in trouble: what it raises, and what it leaves behind."""

from contextlib import suppress
from copy import replace

import pytest

from common.errors import (
    AmbiguousError,
    BridgeError,
    ChangedRequestError,
    ConfigurationError,
    HeldError,
    NotYetError,
    PermanentError,
    TransientError,
)
from common.incidents import work as work_module
from common.incidents.item import Operation
from tests.support.clock import EPOCH
from tests.support.ledger import THROTTLED, refusal
from tests.support.oauth import Middle
from tests.support.office import Office
from tests.support.problems import NOTES, PROBLEM
from tests.support.records import Trouble
from tests.support.servicenow import CLOSED, IN_PROGRESS, NEW, RESOLVED

UNANSWERED = AmbiguousError("No answer.", action="Look.")
BUSY = TransientError("Too many calls.", action="Wait.", status=429, retry_after=77.0)
REFUSED = PermanentError("Refused.", action="Mend it.", status=400)
FORBIDDEN = PermanentError("Forbidden.", action="Allow it.", status=403)
HELD = HeldError("Nobody may.", action="Allow it.", status=403)


def test_within_a_lock_it_comes_back_once_the_lock_has_ended(office: Office) -> None:
    """With 1 to 10 seconds on top, so that few come at once."""
    office.records.troubles.append(Trouble(UNANSWERED))
    office.refused("F1")
    office.clock.advance(20)

    error = office.refused("F2")

    assert isinstance(error, NotYetError)
    assert error.retry_after is not None
    assert 51.0 <= error.retry_after <= 60.0
    assert office.records.calls == ["create incident"]


def test_who_loses_a_race_comes_back_soon(office: Office) -> None:
    """Nothing was called."""
    office.dynamodb.faults.extend([None, refusal("ConditionalCheckFailedException", "PutItem", EPOCH)])

    error = office.refused("F1")

    assert isinstance(error, NotYetError)
    assert error.retry_after is not None
    assert 1.0 <= error.retry_after <= 10.0
    assert office.records.calls == []


@pytest.mark.parametrize(("share", "seconds"), [(0.0, 1.0), (1.0, 10.0)])
def test_the_wait_is_what_is_left_of_the_lock_and_some_seconds(
    office: Office, monkeypatch: pytest.MonkeyPatch, share: float, seconds: float
) -> None:
    """The dice decide how many; where there is no lock they alone do."""
    monkeypatch.setattr(work_module, "_jitter", Middle(share))
    office.dynamodb.faults.extend([None, refusal("ConditionalCheckFailedException", "PutItem", EPOCH)])
    assert office.refused("F1").retry_after == seconds
    office.records.troubles.append(Trouble(UNANSWERED))
    office.refused("F1")
    lock = office.item().pending_write.lock_until - office.ledger.now()
    assert lock > 60_000
    assert office.refused("F2").retry_after == lock / 1000 + seconds


def test_after_a_throttled_claim_nothing_is_called(office: Office) -> None:
    """Whether it was written nobody knows."""
    office.dynamodb.faults.extend([None, refusal(THROTTLED, "PutItem", EPOCH)])

    assert isinstance(office.refused("F1"), TransientError)
    assert office.records.calls == []


def test_when_settling_is_throttled_the_lock_stays_until_the_outcome_is_looked_up(office: Office) -> None:
    """One record, found by its key."""
    office.dynamodb.faults.extend([None, None, refusal(THROTTLED, "PutItem", EPOCH)])
    office.refused("F1")
    assert isinstance(office.refused("F1"), NotYetError)
    office.clock.advance(131)

    applied = office.apply("F1")

    assert applied.operations == ()
    assert applied.record == office.item().record
    assert office.records.calls == ["create incident", "find incident"]
    assert len(office.records.rows) == 1


@pytest.mark.parametrize("committed", [True, False])
def test_a_write_without_an_answer_comes_back_when_its_outcome_can_be_known(office: Office, *, committed: bool) -> None:
    """70 s after the call at the earliest; then there is one record, whether it was carried out or not."""
    office.records.troubles.append(Trouble(UNANSWERED, committed=committed))

    error = office.refused("F1")
    assert isinstance(error, AmbiguousError)
    assert error.retry_after is not None
    assert 71.0 <= error.retry_after <= 80.0
    office.clock.advance(71)
    office.apply("F1")

    assert len(office.records.rows) == 1


def test_a_server_that_asks_for_more_time_gets_it(office: Office) -> None:
    """A 503 may have been carried out, and says when to come again."""
    asking = AmbiguousError("ServiceNow answered 503.", action="Wait.", retry_after=600.0)
    office.records.troubles.append(Trouble(asking))

    assert office.refused("F1").retry_after == 600.0


def test_what_was_provably_not_done_comes_back_when_servicenow_says(office: Office) -> None:
    """At once the ledger is as before."""
    office.records.troubles.append(Trouble(BUSY))

    assert office.refused("F1") is BUSY
    assert BUSY.retry_after == 77.0
    assert (office.item().pending, office.item().orders) == (None, {})


@pytest.mark.parametrize("error", [REFUSED, HELD])
def test_a_refusal_is_passed_on(office: Office, error: BridgeError) -> None:
    """The ledger is as before, so that the message can be replayed once it is mended."""
    office.records.troubles.append(Trouble(error))

    assert office.refused("F1") is error
    assert office.apply("F1").operations == (Operation.OPEN,)


@pytest.mark.parametrize("error", [FORBIDDEN, HELD])
def test_a_forbidden_insert_is_looked_for(office: Office, error: BridgeError) -> None:
    """It may have succeeded all the same (KB2697679)."""
    office.records.troubles.append(Trouble(error, committed=True))

    applied = office.apply("F1")

    assert applied.record is not None
    assert office.records.calls == ["create incident", "find incident"]


def test_a_forbidden_insert_that_is_not_there_is_refused(office: Office) -> None:
    """ServiceNow's own answer ended its transaction."""
    office.records.troubles.append(Trouble(FORBIDDEN))

    assert office.refused("F1") is FORBIDDEN
    assert office.item().pending is None


def test_a_forbidden_insert_that_cannot_be_looked_for_waits(office: Office) -> None:
    """The lock stays."""
    office.records.troubles.extend([Trouble(FORBIDDEN, committed=True), Trouble(BUSY)])
    assert office.refused("F1") is BUSY
    office.clock.advance(131)

    office.apply("F1")

    assert len(office.records.rows) == 1


def test_a_forbidden_change_of_an_open_record_is_refused(office: Office) -> None:
    """After one look at the record."""
    office.apply("F1")
    office.records.troubles.append(Trouble(FORBIDDEN))

    assert office.refused("R2") is FORBIDDEN
    assert office.records.calls[-2:] == ["update incident", "read incident"]
    assert office.apply("R2").operations == (Operation.RESOLVE,)


def test_a_change_that_is_held_is_not_looked_at(office: Office) -> None:
    """The API is closed to everybody: a look would tell nothing."""
    office.apply("F1")
    office.records.troubles.append(Trouble(HELD))

    assert office.refused("R2") is HELD
    assert office.records.calls[-1] == "update incident"


@pytest.mark.parametrize("state", [RESOLVED, CLOSED])
@pytest.mark.parametrize(
    ("text", "operations", "records"), [("F2", (Operation.OPEN,), 2), ("R2", (), 1)], ids=["still there", "over"]
)
def test_a_finished_record_that_may_not_be_changed_is_replaced_if_the_problem_is_there(
    office: Office, state: str, text: str, operations: tuple[Operation, ...], records: int
) -> None:
    """A recovery has nothing left to do."""
    office.apply("F1", NOTES)
    office.person(state)
    office.records.troubles.append(Trouble(FORBIDDEN))

    applied = office.apply(text, NOTES)

    assert (applied.operations, len(office.records.rows)) == (operations, records)
    assert office.item().pending is None


def test_a_state_that_servicenow_ignores_leaves_the_problem_open(office: Office) -> None:
    """The answer shows the record open: the recovery is held, and nothing counts as resolved."""
    office.apply("F1")
    office.records.instance = replace(office.records.instance, state_is_ignored=True)

    with suppress(HeldError):
        office.apply("R2")

    assert office.item().fires
    assert office.item().pending is None
    assert "RecordsResolved" not in office.reports.counts


def test_a_state_that_is_ignored_although_others_are_set_is_refused(office: Office) -> None:
    """It is about this record then, and a person has to look at it."""
    office.apply("F1")
    office.records.instance = replace(office.records.instance, state_is_ignored=True)
    assert isinstance(office.refused("R2"), HeldError)

    office.desk.precedents.accept("PATCH of state", "incident", "another")

    assert isinstance(office.refused("R2"), PermanentError)
    assert office.item().fires


def test_a_record_that_cannot_be_looked_at_after_a_refusal_waits(office: Office) -> None:
    """The lock stays; once it has ended the record is looked at again."""
    office.apply("F1", NOTES)
    office.person(CLOSED)
    office.records.troubles.extend([Trouble(FORBIDDEN), Trouble(BUSY)])
    assert office.refused("F2", NOTES) is BUSY
    office.clock.advance(131)

    assert office.apply("F2", NOTES).operations == (Operation.OPEN,)


@pytest.mark.parametrize(("text", "states"), [("F2", [NEW]), ("R2", [])], ids=["still there", "over"])
def test_a_deleted_record_is_replaced_if_the_problem_is_there(office: Office, text: str, states: list[str]) -> None:
    """ServiceNow answers 404."""
    office.apply("F1", NOTES)
    office.delete()

    office.apply(text, NOTES)

    assert office.states() == states


@pytest.mark.parametrize(
    ("state", "states"), [(RESOLVED, [IN_PROGRESS]), (CLOSED, [CLOSED, NEW])], ids=["resolved", "closed"]
)
def test_a_record_that_a_person_finished_is_reopened_or_replaced(office: Office, state: str, states: list[str]) -> None:
    """The answer to the note shows it; the note is written once."""
    office.apply("F1", NOTES)
    office.person(state)

    applied = office.apply("F2", NOTES)

    assert office.states() == states
    assert len(applied.operations) == 2
    assert [note for _, note in office.records.instance.notes] == ["note of F2"]


def test_a_person_who_acts_while_an_outcome_is_looked_up_counts_too(office: Office) -> None:
    """The note has arrived; the record was resolved since; only its state is set."""
    office.apply("F1", NOTES)
    office.records.troubles.append(Trouble(UNANSWERED, committed=True))
    office.refused("F2", NOTES)
    office.person(RESOLVED)
    office.clock.advance(71)

    office.apply("F2", NOTES)

    assert office.states() == [IN_PROGRESS]
    assert [note for _, note in office.records.instance.notes] == ["note of F2"]


def test_a_deleted_record_that_is_looked_up_is_replaced(office: Office) -> None:
    """Whatever became of the write."""
    office.apply("F1", NOTES)
    office.records.troubles.append(Trouble(UNANSWERED))
    office.refused("F2", NOTES)
    office.delete()
    office.clock.advance(71)

    office.apply("F2", NOTES)

    assert office.states() == [NEW]
    assert office.records.calls[-3:] == ["read incident", "find incident", "create incident"]


def test_several_records_of_one_attempt_are_for_a_person(office: Office) -> None:
    """Nothing is written; the error says what to look for."""
    office.records.troubles.append(Trouble(UNANSWERED, committed=True))
    office.refused("F1")
    office.records.instance = office.records.instance.insert(office.records.sent[0])
    office.clock.advance(71)

    error = office.refused("F1")

    assert isinstance(error, PermanentError)
    assert PROBLEM in error.action
    assert office.reports.counts["RecordConflicts"] == 1
    assert office.records.calls == ["create incident", "find incident"]


@pytest.mark.parametrize(("days", "outcome"), [(29.9, "applied"), (30.1, "30 days")], ids=["29.9 days", "30.1 days"])
def test_events_older_than_thirty_days_are_refused(office: Office, days: float, outcome: str) -> None:
    """A recovery that came after them may have been forgotten."""
    office.clock.advance(days * 86_400 - 1000)

    if outcome == "applied":
        assert office.apply("F0").operations == (Operation.OPEN,)
    else:
        assert outcome in office.refused("F0").message


def test_events_from_the_future_are_refused(office: Office) -> None:
    """Everything that follows would look old; five minutes are forgiven."""
    assert "future" in office.refused("F1301").message
    assert isinstance(office.refused("F1301"), PermanentError)
    assert office.apply("F1300").operations == (Operation.OPEN,)


def test_ages_are_judged_by_dynamodbs_clock(office: Office) -> None:
    """The local one is an hour off."""
    office.dynamodb._now = lambda: EPOCH
    office.clock.jump(-3600)

    assert office.apply("F1200").operations == (Operation.OPEN,)


def test_a_work_that_does_not_come_to_rest_is_stopped(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the reason, it comes back."""
    monkeypatch.setattr(work_module, "_MOST_STEPS", 1)

    assert isinstance(office.refused("F1"), TransientError)


def test_missing_rights_on_the_ledger_hold_everything(office: Office) -> None:
    """Never an unguarded call."""
    office.dynamodb.faults.append(refusal("AccessDeniedException", "GetItem", EPOCH))

    assert isinstance(office.refused("F1"), ConfigurationError)
    assert office.records.calls == []


def test_a_callers_key_belongs_to_one_request(office: Office) -> None:
    """The same again is answered with the same record, another one is refused."""
    first = office.apply("F1", fingerprint="0" * 32)

    again = office.apply("F1", fingerprint="0" * 32)
    error = office.refused("F1", fingerprint="1" * 32)

    assert again.record == first.record
    assert isinstance(error, ChangedRequestError)
    assert office.records.calls == ["create incident"]
