"""What somebody is told of a story, and what that is worth."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from bench.quiet.traces import HOLD, MINUTE, Trace

_LATE_AFTER = HOLD + MINUTE


@dataclass(frozen=True, slots=True)
class Told:
    """What a person is told at a moment, in seconds since the story began: of which alarms, and how.

    `wakes` says that a record was opened or opened again, `is_storm` that it tells of many; everything else is a note,
    unless it `is_silent`. `shows` names the alarms that an open record tells of from now on, `hides` those
    that are over.
    """

    at: float
    wakes: bool
    shows: frozenset[str] = frozenset()
    hides: frozenset[str] = frozenset()
    is_storm: bool = False
    is_silent: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """How often somebody was woken, how many notes there were, and of which problems nobody was told in time.

    `minutes` is how long half of the problems waited to be seen; `late` counts those that were seen more than a minute
    after their `hold`, `missed` those that were never seen. `storms` are records that tell of many.
    """

    woken: int
    notes: int
    minutes: float
    longest: float
    late: int
    missed: int
    storms: int


def outcome_of(trace: Trace, told: Sequence[Told]) -> Outcome:
    """Return what was told of a story, in the order of time, is worth."""
    delays: list[float] = []
    missed = 0
    for problem in trace.problems:
        seen = _seen(problem.alarm, problem.begins, problem.ends, told)
        if seen is None:
            missed += 1
        else:
            delays.append(seen - problem.begins)
    return Outcome(
        woken=sum(each.wakes for each in told),
        notes=sum(not each.wakes and not each.is_silent for each in told),
        minutes=median(delays) / MINUTE if delays else 0.0,
        longest=max(delays, default=0.0) / MINUTE,
        late=sum(delay > _LATE_AFTER for delay in delays),
        missed=missed,
        storms=sum(each.is_storm and each.wakes for each in told),
    )


def _seen(alarm: str, begins: float, ends: float, told: Sequence[Told]) -> float | None:
    """Return when something open told of an alarm first, between its beginning and its end; None for never."""
    is_shown = False
    for each in told:
        if each.at > ends:
            break
        if is_shown and each.at >= begins:
            return begins
        if alarm in each.hides:
            is_shown = False
        if alarm in each.shows:
            if each.at >= begins:
                return each.at
            is_shown = True
    return begins if is_shown else None
