"""One simulator for the whole folder, reset before every test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.simulator import Simulator
from tests.integration.simulator.caller import CLIENT_ID, CLIENT_SECRET, PASSWORD, USER, Caller


@pytest.fixture(scope="session")
def running() -> Iterator[Simulator]:
    """Start a simulator."""
    with Simulator(
        client_id=CLIENT_ID, client_secret=CLIENT_SECRET, user=USER, password=PASSWORD, seed=1, control=True
    ) as simulator:
        yield simulator


@pytest.fixture
def manager(simulator: Simulator, caller: Caller) -> Caller:
    """Return a caller who holds the role of change managers."""
    simulator.insert("sys_user_has_role", {"user": "AWS Bridge", "role": "change_manager"})
    return caller


@pytest.fixture
def caller(simulator: Simulator) -> Iterator[Caller]:
    """Return a caller without a token."""
    caller = Caller(simulator)
    yield caller
    caller.pool.clear()


@pytest.fixture
def trusted(simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    """Let libraries on top of requests trust the simulator's authority."""
    bundle = tmp_path / "authority.pem"
    bundle.write_text(simulator.ca_pem, encoding="ascii")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    return simulator
