"""One simulator for the folder, reset before every test, and a line to it."""

from collections.abc import Iterator

import pytest

from local.simulator import Simulator
from tests.integration.servicenow.line import SECRET, Line


@pytest.fixture(scope="session")
def running() -> Iterator[Simulator]:
    """Start a simulator."""
    with Simulator(client_secret=SECRET, seed=1) as simulator:
        yield simulator


@pytest.fixture
def line(simulator: Simulator) -> Iterator[Line]:
    """Provide a new environment."""
    line = Line(simulator)
    yield line
    line.transport.close()
