"""The processes in which faults happen: each has a stage of its own, so that no two runs disturb each other."""

import multiprocessing
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cache
from types import TracebackType
from typing import Self

from campaign import (
    api,
    beyond,
    both_ways,
    follow_ups,
    follows,
    held_events,
    look_ups,
    messages,
    planted_both_ways,
    planted_follows,
    planted_leaks,
    planted_look_ups,
    planted_searches,
    plants,
    queue_and_function,
    secrets_and_parameters,
    servicenow_api,
    servicenow_outages,
    servicenow_refusals,
    storms,
    token_endpoint,
    waiting,
)
from campaign.catalogue import FAULTS, Fault
from campaign.run import Outcome, outcome_of
from campaign.stage import Stage
from tests.unit.incidents.test_planted_defects import SPECIFIED

GROUPS = (
    token_endpoint,
    secrets_and_parameters,
    servicenow_api,
    servicenow_outages,
    servicenow_refusals,
    queue_and_function,
    messages,
    api,
    beyond,
    both_ways,
    follow_ups,
    held_events,
    look_ups,
    storms,
    follows,
    waiting,
)
"""The modules of scenarios."""

PLANTS = (plants, planted_leaks, planted_look_ups, planted_follows, planted_both_ways)
"""The modules of defects."""

LONGEST_FIRST = (67, 99, 68)
"""Faults that take minutes: where they begin last, one process works long after the others have ended."""

type Caught = tuple[str, bool]
"""The name of a planted defect, and whether it was seen."""


class Crew:
    """A context manager. Inside it faults happen, as many at once as there are processors unless said otherwise."""

    def __init__(self, processes: int = 0) -> None:
        """Start with the first fault."""
        # A copy of this process would share its threads' locks, held or not.
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(processes or os.process_cpu_count(), mp_context=context)

    def __enter__(self) -> Self:
        """Return the crew."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let what has begun end, and drop the rest."""
        self._pool.shutdown(cancel_futures=True)

    def outcomes(self, runs: Iterable[tuple[Fault, int]]) -> Iterator[Outcome]:
        """Begin to let faults happen, each with its seed; return what became of each as soon as it is known."""
        ordered = sorted(runs, key=lambda run: run[0].number not in LONGEST_FIRST)
        work = [self._pool.submit(_happen, fault.number, seed) for fault, seed in ordered]
        return (done.result() for done in as_completed(work))

    def planted(self) -> Iterator[Caught]:
        """Begin to plant every defect, one at a time; return of each whether it was caught."""
        work = [self._pool.submit(_plant, number) for number in range(len(plants.PLANTED))]
        work += [self._pool.submit(_search, number) for number in range(len(planted_searches.SEARCHED))]
        work += [self._pool.submit(_specify, number) for number in range(len(SPECIFIED))]
        return (done.result() for done in as_completed(work))


def number_of_planted() -> int:
    """Return how many defects there are to plant."""
    return len(plants.PLANTED) + len(planted_searches.SEARCHED) + len(SPECIFIED)


@cache
def _stage() -> Stage:
    return Stage().__enter__()  # until the process ends


def _happen(number: int, seed: int) -> Outcome:
    return outcome_of(_stage(), FAULTS[number], seed)


def _plant(number: int) -> Caught:
    planted = plants.PLANTED[number]
    return planted.name, plants.is_caught(_stage(), planted)


def _search(number: int) -> Caught:
    return planted_searches.name_of(planted_searches.SEARCHED[number][0]), planted_searches.is_found(number)


def _specify(number: int) -> Caught:
    return planted_searches.name_of(SPECIFIED[number][0]), planted_searches.is_told(number)
