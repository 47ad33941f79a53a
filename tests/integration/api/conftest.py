"""The API function of a new environment, with moto for AWS and the simulator over TLS."""

import importlib
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest
from botocore.endpoint import Endpoint

from local.simulator import Simulator
from tests.integration.api.gateway import Gateway
from tests.support.deployment import REGION, Context, Deployment, deployment, sqs_event

SECRET = "s3cr3t+~[#,value"
FIELDS = "short_description,description,impact,urgency,category,subcategory,assignment_group,cmdb_ci"
TABLES = "cmdb_ci:name,sys_class_name,operational_status;problem:number,short_description,state"


@dataclass(frozen=True)
class Running:
    """The function, what it calls, and the gateway in front of it."""

    servicenow: Simulator
    stack: Deployment
    function: ModuleType
    api: Gateway


@contextmanager
def running_api(settings: Mapping[str, str]) -> Iterator[Running]:
    """Provide the function of a new environment, in a stack whose secret is filled in."""
    with (
        Simulator(client_secret=SECRET, seed=1) as servicenow,
        deployment(servicenow.host, servicenow.ca_pem, **settings) as stack,
        pytest.MonkeyPatch.context() as patch,
    ):
        stack.put_credentials("bridge", SECRET)
        for name, value in {**stack.environment, "AWS_DEFAULT_REGION": REGION, "AWS_REGION": REGION}.items():
            patch.setenv(name, value)
        one_at_a_time(patch)
        sys.modules.pop("handlers.api", None)
        function = importlib.import_module("handlers.api")
        yield Running(servicenow, stack, function, Gateway(function.handler))
        function.bridge.transport.close()
        sys.modules.pop("handlers.api", None)


@pytest.fixture
def settings() -> dict[str, str]:
    """Return the settings of the API; tests that need others replace this fixture."""
    return {"API_INCIDENT_FIELDS": FIELDS, "API_TABLES": TABLES}


@pytest.fixture
def running(settings: dict[str, str]) -> Iterator[Running]:
    """Provide everything for one test."""
    with running_api(settings) as running:
        yield running


@pytest.fixture
def servicenow(running: Running) -> Simulator:
    """Provide the instance."""
    return running.servicenow


@pytest.fixture
def stack(running: Running) -> Deployment:
    """Provide the stack's resources."""
    return running.stack


@pytest.fixture
def function(running: Running) -> ModuleType:
    """Provide the function's module."""
    return running.function


@pytest.fixture
def api(running: Running) -> Gateway:
    """Provide the gateway in front of the function."""
    return running.api


@pytest.fixture
def work(stack: Deployment) -> Iterator[Callable[[], None]]:
    """Provide a way to let the events function handle what is in the queue."""
    sys.modules.pop("handlers.events", None)
    events = importlib.import_module("handlers.events")
    sqs = stack.clients["sqs"]

    def handle_all() -> None:
        while messages := stack.queued():
            answer = events.handler(sqs_event([message["Body"] for message in messages]), Context())
            assert answer == {"batchItemFailures": []}
            for message in messages:
                sqs.delete_message(QueueUrl=stack.queue_url, ReceiptHandle=message["ReceiptHandle"])

    yield handle_all
    events.bridge.transport.close()
    sys.modules.pop("handlers.events", None)


def one_at_a_time(patch: pytest.MonkeyPatch) -> None:
    """Put one lock around everything that botocore sends: moto's conditional writes are not thread-safe."""
    lock = threading.Lock()
    send = Endpoint.make_request

    def send_alone(self: Endpoint, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401
        with lock:
            return send(self, *arguments, **options)

    patch.setattr(Endpoint, "make_request", send_alone)
