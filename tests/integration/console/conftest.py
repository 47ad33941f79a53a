"""A console in front of a simulator and an AWS side that only remembers."""

from collections.abc import Iterator

import pytest
import urllib3

from local.console import Console
from local.simulator import Simulator
from tests.integration.console.fakes import CLIENT_ID, CLIENT_SECRET, Caller, FakeCloud


@pytest.fixture(scope="session")
def running() -> Iterator[Simulator]:
    """Start a simulator."""
    with Simulator(client_id=CLIENT_ID, client_secret=CLIENT_SECRET, seed=1) as simulator:
        yield simulator


@pytest.fixture
def cloud() -> FakeCloud:
    """Return an AWS side."""
    return FakeCloud()


@pytest.fixture
def console(simulator: Simulator, cloud: FakeCloud) -> Iterator[Console]:
    """Start a console."""
    with Console(simulator, cloud) as console:
        yield console


@pytest.fixture
def caller(console: Console) -> Iterator[Caller]:
    """Return a caller that knows the token of the page."""
    with urllib3.PoolManager(retries=False, timeout=10) as pool:
        yield Caller(console, pool)
