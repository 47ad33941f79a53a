"""The events function on a clock that a test moves: the real handler, with queue and ledger in memory."""

import importlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from unittest.mock import patch

import boto3

from common.bridge.events import Bridge
from local.simulator import Simulator
from tests.support.clock import FakeClock
from tests.support.deployment import REGION, Context, Deployment, deployment
from tests.support.queue import InMemoryQueue, InMemorySQS, lambda_event
from tests.support.table import SharedDynamoDB, breaker_on

type Handler = Callable[[Mapping[str, Any], Context], dict[str, Any]]

_deployments = count(1)


@dataclass
class Account:
    """What outlives an environment: queues, ledger and the instance; the secret and the token's parameter are moto's.

    `clock` is the functions' own, whose wall clock may be wrong; `now` tells the time that everybody else has.
    """

    stack: Deployment
    servicenow: Simulator
    clock: FakeClock
    now: Callable[[], float]
    queue: InMemoryQueue
    dead_letters: InMemoryQueue
    table: SharedDynamoDB
    bridges: list[Bridge] = field(default_factory=list)

    def environment(self) -> Handler:
        """Return the handler of a new environment."""
        sys.modules.pop("handlers.events", None)
        with (
            patch.dict(os.environ, {**self.stack.environment, "AWS_DEFAULT_REGION": REGION}),
            patch("common.bridge.access.SystemClock", lambda: self.clock),
            patch("common.bridge.events.boto3", self),
        ):
            module = importlib.import_module("handlers.events")
        # What is left of an older environment's connections is closed at the end, not when it happens to be collected.
        self.bridges.append(module.bridge)
        handler: Handler = module.handler
        return handler

    def client(self, service: str, **options: Any) -> Any:  # noqa: ANN401 (boto3 makes its clients at run time)
        """Return what takes the place of a boto3 client."""
        if service == "dynamodb":
            return self.table
        if service == "sqs":
            return InMemorySQS(self.queue, self.dead_letters)
        make: Any = boto3.client
        return make(service, **options)

    def put(self, body: str) -> None:
        """Put a message into the queue."""
        self.queue.send_message(QueueUrl=self.queue.url, MessageBody=body)

    def poll(self, handler: Handler, *, batch: int = 10, remaining: int = 60_000) -> int:
        """Do what Lambda's poller does once; return how many messages the function was given.

        An exception of the function leaves all of them in the queue, as a time-out does.
        """
        answer = self.queue.receive_message(QueueUrl=self.queue.url, MaxNumberOfMessages=batch)
        event = lambda_event(answer)
        if not event["Records"]:
            return 0
        failures = handler(event, Context(remaining))["batchItemFailures"]
        stay = {failure["itemIdentifier"] for failure in failures}
        for record in event["Records"]:
            if record["messageId"] not in stay:
                self.queue.delete_message(QueueUrl=self.queue.url, ReceiptHandle=record["receiptHandle"])
        return len(event["Records"])

    def poll_until(
        self,
        handler: Handler,
        moment: float = float("inf"),
        *,
        seconds_each: float = 0.5,
    ) -> None:
        """Poll until the queue is empty or the time is `moment`, and move the clock on meanwhile."""
        while True:
            visible_at = self.queue.next_visible_at()
            if visible_at is None or max(visible_at, self.now()) >= moment:
                break
            self.clock.advance(max(0.0, visible_at - self.now()) + seconds_each)
            self.poll(handler)
        if moment < float("inf"):
            self.clock.advance(max(0.0, moment - self.now()))


def true_time(clock: FakeClock) -> Callable[[], float]:
    """Return what tells the time, in seconds since the epoch, whatever becomes of the clock's wall clock."""
    start = clock.now() - clock.monotonic()
    return lambda: start + clock.monotonic()


@contextmanager
def account(clock: FakeClock, servicenow: Simulator, secret: str) -> Iterator[Account]:
    """Provide a stack whose secret is filled in; its breaker goes by `clock`, and no other test's counts there."""
    settings = {"DEPLOYMENT": f"account-{next(_deployments)}", "POWERTOOLS_LOG_LEVEL": "CRITICAL"}
    with deployment(servicenow.host, servicenow.ca_pem, **settings) as stack, breaker_on(clock.now):
        stack.put_credentials("bridge", secret)
        now = true_time(clock)
        queue = InMemoryQueue(stack.queue_url, now)
        dead_letters = InMemoryQueue(stack.dead_letter_queue_url, now)
        table = SharedDynamoDB(now, stack.clients["dynamodb"])
        made = Account(stack, servicenow, clock, now, queue, dead_letters, table)
        try:
            yield made
        finally:
            for bridge in made.bridges:
                bridge.transport.close()
            sys.modules.pop("handlers.events", None)
