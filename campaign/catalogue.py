"""The list of faults: number, name, what is expected, and the code that lets each happen."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from campaign.world import World

NUMBERS = range(1, 136)
"""The faults by number."""

SEEDS = 20
"""How often a fault happens where chance plays a part."""

type Scenario = Callable[["World"], None]


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. `expected` says what has to become of the work in hand, in words of docs/testing.md.

    `seeds` is how often it happens, each time with other dice: which problem, which operation, in which order.
    """

    number: int
    name: str
    expected: str
    group: str
    scenario: Scenario
    seeds: int = SEEDS


FAULTS: dict[int, Fault] = {}


def fault(number: int, name: str, expected: str, *, seeds: int = SEEDS) -> Callable[[Scenario], Scenario]:
    """Register the decorated function as the scenario of a fault; its module names the group."""

    def register(scenario: Scenario) -> Scenario:
        if number in FAULTS or number not in NUMBERS:
            raise ValueError(number)
        group = scenario.__module__.rpartition(".")[2].replace("_", " ")
        FAULTS[number] = Fault(number, name, expected, group, scenario, seeds)
        return scenario

    return register
