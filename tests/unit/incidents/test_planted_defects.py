"""The harness is itself tested: each defect, planted into the running code, has to be caught.

Without it the same scenarios hold, as test_every_interleaving.py shows.
"""

import importlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest

from common.clock import Deadline
from common.errors import AmbiguousError, BridgeError, PermanentError, TransientError
from common.incidents import changes, decide, desk, item as items, ledger as ledgers
from common.incidents.alert import Alert, Fold, is_firing
from common.incidents.decide import Condition, Finish, Moment, Next, Seen, Step, Write
from common.incidents.desk import Desk, _Work
from common.incidents.item import Item, Operation, RecordReference
from common.incidents.ledger import Ledger
from common.intake import Intake
from common.queue import Message
from common.servicenow.records import Record
from tests.support.explorer import explore
from tests.support.scenarios import NOTES, SCENARIOS
from tests.support.world import Scenario, alerts

type Plant = Callable[[pytest.MonkeyPatch], None]

PLANTS: dict[str, tuple[Plant, str | Scenario]] = {}


def caught_in(scenario: str | Scenario, *, called: str | None = None) -> Callable[[Plant], Plant]:
    """Register a defect and the scenario that has to catch it."""

    def register(plant: Plant) -> Plant:
        PLANTS[called or plant.__name__] = (plant, scenario)
        return plant

    return register


@pytest.mark.parametrize("name", PLANTS_NAMES := [])
def test_placeholder(name: str) -> None:
    """Replaced below."""
