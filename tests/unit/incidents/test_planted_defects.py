"""The harness is itself tested: each defect, planted into the running code, has to be caught.

Without a defect the same scenarios hold, as test_every_interleaving.py shows.
"""

from collections.abc import Callable, Sequence
from copy import replace

import pytest

from tests.support import defects, found_defects, waiting_defects
from tests.support.defects import Plant
from tests.support.explorer import explore
from tests.support.office import Office
from tests.support.problems import RECORD, settled
from tests.support.scenarios import SCENARIOS
from tests.support.world import Scenario, alerts
from tests.unit.incidents import test_counter_examples, test_desk_troubles, test_ledger

pytestmark = pytest.mark.no_cover  # every line is covered elsewhere, and measuring doubles the time

TWICE = SCENARIOS["one alarm, delivered twice"]
RECOVERY = SCENARIOS["an alarm and its recovery"]
RETURN = SCENARIOS["an alarm that returns"]
PERSON = SCENARIOS["a noted repeat and a person"]
ALONE = replace(PERSON, workers=1)
ACTS = SCENARIOS["a recovery and a person who acts twice"]
REFUSALS = SCENARIOS["refusals"]
LEDGER = SCENARIOS["trouble with the ledger"]

TWO_OPEN = "two records are open"
UNSEEN = "no record is open although the problem is there"
NOT_OVER = "a record is open although the problem is over"
NOTED_TWICE = "a note was written twice"
LOST = "an event was lost"
GIVEN_UP = "an event was given up although nothing was refused"

DEFECTS: Sequence[tuple[Plant, Scenario, str]] = (
    (defects.no_claim, TWICE, TWO_OPEN),
    (defects.look_up_only, TWICE, TWO_OPEN),
    (defects.no_order_guard, RECOVERY, LOST),
    (defects.blind_repeat, TWICE, TWO_OPEN),
    (defects.key_not_compared, SCENARIOS["foreign records"], "a foreign record was changed"),
    (defects.no_tombstone, RECOVERY, LOST),
    (defects.lock_counted_from_the_claim, TWICE, TWO_OPEN),
    (defects.lock_of_the_function_alone, TWICE, TWO_OPEN),
    (defects.no_margin, TWICE, TWO_OPEN),
    (defects.local_clock, TWICE, TWO_OPEN),
    (defects.unknown_patch_released, replace(RETURN, workers=1), UNSEEN),
    (defects.unknown_post_released, TWICE, TWO_OPEN),
    (defects.equal_times_dropped, SCENARIOS["equal times"], LOST),
    (defects.superseded_by_pending, Scenario(alerts("F1 F2"), faults=1, kinds=("refused",)), LOST),
    (defects.guard_advanced_at_the_claim, RECOVERY, "the ledger still waits for a write"),
    (defects.no_marker, ALONE, "the newest alarm can be read nowhere"),
    (defects.note_without_marker, ALONE, NOTED_TWICE),
    (defects.marker_in_a_second_request, ALONE, NOTED_TWICE),
    (defects.answer_not_read, ALONE, UNSEEN),
    (defects.closed_record_kept, ALONE, NOTED_TWICE),
    (defects.no_version_condition, TWICE, TWO_OPEN),
    (defects.early_look_up, TWICE, TWO_OPEN),
    (defects.loser_of_a_refused_fold_deleted, SCENARIOS["a refused batch"], LOST),
    (defects.refused_insert_believed, REFUSALS, TWO_OPEN),
    (defects.reopening_with_a_note, ALONE, NOTED_TWICE),
    (defects.call_after_a_throttled_claim, LEDGER, NOT_OVER),
    (found_defects.key_of_an_attempt_used_again, PERSON, GIVEN_UP),
    (found_defects.done_after_anothers_write, ACTS, LOST),
    (found_defects.words_of_another_event, ACTS, "a record does not say what it is about"),
    (found_defects.words_of_a_duplicate, SCENARIOS["a group in batches"], NOTED_TWICE),
    (found_defects.open_record_replaced, SCENARIOS["left open on recovery"], TWO_OPEN),
    (found_defects.reopening_forgotten, ALONE, NOTED_TWICE),
    (found_defects.any_404_taken_for_deleted, SCENARIOS["a record is hidden"], TWO_OPEN),
    (found_defects.forbidden_change_given_up, SCENARIOS["a closed record is read only"], GIVEN_UP),
    (waiting_defects.window_swallows, SCENARIOS["a window over an alarm"], LOST),
    (waiting_defects.hold_forgets, SCENARIOS["a window over an alarm"], UNSEEN),
    (
        waiting_defects.settle_overtakes,
        SCENARIOS["a recovery that has to last"],
        "the ledger holds an event that never was",
    ),
    (waiting_defects.window_not_minded, SCENARIOS["a window over an alarm"], "a record was opened before its hour"),
)


@pytest.mark.parametrize(("plant", "scenario", "broken"), DEFECTS, ids=[defect[0].__name__ for defect in DEFECTS])
def test_a_planted_defect_breaks_the_oracle(
    plant: Plant, scenario: Scenario, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the search shows the shortest way there."""
    plant(monkeypatch)

    exploration = explore(scenario)

    assert exploration.broken == broken, str(exploration)
    assert exploration.history


SPECIFIED: Sequence[tuple[Plant, Callable[[], None]]] = (
    (found_defects.recovery_soon_forgotten, test_counter_examples.test_t10_a_recovery_is_remembered_long_enough),
    (
        found_defects.ignorance_taken_for_recovery,
        test_counter_examples.test_t7_an_alarm_that_knows_nothing_hides_no_older_one,
    ),
    (
        found_defects.firing_item_expires,
        lambda: test_ledger.test_an_item_expires_only_when_it_is_settled_and_nothing_fires(
            test_ledger.Given(), settled("F1", RECORD, version=0), expires=False
        ),
    ),
    (
        found_defects.success_believed,
        lambda: test_desk_troubles.test_a_state_that_servicenow_ignores_leaves_the_problem_open(Office()),
    ),
    (
        found_defects.own_write_not_recognised,
        lambda: test_ledger.test_a_write_that_the_sdk_repeated_counts_as_done(
            test_ledger.Given(), settled("R1", version=0)
        ),
    ),
)


@pytest.mark.parametrize(("plant", "specification"), SPECIFIED, ids=[defect[0].__name__ for defect in SPECIFIED])
def test_a_planted_defect_breaks_its_specification(
    plant: Plant, specification: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """These take days, a rule, or one worker alone: a test of their own tells of them."""
    specification()
    plant(monkeypatch)

    with pytest.raises(AssertionError):
        specification()
