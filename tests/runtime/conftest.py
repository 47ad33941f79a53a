"""The built package, an imitation of what Lambda's runtime brings, AWS on the loopback, and ServiceNow over TLS."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import requests
from moto.server import ThreadedMotoServer

from local import sam
from local.simulator import Simulator
from local.yaml_text import read_yaml
from tests.runtime.lambda_environment import LambdaEnvironment
from tests.support.deployment import REGION, Deployment, deploy
from tests.support.lambda_runtime import brought_by_lambda

SECRET = "s3cr3t+~[#,value"

# The module of a handler → the logical name of its function in the template.
FUNCTIONS = {
    "actions": "ActionsFunction",
    "api": "ApiFunction",
    "events": "EventsFunction",
    "token_refresh": "TokenRefreshFunction",
    "follow_up": "FollowUpFunction",
    "watch": "WatchFunction",
}

type Start = Callable[..., LambdaEnvironment]

_BUILDS_WITHIN = 300.0


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build with `sam build` and return a copy of what would be uploaded, the same for all workers of a run."""
    own = tmp_path_factory.getbasetemp()
    directory = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "package"
    with sam.exclusive_build_directory():
        if not directory.exists():
            made = tmp_path_factory.mktemp("build")
            _build(made)
            made.rename(directory)
    return directory


def _build(directory: Path) -> None:
    """Put what is made of each function into a folder of its logical name."""
    with sam.start_build(directory) as build:
        build.finish(_BUILDS_WITHIN)
    built = read_yaml((sam.PACKAGE / "template.yaml").read_text())["Resources"]
    for name in _functions(built):
        shutil.copytree(sam.PACKAGE / built[name]["Properties"]["CodeUri"], directory / name)


def _functions(resources: dict[str, Any]) -> list[str]:
    return [name for name, found in resources.items() if found["Type"] == "AWS::Serverless::Function"]


@pytest.fixture(scope="session")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with what Lambda brings, and nothing else of this project's development environment."""
    directory = tmp_path_factory.mktemp("runtime")
    for path in brought_by_lambda():
        (directory / path.name).symlink_to(path)
    return directory


@pytest.fixture(scope="session")
def aws() -> Iterator[str]:
    """Run AWS on the loopback and return its address."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()
    if server._server is not None:
        server._server.server_close()


@pytest.fixture
def servicenow() -> Iterator[Simulator]:
    """Provide an instance that knows the client."""
    with Simulator(client_secret=SECRET, seed=1) as simulator:
        yield simulator


@pytest.fixture
def stack(aws: str, servicenow: Simulator) -> Deployment:
    """Provide a stack whose secret is filled in, in an AWS without anything else."""
    requests.post(f"{aws}/moto-api/reset", timeout=10).raise_for_status()
    stack = deploy(servicenow.host, servicenow.ca_pem, endpoint_url=aws)
    stack.put_credentials("bridge", SECRET)
    return stack


@pytest.fixture
def environment(stack: Deployment, aws: str) -> dict[str, str]:
    """Return the variables of a function: those of the template, and those that Lambda adds."""
    return {
        **stack.environment,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": aws,
        "AWS_REGION": REGION,
        "AWS_SECRET_ACCESS_KEY": "testing",
        "POWERTOOLS_LOG_LEVEL": "DEBUG",
        "POWERTOOLS_SERVICE_NAME": "test",
    }


@pytest.fixture
def start(environment: dict[str, str], package: Path, runtime: Path, tmp_path: Path) -> Iterator[Start]:
    """Return a function that starts an environment of a function; all of them end with the test."""
    numbers = count(1)
    with ExitStack() as running:

        def start(handler: str, *, snapshot: bool = False) -> LambdaEnvironment:
            return running.enter_context(
                LambdaEnvironment(
                    f"handlers.{handler}.handler",
                    task_root=package / FUNCTIONS[handler],
                    runtime=runtime,
                    log=tmp_path / f"{handler}-{next(numbers)}.log",
                    environment=environment,
                    snapshot=snapshot,
                )
            )

        yield start


@pytest.fixture
def aws_calls(aws: str, caplog: pytest.LogCaptureFixture) -> Callable[[], int]:
    """Return a function that counts the calls which reached AWS, by its access log, since it was last asked."""
    assert aws

    def calls() -> int:
        found = sum(record.name == "werkzeug" for record in caplog.records)
        caplog.clear()
        return found

    return calls
