"""One deployment for the whole tier; tests keep apart by the names of their alarms."""

from collections.abc import Generator, Iterator

import pytest

from local.stack import LocalStack, run_stack


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker of tests that wait for a lock to end."""
    config.addinivalue_line("markers", "slow: waits for more than a minute")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the function logged below a test that failed."""
    report = yield
    if report.failed and report.when != "teardown":  # by then the stack may be gone
        for value in getattr(item, "funcargs", {}).values():
            if isinstance(value, LocalStack):
                report.sections.append(("Log of the function", value.function_log()))
    return report


@pytest.fixture(scope="session")
def deployed() -> Iterator[LocalStack]:
    """The deployed application with its credentials, and the secret of each webhook, in place."""
    with run_stack() as stack:
        stack.store_credentials()
        stack.store_webhook_secret("alertmanager", "grafana", "shop")
        yield stack


@pytest.fixture
def stack(deployed: LocalStack) -> Iterator[LocalStack]:
    """The deployed application; faults that a test left behind are gone after it."""
    yield deployed
    deployed.simulator.clear_faults()
