"""Histories that the exhaustive search found to break this code, and what became of them.

Each runs the real intake, desk and ledger, call by call, over an in-memory DynamoDB and ServiceNow.
"""

import pytest

from tests.support.play import any_trouble
from tests.support.problems import NOTES
from tests.support.servicenow import Act


def test_an_event_opens_its_second_record_under_another_key() -> None:
    """A person closed the first; were the keys alike, a look-up would find two records and give the event up."""
    history = any_trouble("F1 F2", NOTES)
    history.meet("kill", 0, calls=2)
    history.person("close")
    history.wait_past_lock()
    late = history.begin(1)
    history.handle(0)
    history.finish(late)
    history.end()

    assert len({row.correlation_id for row in history.records}) == 2
    assert history.world.dead == frozenset()


def test_who_finishes_anothers_reopening_still_applies_its_own_event() -> None:
    """R3 finds that F2 has to be reopened; it is resolved afterwards, not lost."""
    history = any_trouble("F1 F2 R3", NOTES)
    history.handle(0)
    history.person("resolve")
    history.meet("kill", 1, calls=2)
    history.wait_past_lock()
    history.handle(2)
    history.end()

    assert history.open_records == []


@pytest.mark.parametrize("act", ["close", "delete"])
def test_nobody_opens_a_record_with_the_words_of_another_event(act: Act) -> None:
    """R3 is about to reopen for F2 when the record is closed; it has nothing to say about F2."""
    history = any_trouble("F1 F2 R3", NOTES)
    history.handle(0)
    history.person("resolve")
    history.meet("kill", 1, calls=2)
    history.wait_past_lock()
    slot = history.begin(2)
    history.call(slot, 2)
    history.person(act)
    history.finish(slot)
    history.end()

    assert history.open_records == []
    assert all(row.description for row in history.records)


def test_a_refused_insert_that_was_carried_out_all_the_same_is_found() -> None:
    """ServiceNow may answer 403 to an insert that succeeded (KB2697679)."""
    history = any_trouble("F1")
    history.meet("refused after commit", 0)

    assert len(history.open_records) == 1
    assert history.world.dead == frozenset()
    history.end()


def test_no_call_is_made_after_a_claim_that_was_throttled() -> None:
    """Whether it was written nobody knows."""
    history = any_trouble("F1")
    slot = history.begin(0)
    history.fault("throttled", slot)

    assert history.world.runs[slot] is None
    assert history.records == ()
