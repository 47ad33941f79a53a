"""The instances that functions are tested with."""

from collections.abc import Iterator

import pytest

from local.simulator import Simulator
from tests.support.deployment import SECRET


@pytest.fixture
def servicenow() -> Iterator[Simulator]:
    """Provide an instance that knows the client."""
    with Simulator(client_secret=SECRET, seed=1) as simulator:
        yield simulator


@pytest.fixture
def simulator(running: Simulator) -> Simulator:
    """Provide the simulator of a folder, which starts it as `running`, as if it were new."""
    running.reset()
    return running
