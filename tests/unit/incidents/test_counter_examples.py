"""The histories that broke simpler designs, one by one: docs/ledger.md names them.

Each runs the real intake, desk and ledger, call by call, over an in-memory DynamoDB and ServiceNow.
"""

import json
from datetime import UTC, datetime, timedelta

import pytest

from common.clock import Deadline
from common.errors import PermanentError
from common.incidents.ledger import KEPT_AFTER_RECOVERY
from common.intake import Intake
from common.queue import Message
from tests.support.clock import EPOCH
from tests.support.deployment import alarm
from tests.support.office import Office
from tests.support.play import any_trouble
from tests.support.problems import NOTES
from tests.support.requests import Clocks
from tests.support.rules import SHIPPED
from tests.support.servicenow import IN_PROGRESS, NEW, Instance
from tests.support.workers import NoQueue

LOCK = 60 + 65 + 5
"""Seconds for which a claim locks a problem: the function's time, ServiceNow's, and the margin for clocks."""


def test_t1_the_same_message_at_once_in_two_workers() -> None:
    """Both read that there is nothing; one claims, the other loses, and one record is opened."""
    history = any_trouble("F1")
    first = history.deliver(0)
    history.duplicate(0)
    second = history.deliver(0)
    history.finish(first)
    history.finish(second)
    history.end()

    assert len(history.records) == 1


def test_t2_a_post_that_commits_late_is_neither_repeated_nor_looked_up_at_once() -> None:
    """The message that comes back meets the lock and asks ServiceNow nothing."""
    history = any_trouble("F1")
    history.meet("late", 0)
    for _ in range(3):
        history.handle(0)
    assert history.records == ()
    history.end()

    assert len(history.records) == 1


def test_t3_a_post_that_is_sent_at_the_end_of_the_functions_time_and_commits_at_the_last_moment() -> None:
    """The lock counts from the writer's hard deadline, not from when it was written."""
    history = any_trouble("F1 F2")
    slot = history.begin(0)
    history.call(slot)
    history.linger()
    history.fault("kill in flight", slot)
    assert history.wait()
    assert history.world.now == 60 + 65
    history.handle(0)
    history.handle(1)
    assert history.world.now < LOCK
    assert history.records == ()
    history.end()

    assert len(history.records) == 1


@pytest.mark.parametrize("offset", [-3600, 3600])
def test_t4_a_worker_whose_clock_is_an_hour_off_respects_a_lock(offset: int) -> None:
    """Locks are written and judged by DynamoDB's clock alone."""
    history = any_trouble("F1 F2", clocks=(Clocks(local_offset=-offset), Clocks(local_offset=offset)))
    first = history.begin(0)
    history.call(first)

    assert history.deliver(1) is None

    history.finish(first)
    history.end()
    assert len(history.records) == 1


def test_t5_a_patch_without_an_answer_is_not_forgotten_before_its_outcome_is_known() -> None:
    """F3 would else find the problem firing, and R2's late success would resolve it for good."""
    history = any_trouble("F1 R2 F3")
    history.handle(0)
    history.meet("late", 1)
    history.handle(2)
    assert history.world.queue == (0, 1, 1)
    history.end()

    assert [row.state for row in history.records] == [IN_PROGRESS]


def test_t6_a_recovery_that_comes_first_stops_its_alarm() -> None:
    """It is remembered although there is nothing to be resolved."""
    history = any_trouble("F1 R2")
    history.handle(1)
    history.handle(0)

    assert history.records == ()
    history.end()


def test_t7_an_alarm_that_knows_nothing_hides_no_older_one() -> None:
    """INSUFFICIENT_DATA comes first and is passed over; the ledger is not even asked."""
    office = Office()
    intake = Intake(SHIPPED, office.desk, NoQueue(), telemetry=office.reports.telemetry)
    now = datetime.fromtimestamp(EPOCH, UTC)
    unknowing = alarm("a", "INSUFFICIENT_DATA", at=now)
    firing = alarm("a", "ALARM", at=now - timedelta(seconds=1))

    for index, event in enumerate((unknowing, firing)):
        assert office.dynamodb.calls == []
        intake.process([Message(str(index), "-", json.dumps(event))], Deadline.after(office.clock, 60))

    assert [row.is_open for row in office.records.rows] == [True]


