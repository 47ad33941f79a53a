"""An instance, a stack whose bus somebody listens to, and the handlers of new environments."""

import importlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from local.simulator import Simulator
from tests.support.deployment import SECRET, Context, Deployment, sqs_event, told

SOURCE = "servicenow-bridge.test"

type Look = Callable[[], None]
type Heard = Callable[[], list[dict[str, Any]]]
type Handle = Callable[[Mapping[str, Any]], None]


@pytest.fixture
def servicenow() -> Iterator[Simulator]:
    """Provide an instance that knows the client, and whose clock is an hour ahead."""
    with Simulator(client_secret=SECRET, seed=1) as simulator:
        simulator.clock_offset = 3600
        yield simulator


@pytest.fixture
def stack(
    servicenow: Simulator, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Deployment]:
    """Provide a stack whose secret is filled in; a test may give further variables."""
    settings = {"EVENT_SOURCE": SOURCE, "ALLOWED_TABLES": "problem,em_event", **getattr(request, "param", {})}
    with told(servicenow, monkeypatch, **settings) as stack:
        yield stack


@pytest.fixture
def heard(stack: Deployment) -> Heard:
    """Listen to the bus with a rule, as a user's own would; return what came since the last time."""
    sqs, events = stack.clients["sqs"], stack.clients["events"]
    url = sqs.create_queue(QueueName="told")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name="all", EventPattern=json.dumps({"source": [SOURCE]}))
    events.put_targets(Rule="all", Targets=[{"Id": "told", "Arn": arn}])

    def listen() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                found.append(json.loads(message["Body"]))
        return sorted(found, key=lambda event: event["detail"]["updates"])

    return listen


@pytest.fixture
def look(stack: Deployment) -> Iterator[Look]:  # noqa: ARG001 (its environment is read)
    """Provide the handler of a new environment of the watch function."""
    sys.modules.pop("handlers.watch", None)
    module = importlib.import_module("handlers.watch")
    yield lambda: module.handler({}, Context())
    module.watch.transport.close()
    sys.modules.pop("handlers.watch", None)


@pytest.fixture
def handle(stack: Deployment) -> Iterator[Handle]:  # noqa: ARG001 (the same)
    """Provide the handler of a new environment of the events function."""
    sys.modules.pop("handlers.events", None)
    module = importlib.import_module("handlers.events")

    def call(event: Mapping[str, Any]) -> None:
        assert module.handler(sqs_event([event]), Context()) == {"batchItemFailures": []}

    yield call
    module.bridge.transport.close()
    sys.modules.pop("handlers.events", None)
