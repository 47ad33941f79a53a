"""Lets every fault happen, each with its own dice, and counts what became of it."""

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from random import Random
from typing import Any

from campaign.catalogue import FAULTS, Fault
from campaign.stage import Stage
from campaign.world import UnexpectedError, World


@dataclass(frozen=True, slots=True)
class Outcome:
    """One run of one fault: all lists are empty where it was survived."""

    fault: Fault
    seed: int
    seconds: float
    lost: Sequence[str] = ()
    duplicates: Sequence[str] = ()
    leaks: Sequence[str] = ()
    over_budget: Sequence[str] = ()
    wrong: Sequence[str] = ()

    @property
    def survived(self) -> bool:
        """Whether nothing at all is wrong."""
        return not (self.lost or self.duplicates or self.leaks or self.over_budget or self.wrong)

    @property
    def what_is_wrong(self) -> str:
        """Everything that is wrong, in one line."""
        return "; ".join((*self.wrong, *self.lost, *self.duplicates, *self.leaks, *self.over_budget))


@dataclass(slots=True)
class Tally:
    """What all runs came to."""

    outcomes: list[Outcome] = field(default_factory=list)

    def by_fault(self) -> list[dict[str, Any]]:
        """Return a row for each fault, by number: its name, what is expected, how many runs there were and survived."""
        rows: dict[int, dict[str, Any]] = {}
        for outcome in sorted(self.outcomes, key=lambda outcome: outcome.fault.number):
            fault = outcome.fault
            row = rows.setdefault(
                fault.number,
                {"number": fault.number, "name": fault.name, "group": fault.group, "expected": fault.expected}
                | {"runs": 0, "survived": 0, "seconds": 0.0},
            )
            row["runs"] += 1
            row["survived"] += outcome.survived
            row["seconds"] = round(row["seconds"] + outcome.seconds, 1)
        return list(rows.values())

    def counts(self) -> dict[str, int]:
        """Return the numbers for build/faults.json, without the planted ones."""
        numbers = Counter(outcome.fault.number for outcome in self.outcomes)
        failed = {outcome.fault.number for outcome in self.outcomes if not outcome.survived}
        return {
            "total": len(numbers),
            "survived": len(numbers) - len(failed),
            "runs": len(self.outcomes),
            "lost": sum(len(outcome.lost) for outcome in self.outcomes),
            "duplicates": sum(len(outcome.duplicates) for outcome in self.outcomes),
            "leaks": sum(len(outcome.leaks) for outcome in self.outcomes),
            "over_budget": sum(len(outcome.over_budget) for outcome in self.outcomes),
            "wrong": sum(len(outcome.wrong) for outcome in self.outcomes),
        }


def chosen(numbers: Iterable[int], most_seeds: int) -> list[tuple[Fault, int]]:
    """Return faults with their seeds."""
    return [(FAULTS[number], seed) for number in numbers for seed in range(min(FAULTS[number].seeds, most_seeds))]


@cache
def outcome_of(stage: Stage, fault: Fault, seed: int) -> Outcome:
    """Return what becomes of a fault with nothing planted; on each stage it happens once with the same dice."""
    return run_one(stage, fault, seed)


def run_one(stage: Stage, fault: Fault, seed: int) -> Outcome:
    """Let one fault happen once."""
    started = time.monotonic()
    with stage.listening():
        world = World(stage, Random(f"{fault.number}/{seed}"), turn=seed)  # noqa: S311 (repeatable dice)
        wrong: list[str] = []
        try:
            try:
                fault.scenario(world)
            except UnexpectedError as unexpected:
                wrong.append(str(unexpected))
            except Exception as error:  # noqa: BLE001 (a defect of one run must not end the campaign)
                wrong.append(f"{type(error).__name__}: {error}"[:300])
            judgement = world.judge()
            return Outcome(
                fault,
                seed,
                time.monotonic() - started,
                judgement.lost,
                judgement.duplicates,
                world.leaks(),
                world.over_budget(),
                [*wrong, *judgement.wrong],
            )
        finally:
            world.end()