def test_t8_firing_wins_at_equal_times() -> None:
    """R1 is there already when F1 comes."""
    history = any_trouble("R1 F1")
    history.handle(0)
    history.handle(1)

    assert len(history.open_records) == 1


def test_t9_an_event_is_not_superseded_by_one_that_is_only_pending() -> None:
    """F2 is refused in the end, and F1 opens."""
    history = any_trouble("F1 F2")
    slot = history.begin(1)
    history.call(slot)
    history.handle(0)
    assert history.world.queue == (1, 0)
    history.fault("refused", slot)
    history.finish(slot)
    history.end()

    assert history.world.dead == {1}
    assert [row.description for row in history.records] == ["opened by F1"]


def test_t10_a_recovery_is_remembered_long_enough() -> None:
    """The item lives for 60 days, and what is older than 30 days is refused."""
    office = Office()
    office.apply("R2")
    (stored,) = office.dynamodb.items.values()
    office.clock.advance(30 * 86_400)

    error = office.refused("F1")
    assert isinstance(error, PermanentError)
    assert "30 days" in error.message
    assert int(stored["expires_at"]["N"]) == EPOCH + KEPT_AFTER_RECOVERY == EPOCH + 60 * 86_400


def test_t11_an_event_counts_as_applied_only_once_it_is() -> None:
    """The first POST is not carried out; the same message opens the record."""
    history = any_trouble("F1")
    history.meet("not done", 0)
    history.handle(0)

    assert len(history.open_records) == 1
    history.end()


def test_t12_a_note_whose_writer_died_is_recognised_by_its_marker() -> None:
    """The marker travels in the same request as the note."""
    history = any_trouble("F1 F2", NOTES)
    history.handle(0)
    history.meet("kill", 1, calls=2)
    history.end()

    assert history.notes == ["note of F2"]


def test_t13_a_record_that_a_person_resolved_is_reopened_by_the_answer_to_the_note() -> None:
    """The note is written once; the second call sets the state alone."""
    history = any_trouble("F1 F2", NOTES)
    history.handle(0)
    history.person("resolve")
    history.handle(1)

    assert [row.state for row in history.records] == [IN_PROGRESS]
    assert history.notes == ["note of F2"]
    history.end()


def test_t14_a_closed_record_is_forgotten_before_a_new_one_is_opened() -> None:
    """The POST fails, and the next try writes no second note into the closed one."""
    history = any_trouble("F1 F2", NOTES)
    history.handle(0)
    history.person("close")
    history.meet("not done", 1, calls=3)
    history.handle(1)

    assert history.notes == ["note of F2"]
    assert [row.description for row in history.open_records] == ["opened by F2"]
    history.end()


def test_t15_a_foreign_record_that_a_look_up_returns_is_left_alone() -> None:
    """ServiceNow drops a condition that it does not understand; the message is given up with its reason."""
    foreign = Instance().insert({"short_description": "foreign", "correlation_id": "foreign"})
    history = any_trouble("F1", servicenow=foreign)
    history.meet("dropped", 0)
    history.wait_past_lock()
    history.meet("query ignored", 0, calls=0)

    assert history.records == foreign.rows
    assert history.world.dead == {0}
    history.end()


def test_t16_a_slow_reconciler_does_not_undo_a_newer_claim() -> None:
    """It found nothing, and meanwhile another worker has found nothing too and opened the record."""
    history = any_trouble("F1", workers=2)
    history.meet("dropped", 0)
    history.wait_past_lock()
    slow = history.begin(0)
    history.call(slow)
    history.duplicate(0)
    history.handle(0)
    history.finish(slow)
    history.end()

    assert [row.state for row in history.records] == [NEW]
