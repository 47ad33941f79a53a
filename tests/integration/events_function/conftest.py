"""An instance, a stack whose secret is filled in, and the handler of a new environment."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.simulator import Simulator
from tests.support.clock import FakeClock
from tests.support.deployment import SECRET, Deployment, Function, new_environment, told
from tests.support.disks import account_with_disks
from tests.support.function import Account


@pytest.fixture
def stack(servicenow: Simulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    """Provide a stack whose secret is filled in."""
    with told(servicenow, monkeypatch) as stack:
        yield stack


@pytest.fixture
def function(stack: Deployment) -> Iterator[Function]:  # noqa: ARG001 (its environment is read)
    """Provide the handler of a new environment."""
    with new_environment() as call:
        yield call


@pytest.fixture
def aws(tmp_path: Path) -> Iterator[Account]:
    """Provide a stack with one rule, which says nothing, and an instance, on a clock that the test moves."""
    clock = FakeClock()
    with (
        Simulator(client_secret=SECRET, seed=1, now=clock.now) as servicenow,
        account_with_disks(clock, servicenow, tmp_path) as made,
    ):
        yield made
