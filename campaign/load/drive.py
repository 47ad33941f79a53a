"""Puts events on the bus as fast as they are taken from the queue, then waits until the queue is empty."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from campaign.load.failures import failures
from campaign.load.memory import UNTIL, Reading, resident_memory
from campaign.load.traffic import Traffic
from common.incidents.circuit import CIRCUIT_KEY
from local.alarms import put_events
from local.stack import DEPLOYMENT, LocalStack

SECONDS = UNTIL
"""How long events are put on the bus."""

MOST_WAITING = 50
"""Messages that may wait for a worker before no more events are put on the bus."""

LONGEST_DRAIN = 420.0
"""Seconds after the failures' end within which the queue must be empty.

A message that was refused three times by an open circuit pauses for two minutes, one more refusal makes it four.
"""

_WARM_UP = 200
_WARM_UP_SECONDS = 120.0
_A_PUT = 10
_LOOK_AGAIN = 0.05
_EVERY = 1.0


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen once a second: deliveries so far, the queue, and the state of the circuit."""

    second: float
    delivered: int
    waiting: int
    hidden: int
    dead: int
    circuit: str


@dataclass(slots=True)
class Course:
    """What was seen of a run. `began` and `failures_ended` are epoch seconds, `drained_in` is None where it was not.

    `before` are the deliveries of the warm-up, `left` messages that were in the queue when the failures ended.
    """

    before: int = 0
    began: float = 0.0
    failures_ended: float = 0.0
    looks: list[Look] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    left: int = 0
    drained_in: float | None = None


class Drive:
    """One run against a deployed stack; `told` hears of every look.

    With `hold_circuit` the circuit breaker's state is deleted once a second, so that it hardly keeps any call from
    ServiceNow: far more answers fail than would in a deployment.
    """

    def __init__(
        self, stack: LocalStack, traffic: Traffic, told: Callable[[Look], None], *, hold_circuit: bool = False
    ) -> None:
        """Do nothing yet; the clock of the run starts with the load."""
        self._hold_circuit = hold_circuit
        self.course = Course()
        self._stack = stack
        self._traffic = traffic
        self._told = told
        self._began = 0.0

    def warm_up(self) -> None:
        """Let events come in while nothing fails, so that no worker starts under load. Raises LocalStackError."""
        for _ in range(_WARM_UP // _A_PUT):
            put_events(self._stack.root, self._traffic.take(_A_PUT))
        # A call that a busy machine cut off locks its problem for more than a minute; the rest need not wait for it.
        self._stack.wait_until(
            lambda: self._stack.unfinished_messages() < _A_PUT, "The functions did not start", _WARM_UP_SECONDS
        )
        self.course.before = len(self._traffic.deliveries)

    def load(self, seconds: float = SECONDS) -> None:
        """Let half of all answers fail, and put events on the bus for as long as the queue keeps up."""
        self.course.began, self._began = time.time(), time.monotonic()
        for fault in failures():
            self._stack.simulator.add_fault(fault)
        while self._second < seconds:
            missing = MOST_WAITING - self._look().waiting
            if missing <= 0:
                time.sleep(_LOOK_AGAIN)
            for _ in range(0, missing, _A_PUT):
                put_events(self._stack.root, self._traffic.take(_A_PUT))
        self._look(last=True)
        self.course.left = self._stack.unfinished_messages()

    def drain(self, longest: float = LONGEST_DRAIN) -> None:
        """Let the failures end and wait until the queue is empty, no longer than that many seconds."""
        self._stack.simulator.clear_faults()
        self.course.failures_ended = time.time()
        ended = self._second
        while self._second < ended + longest:
            look = self._look()
            if look.waiting + look.hidden == 0:
                self.course.drained_in = self._second - ended
                return
            time.sleep(_EVERY)

    @property
    def _second(self) -> float:
        return time.monotonic() - self._began

    def _look(self, *, last: bool = False) -> Look:
        depth = self._stack.queue_depth()
        second, looks = self._second, self.course.looks
        is_due = last or not looks or second >= looks[-1].second + _EVERY
        circuit = self._circuit() if is_due else looks[-1].circuit
        delivered = len(self._traffic.deliveries) - self.course.before
        look = Look(second, delivered, depth.waiting, depth.hidden, depth.dead, circuit)
        if is_due:
            looks.append(look)
            self.course.readings.append(Reading(second, resident_memory(self._stack.emulator.pid)))
            self._told(look)
        return look

    def _circuit(self) -> str:
        dynamodb, table = self._stack.root.dynamodb, self._stack.outputs["LedgerTableName"]
        key = {"pk": {"S": f"{CIRCUIT_KEY}{DEPLOYMENT}"}}
        item = dynamodb.get_item(TableName=table, Key=key).get("Item")
        if item and self._hold_circuit:
            dynamodb.delete_item(TableName=table, Key=key)
        return item["state"]["S"] if item else "CLOSED"
