"""Defects that a careless version of storms would have: each, planted into the running code, has to be caught."""

from collections.abc import Sequence

import pytest

from tests.support import storm_defects as defects
from tests.support.defects import Plant
from tests.support.explorer import explore
from tests.support.play import Play
from tests.support.storms import STORMS, stormy
from tests.support.world import Scenario

pytestmark = pytest.mark.no_cover  # every line is covered elsewhere, and measuring doubles the time

UNSEEN = "no record is open although the problem is there"
NO_STORM = "there is a storm of no more problems than the bound"
TOO_MANY = "more problems have a record of their own than the bound"
OPEN_FOR_EVER = "a record is open although all in it is over"

JOINS = STORMS["a problem that joins"]
COVERED = STORMS["a problem that is covered"]

DEFECTS: Sequence[tuple[Plant, Scenario, str]] = (
    (defects.told_before_it_has_joined, JOINS, OPEN_FOR_EVER),
    (defects.each_names_its_own_record, STORMS["two problems join"], "two records of storms are open"),
    (defects.every_try_counts, STORMS["one problem is no storm"], NO_STORM),
    (defects.linked_only, STORMS["a child outlasts the rest"], UNSEEN),
    (defects.recovery_of_a_child_kept_from_the_storm, STORMS["a child and all else recover"], OPEN_FOR_EVER),
    (defects.memory_of_the_storm_lost, STORMS["a problem that returns after its storm"], TOO_MANY),
    (defects.not_mirrored, JOINS, "an event was lost"),
    (defects.covered_taken_for_done, COVERED, "an event was lost"),
    (defects.covered_remembered_as_told, COVERED, UNSEEN),
    (defects.list_believed, STORMS["a problem that is covered, and a kill"], "it cannot come to rest any more"),
    (defects.noted_each_time, COVERED, "a note was written twice"),
)


@pytest.mark.parametrize(("plant", "scenario", "broken"), DEFECTS, ids=[defect[0].__name__ for defect in DEFECTS])
def test_a_planted_defect_breaks_the_oracle(
    plant: Plant, scenario: Scenario, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the search shows the shortest way there."""
    plant(monkeypatch)

    exploration = explore(scenario)

    assert exploration.broken == broken, str(exploration)


def finished_by_another() -> Play:
    """Let a storm's end be written by whoever brings the next alarm, and leave that one no time to say it."""
    play = Play(Scenario(stormy("F1 R2 F3 F4", 0), faults=1))
    play.handle(0)
    play.meet("answer lost", 1, calls=2)
    play.wait_past_lock()
    late = play.begin(2)
    play.call(late, 3)
    play.handle(3)
    play.finish(late)
    play.drain()
    return play


def test_a_storm_that_is_over_takes_no_alarm_even_from_whoever_ended_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its problems may have left it by then."""
    assert finished_by_another().broken == ""

    defects.over_for_a_moment(monkeypatch)
    assert finished_by_another().broken == "two records of storms are open"
