"""The doctor function as it is deployed, with moto for AWS and the simulator over TLS for ServiceNow."""

import importlib
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.bridge import doctor as bridge_doctor
from common.bridge.clients import RULES
from local.simulator import Simulator
from tests.integration.doctor.world import SECRET, Doctor, World, answer_aws, quota
from tests.support.deployment import REGION, Context, Deployment, deployment


@pytest.fixture(scope="module")
def instance() -> Iterator[Simulator]:
    """Provide an instance that knows the client."""
    with Simulator(client_secret=SECRET, seed=1) as simulator:
        yield simulator


@pytest.fixture
def servicenow(instance: Simulator) -> Simulator:
    """Provide it as if it were new, with one incident."""
    instance.reset()
    instance.insert("incident", {"short_description": "one that can be read"})
    return instance


@pytest.fixture(scope="module")
def account(instance: Simulator) -> Iterator[Deployment]:
    """Provide the resources of a stack; no test changes anything of them but the secret."""
    with deployment(instance.host, instance.ca_pem) as stack:
        yield stack


@pytest.fixture
def stack(account: Deployment, servicenow: Simulator, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    """Provide a stack whose secret is filled in, and the environment of its function."""
    assert account.environment["SERVICENOW_INSTANCE_HOST"] == servicenow.host
    account.put_credentials("bridge", SECRET)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    for name, value in {**account.environment, "SWITCHED_ON": "access-logs"}.items():
        monkeypatch.setenv(name, value)
    answer_aws(monkeypatch, "GetAccountSettings", quota(1000))
    return account


@pytest.fixture
def doctor(stack: Deployment) -> Doctor:  # noqa: ARG001 (its environment is read)
    """Provide the function."""
    sys.modules.pop("handlers.doctor", None)
    module = importlib.import_module("handlers.doctor")
    return lambda event=None, remaining=120_000: module.handler(event or {}, Context(remaining))


@pytest.fixture
def world(servicenow: Simulator, stack: Deployment, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Provide everything that can be put out of order."""
    with World(servicenow, stack, monkeypatch) as world:
        yield world


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Provide the file of one's own rules beside the shipped ones."""
    directory = tmp_path / "rules"
    shutil.copytree(RULES, directory)
    (directory / "own").mkdir(exist_ok=True)
    monkeypatch.setattr(bridge_doctor, "RULES", directory)
    return directory / "own/own.toml"
