"""One deployment for the whole tier; tests keep apart by the names of their alarms."""

from collections.abc import Iterator

import pytest

from local.stack import LocalStack, run_stack


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker of tests that wait for a lock to end."""
    config.addinivalue_line("markers", "slow: waits for more than a minute")


@pytest.fixture(scope="session")
def deployed() -> Iterator[LocalStack]:
    """The deployed application with its credentials in place."""
    with run_stack() as stack:
        stack.store_credentials()
        yield stack


@pytest.fixture
def stack(deployed: LocalStack) -> Iterator[LocalStack]:
    """The deployed application; faults that a test left behind are gone after it."""
    yield deployed
    deployed.simulator.clear_faults()
