"""What `make quiet` measures with: the stories, what Alertmanager would do, and who counts as told."""

from bench.quiet.others import alertmanager, ideal
from bench.quiet.outcome import Told, outcome_of
from bench.quiet.traces import HOLD, MINUTE, SETTLE, Episode, Trace, flapping, outage, spikes


def trace(*episodes: tuple[float, float], alarm: str = "alarm-1") -> Trace:
    """Return a story of one alarm, whose episodes are given in minutes."""
    found = [Episode(alarm, "kind-1", begins * MINUTE, ends * MINUTE) for begins, ends in episodes]
    return Trace("made up", "Made up", found, 86_400.0)


def told(at: float, *, wakes: bool = False, shows: str = "", hides: str = "") -> Told:
    """Return what is told at a minute of some alarm."""
    return Told(at * MINUTE, wakes=wakes, shows=frozenset({shows} - {""}), hides=frozenset({hides} - {""}))


def test_a_problem_lasts_until_it_has_been_over_for_a_while() -> None:
    """What heals before that is none, and what returns is the same one."""
    hold, settle = HOLD / MINUTE, SETTLE / MINUTE
    story = trace((0, hold), (100, 101 + hold), (101 + hold + settle, 130), (200, 200 + 2 * hold))
    problems = [(each.begins / MINUTE, each.ends / MINUTE) for each in story.problems]
    assert problems == [(100, 130), (200, 200 + 2 * hold)]


def test_who_is_told_while_it_lasts_is_told_in_time() -> None:
    """Too late, and not at all, are told apart."""
    story = trace((10, 60))
    assert outcome_of(story, [told(14, wakes=True, shows="alarm-1")]).late == 0
    assert outcome_of(story, [told(15, wakes=True, shows="alarm-1")]).late == 1
    assert outcome_of(story, [told(61, wakes=True, shows="alarm-1")]).missed == 1
    assert outcome_of(story, [told(15, wakes=True, shows="alarm-2")]).missed == 1
    assert outcome_of(story, [told(5, wakes=True, shows="alarm-1"), told(60, hides="alarm-1")]).longest == 0
    gone = [told(5, wakes=True, shows="alarm-1"), told(9, hides="alarm-1"), told(12, shows="alarm-1")]
    assert outcome_of(story, gone).longest == 2


def test_alertmanager_waits_half_a_minute_and_looks_every_five() -> None:
    """By the documented defaults: a spike that is over by then is not notified of."""
    found = alertmanager(trace((0, 0.4), (10, 17), (100, 400)))
    assert [(each.at / MINUTE, each.wakes) for each in found] == [
        (10.5, True),
        (20.5, False),
        (100.5, True),
        (340.5, False),
        (400.5, False),
    ]


def test_one_cause_wakes_the_ideal_observer_once() -> None:
    """And what has another cause wakes him too."""
    story = outage(1)
    assert len(story.problems) == 503
    assert outcome_of(story, ideal(story)).woken == 4


def test_the_stories_hold_what_heals_and_what_does_not() -> None:
    """Or there would be nothing to measure."""
    for story in (spikes(1), flapping(1)):
        assert len(story.episodes) > 500
        assert 20 < len(story.problems) < len(story.episodes) / 5
        assert all(each.begins % MINUTE == 0 == each.ends % MINUTE for each in story.episodes)
