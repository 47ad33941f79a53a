"""An instance, a stack with the change gate, its functions, and what waits in AWS."""

import importlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from types import ModuleType
from typing import Any

import pytest

from local.simulator import Simulator
from tests.integration.api.gateway import Gateway
from tests.support.deployment import ACCOUNT, REGION, Context, Deployment, deployment, sqs_event
from tests.support.waiters import Waiters

SECRET = "s3cr3t+~[#,value"
SOURCE = "servicenow-bridge.test"
ROLES = "arn:aws:iam::123456789012:role/operators"
_numbers = count(1)

type Fetch = Callable[[str], list[dict[str, Any]]]


@dataclass
class World:
    """Everything that takes part in a gate."""

    servicenow: Simulator
    stack: Deployment
    waiters: Waiters
    api: Gateway
    modules: Mapping[str, ModuleType]
    told: Fetch
    actions_queue: str
    lines: list[str] = field(default_factory=list)

    def look(self) -> list[dict[str, Any]]:
        """Let the watch look, and return the messages that the actions function gets by it."""
        self.modules["watch"].handler({}, Context())
        return self.told("told")

    def follow(self, *events: Mapping[str, Any]) -> int:
        """Let the actions function handle events; return how many stay in the queue."""
        answer = self.modules["actions"].handler(sqs_event(list(events)), Context())
        return len(answer["batchItemFailures"])

    def settle(self) -> int:
        """Let the watch look, and what it tells be followed."""
        return self.follow(*self.look())

    def reminders(self) -> list[dict[str, Any]]:
        """Return what other functions ask the actions function to look at."""
        return self.told("actions")

    def handle(self, *events: Mapping[str, Any]) -> int:
        """Let the events function handle events; return how many stay."""
        return len(self.modules["events"].handler(sqs_event(list(events)), Context())["batchItemFailures"])

    @property
    def change(self) -> dict[str, str]:
        """The one change that there is."""
        [row] = self.servicenow.records("change_request")
        return row

    def decide(self, **fields: str) -> None:
        """Do what people do in ServiceNow, past its model: how it gets there is the simulator's own test."""
        self.servicenow.update("change_request", self.change["sys_id"], fields)

    def place(self) -> dict[str, Any]:
        """Return the one item about somebody who waits."""
        [item] = [item for item in self.stack.ledger_items() if item["pk"]["S"].startswith("gate/")]
        return item


def event(detail_type: str, detail: Mapping[str, Any], source: str = "shop.deploy") -> dict[str, Any]:
    """Return an event of EventBridge of now."""
    return {
        "version": "0",
        "id": f"00000000-0000-4000-9000-{next(_numbers):012}",
        "detail-type": detail_type,
        "source": source,
        "account": ACCOUNT,
        "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": REGION,
        "resources": [],
        "detail": dict(detail),
    }


@pytest.fixture
def world() -> Iterator[World]:
    """Provide it all, for one test."""
    with running_gate() as running:
        yield running


@contextmanager
def running_gate(**more: str) -> Iterator[World]:
    """Provide it all, with the watch having looked once already; `more` are variables of the functions."""
    waiters = Waiters()
    with Simulator(client_secret=SECRET, seed=1) as servicenow, pytest.MonkeyPatch.context() as patch:
        told = {"EVENT_SOURCE": SOURCE, "CHANGE_GATE": "true", "API_WIDE_ROLES": ROLES, **more}
        with deployment(servicenow.host, servicenow.ca_pem, **told) as stack:
            stack.put_credentials("bridge", SECRET)
            sqs, events = stack.clients["sqs"], stack.clients["events"]
            queues = {name: sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("told", "actions")}
            arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:told"
            events.put_rule(Name="all", EventPattern=json.dumps({"source": [SOURCE]}))
            events.put_targets(Rule="all", Targets=[{"Id": "told", "Arn": arn}])
            environment = {
                **stack.environment,
                "AWS_DEFAULT_REGION": REGION,
                "AWS_REGION": REGION,
                "ACTIONS_QUEUE_URL": queues["actions"],
                "OWN_PLACE": f"aws/{ACCOUNT}/{REGION}",
            }
            for name, value in environment.items():
                patch.setenv(name, value)
            patch.setattr("common.bridge.changes.boto3", waiters)
            patch.setattr("common.bridge.answers.boto3", waiters)
            modules = {name: _imported(f"handlers.{name}") for name in ("api", "events", "watch", "actions")}

            def fetch(queue: str) -> list[dict[str, Any]]:
                found: list[dict[str, Any]] = []
                while messages := sqs.receive_message(QueueUrl=queues[queue], MaxNumberOfMessages=10).get("Messages"):
                    for message in messages:
                        sqs.delete_message(QueueUrl=queues[queue], ReceiptHandle=message["ReceiptHandle"])
                        found.append(json.loads(message["Body"]))
                return found

            world = World(
                servicenow, stack, waiters, Gateway(modules["api"].handler), modules, fetch, queues["actions"]
            )
            world.look()
            try:
                yield world
            finally:
                for module in modules.values():
                    parts = getattr(module, "bridge", None) or getattr(module, "watch", None)
                    if parts is not None:
                        parts.transport.close()
                for name in modules:
                    sys.modules.pop(f"handlers.{name}", None)


def _imported(name: str) -> ModuleType:
    sys.modules.pop(name, None)
    return importlib.import_module(name)
