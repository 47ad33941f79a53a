"""Defects of the state machine: a search through all interleavings finds them, or a specification of their own."""

from collections.abc import Callable

import pytest

from tests.support.explorer import explore
from tests.unit.incidents import test_planted_storm_defects
from tests.unit.incidents.test_planted_defects import DEFECTS, SPECIFIED

SEARCHED = (*DEFECTS, *test_planted_storm_defects.DEFECTS)
"""Defects that a search through all histories finds."""


def name_of(plant: Callable[[pytest.MonkeyPatch], None]) -> str:
    """Return what a defect is."""
    return plant.__name__.replace("_", " ")


def is_found(number: int) -> bool:
    """Plant one of SEARCHED and tell whether the search finds what it breaks."""
    plant, scenario, broken = SEARCHED[number]
    with pytest.MonkeyPatch.context() as patch:
        plant(patch)
        return explore(scenario).broken == broken


def is_told(number: int) -> bool:
    """Plant one of SPECIFIED and tell whether its specification, which held before, fails."""
    plant, specification = SPECIFIED[number]
    specification()
    with pytest.MonkeyPatch.context() as patch:
        plant(patch)
        try:
            specification()
        except AssertionError:
            return True
    return False
