"""Workers at a queue: each is an environment of its own, as Lambda would run it, with connections of its own."""

import io
import json
import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Protocol, cast

from bench.parts import MovedClock, token_source
from common.clock import Deadline
from common.incidents.changes import READ_FIELDS
from common.incidents.circuit import Circuit
from common.incidents.desk import Desk
from common.incidents.ledger import Ledger
from common.incidents.rules import Rules
from common.intake import Intake
from common.queue import EventQueue, Message
from common.servicenow.client import ServiceNowClient
from common.servicenow.records import Records
from common.telemetry import Telemetry
from common.transport import Transport
from local.simulator import Simulator
from tests.support.queue import InMemoryQueue, InMemorySQS, lambda_event
from tests.support.table import SharedDynamoDB

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_sqs.client import SQSClient

WORKERS = 8
DEPLOYMENT = "storm"

_BATCH = 10
_FUNCTION_SECONDS = 60.0
# When all wait, time goes on a little past the next message, so that several can be taken at once.
_SECONDS_PAST = 2.0
_QUEUE, _DEAD_LETTERS = "https://sqs.example/events", "https://sqs.example/dead-letters"


class Worker(Protocol):
    """What handles a batch."""

    def process(self, messages: Sequence[Message], deadline: Deadline) -> list[str]:
        """Handle a batch and return the ids of the messages that stay in the queue."""
        ...


class Cloud:
    """What all workers share: one instance, one queue, one ledger, one clock."""

    def __init__(self, simulator: Simulator, clock: MovedClock, rules: Rules) -> None:
        """Start with an empty queue and an empty ledger."""
        self.simulator = simulator
        self.clock = clock
        self.rules = rules
        self.queue = InMemoryQueue(_QUEUE, clock.now)
        self.dead_letters = InMemoryQueue(_DEAD_LETTERS, clock.now)
        self.table = SharedDynamoDB(clock.now)
        self.batches = _Batches(self.queue, clock)

    def put(self, events: Sequence[dict[str, Any]]) -> None:
        """Put events into the queue."""
        for event in events:
            self.queue.send_message(QueueUrl=_QUEUE, MessageBody=json.dumps(event))

    def event_queue(self) -> EventQueue:
        """Return the queue as the bridge sees it."""
        sqs = cast("SQSClient", InMemorySQS(self.queue, self.dead_letters))
        return EventQueue(sqs, _QUEUE, _DEAD_LETTERS, telemetry=_telemetry())

    def records(self) -> Records:
        """Return a client of ServiceNow with connections of its own."""
        host, authorities = self.simulator.host, self.simulator.ca_pem
        transport = Transport(host, clock=self.clock, certificate_authorities=authorities)
        tokens = token_source(host, authorities, self.clock)
        return Records(ServiceNowClient(transport, tokens, clock=self.clock, telemetry=_telemetry()), READ_FIELDS)

    def bridge(self) -> Worker:
        """Return a new environment of the events function."""
        telemetry = _telemetry()
        dynamodb = cast("DynamoDBClient", self.table)
        ledger = Ledger(dynamodb, "ledger", clock=self.clock)
        desk = Desk(ledger, self.records(), deployment=DEPLOYMENT, close_code="Solution provided", telemetry=telemetry)
        circuit = Circuit(desk, dynamodb, "ledger", deployment=DEPLOYMENT, telemetry=telemetry)
        return Intake(self.rules, circuit, self.event_queue(), telemetry=telemetry)

    def work(self, make: Callable[[], Worker]) -> None:
        """Let eight workers run until the queue is empty."""
        workers = [make() for _ in range(WORKERS)]
        with ThreadPoolExecutor(WORKERS) as pool:
            for ended in [pool.submit(self._run, worker) for worker in workers]:
                ended.result()

    def _run(self, worker: Worker) -> None:
        with self.batches:
            while batch := self.batches.take():
                messages = [Message.of(record) for record in batch]
                stay = worker.process(messages, Deadline.after(self.clock, _FUNCTION_SECONDS))
                for message in messages:
                    if message.message_id not in stay:
                        self.queue.delete_message(QueueUrl=_QUEUE, ReceiptHandle=message.receipt_handle)


class _Batches:
    """Hands batches to workers. While every worker waits, nothing can happen but that time passes: it is moved on."""

    def __init__(self, queue: InMemoryQueue, clock: MovedClock) -> None:
        self._queue = queue
        self._clock = clock
        self._changed = threading.Condition()
        self._present = threading.Barrier(WORKERS)
        self._working = WORKERS
        self._waiting = 0
        self._moves = 0

    def __enter__(self) -> None:
        self._present.wait()

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._working -= 1
            self._changed.notify_all()

    def take(self) -> list[dict[str, Any]]:
        """Return the records of up to ten messages, none once the queue is empty."""
        with self._changed:
            while True:
                answer = self._queue.receive_message(QueueUrl=_QUEUE, MaxNumberOfMessages=_BATCH)
                if answer:
                    records: list[dict[str, Any]] = lambda_event(answer)["Records"]
                    return records
                visible_at = self._queue.next_visible_at()
                if visible_at is None:
                    self._changed.notify_all()
                    return []
                self._wait(visible_at)

    def _wait(self, visible_at: float) -> None:
        self._waiting += 1
        if self._waiting == self._working:
            self._clock.moved += max(0.0, visible_at - self._clock.now()) + _SECONDS_PAST
            self._waiting = 0
            self._moves += 1
            self._changed.notify_all()
            return
        moves = self._moves
        self._changed.wait_for(lambda: moves != self._moves or self._waiting == self._working or not len(self._queue))
        if moves == self._moves:
            self._waiting -= 1


def _telemetry() -> Telemetry:
    telemetry = Telemetry("bench", stream=io.StringIO())
    telemetry.log.setLevel(logging.CRITICAL)
    return telemetry
