"""An instance, a stack whose secret is filled in, and the handler of a new environment."""

import importlib
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from local.simulator import Simulator
from tests.support.clock import FakeClock
from tests.support.deployment import SECRET, Context, Deployment, sqs_event, told
from tests.support.disks import account_with_disks
from tests.support.function import Account

type Function = Callable[..., dict[str, Any]]


@pytest.fixture
def stack(servicenow: Simulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    """Provide a stack whose secret is filled in."""
    with told(servicenow, monkeypatch) as stack:
        yield stack


@pytest.fixture
def function(stack: Deployment) -> Iterator[Function]:  # noqa: ARG001 (its environment is read)
    """Provide the handler of a new environment."""
    sys.modules.pop("handlers.events", None)
    module = importlib.import_module("handlers.events")

    def call(*bodies: Mapping[str, Any] | str, receives: int = 1) -> dict[str, Any]:
        return module.handler(sqs_event(bodies, receives=receives), Context())  # type: ignore[no-any-return]

    yield call
    module.bridge.transport.close()
    sys.modules.pop("handlers.events", None)


@pytest.fixture
def aws(tmp_path: Path) -> Iterator[Account]:
    """Provide a stack with one rule, which says nothing, and an instance, on a clock that the test moves."""
    clock = FakeClock()
    with (
        Simulator(client_secret=SECRET, seed=1, now=clock.now) as servicenow,
        account_with_disks(clock, servicenow, tmp_path) as made,
    ):
        yield made
