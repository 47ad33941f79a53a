"""Looks at every state that a scenario can reach, and tells the shortest way to one that breaks the oracle."""

import gc
from dataclasses import dataclass

from tests.support import oracle, storm_oracle
from tests.support.model import Model
from tests.support.world import Scenario, World


@dataclass(frozen=True, slots=True)
class Exploration:
    """How many states were seen, how many of them were at rest, and what is wrong with the first bad one, if any."""

    states: int
    at_rest: int
    broken: str = ""
    history: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return the verdict and the way that led to it."""
        return "\n".join([self.broken or f"{self.states} states, {self.at_rest} at rest", *self.history])


class _Search:
    def __init__(self, scenario: Scenario, limit: int) -> None:
        self.scenario = scenario
        self.model = Model(scenario)
        self.oracle = storm_oracle if any(alert.storm or alert.covers for alert in scenario.alerts) else oracle
        self.limit = limit
        start = self.model.start()
        self.numbers = {start: 0}
        self.worlds = [start]
        self.origins: list[tuple[int, str]] = [(0, "")]
        self.before: list[list[int]] = [[]]
        self.resting: list[int] = []

    def run(self) -> Exploration:
        number = 0
        while number < len(self.worlds):
            broken = self.visit(number, self.worlds[number])
            if broken:
                return self.verdict(number, broken)
            number += 1
        stuck = self.first_that_never_rests()
        if stuck is not None:
            return self.verdict(stuck, "it cannot come to rest any more")
        return Exploration(len(self.worlds), len(self.resting))

    def visit(self, number: int, world: World) -> str:
        broken: str = self.oracle.broken_on_the_way(self.scenario, world)
        if world.is_at_rest:
            self.resting.append(number)
            broken = broken or self.oracle.broken_at_rest(self.scenario, world)
        if broken:
            return broken
        for step in self.model.steps(world):
            new, reached = len(self.worlds), step.world
            after = self.numbers.setdefault(reached, new)
            if after == new:
                self.worlds.append(reached)
                self.origins.append((number, f"{step.name} {step.to}"))
                self.before.append([])
            self.before[after].append(number)
        if len(self.worlds) > self.limit:
            message = f"more than {self.limit} states"
            raise RuntimeError(message)
        return ""

    def first_that_never_rests(self) -> int | None:
        waiting = list(self.resting)
        rests = set(waiting)
        while waiting:
            new = [number for number in self.before[waiting.pop()] if number not in rests]
            rests.update(new)
            waiting.extend(new)
        return next((number for number in range(len(self.worlds)) if number not in rests), None)

    def verdict(self, number: int, broken: str) -> Exploration:
        steps: list[str] = []
        while number:
            number, step = self.origins[number]
            steps.append(step)
        return Exploration(len(self.worlds), len(self.resting), broken, tuple(reversed(steps)))


def explore(scenario: Scenario, *, limit: int = 400_000) -> Exploration:
    """Visit all reachable states, breadth first, and stop at the first that breaks the oracle.

    Every state has to lead to rest in some way. Raises RuntimeError where there are more than `limit` states: a
    search that is cut short proves nothing.
    """
    collects = gc.isenabled()
    gc.disable()  # it would look through all states again and again, for the few megabytes of desks that are done
    try:
        return _Search(scenario, limit).run()
    finally:
        if collects:
            gc.enable()
