"""The instances that functions are tested with."""

import os
from collections.abc import Iterator
from unittest.mock import patch

import pytest

from local.simulator import Simulator
from tests.support.deployment import NO_AUTHORITIES, SECRET


@pytest.fixture(scope="module", autouse=True)
def only_named_authorities() -> Iterator[None]:
    """Let no environment trust, or read, what the machine trusts; a build, which other tests begin, needs that."""
    with patch.dict(os.environ, NO_AUTHORITIES):
        yield


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
