"""One run: a deployed stack of its own, environments of its functions, and everything that it says and leaves."""

import json
import tracemalloc
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from campaign.environment import Environment, KilledError
from campaign.history import Evidence, Judgement, Sent, judge
from campaign.leaks import Sinks
from campaign.queue import Queued, record_of
from campaign.stack import Stack
from common.bridge.clients import RULES
from common.incidents.rules import Rules, load_rules
from tests.support.clock import EPOCH
from tests.support.deployment import alarm

EVENTS_SECONDS = 60.0
_MOST_ROUNDS = 4000


MOST_MEMORY = 8_000_000
"""Bytes more that an answer may take, however large it pretends to be."""


class UnexpectedError(AssertionError):
    """A fault had another outcome than the catalogue says."""


@dataclass(frozen=True, slots=True)
class Round:
    """What became of one batch: ids that stay, new dead letters, metrics, and whether the function was killed."""

    received: tuple[str, ...]
    stay: tuple[str, ...]
    refused: int
    metrics: Mapping[str, float]
    killed: bool = False

    @property
    def outcome(self) -> str:
        """One word: killed, held, dead, later or done."""
        if self.killed:
            return "killed"
        if self.metrics.get("Held"):
            return "held"
        if self.stay:
            return "later"
        return "dead" if self.refused else "done"


@dataclass
class World(Stack):
    """A run with its own dice. Scenarios inject faults, send events, and say what they expect."""

    turn: int = 0
    sent: list[Sent] = field(default_factory=list)
    sinks: Sinks = field(default_factory=Sinks)
    environments: list[Environment] = field(default_factory=list)
    metrics: Counter[str] = field(default_factory=Counter)
    _refused: int = 0

    def environment(self, function: str = "events", **variables: str) -> Environment:
        """Return a new environment of a function."""
        name = f"bridge-{next(self.stage.numbers)}"
        environment = {**self.variables, "POWERTOOLS_SERVICE_NAME": name, **variables}
        made = Environment(self.stage.function(function, environment), self.clock, self.hangs)
        self.environments.append(made)
        return made

    @property
    def warm(self) -> Environment:
        """The environment that is there already, and alive."""
        alive = (environment for environment in reversed(self.environments) if environment.is_alive)
        return next(alive, None) or self.environment()

    # What happens

    def alarm(self, name: str, value: str, *, minutes: float = 0.0, **changes: Any) -> dict[str, Any]:  # noqa: ANN401
        """Return the event of an alarm, `minutes` after the beginning of this run."""
        begin = datetime.fromtimestamp(EPOCH, UTC) - timedelta(minutes=60)
        return alarm(name, value, at=begin + timedelta(minutes=minutes)) | changes

    def send(self, *events: Mapping[str, Any] | str) -> list[str]:
        """Put events into the queue and return the ids of the messages."""
        ids = []
        for event in events:
            body = event if isinstance(event, str) else json.dumps(event)
            ids.append(self.queue.send(body))
            self.sent.append(Sent(ids[-1], body))
        return ids

    def invoke(self, environment: Environment | None = None, *, seconds: float = EVENTS_SECONDS) -> Round:
        """Hand the visible messages to the events function, as far as they fit into one batch."""
        return self.deliver(self.queue.receive(), environment, seconds=seconds)

    def deliver(
        self, batch: Sequence[Queued], environment: Environment | None = None, *, seconds: float = EVENTS_SECONDS
    ) -> Round:
        """Hand messages to the events function and do what the poller does with its answer."""
        used = environment or self.warm
        ids = tuple(message.message_id for message in batch)
        try:
            answer = used.call({"Records": [record_of(message) for message in batch]}, seconds)
        except KilledError:
            return Round(ids, ids, 0, self.listen(), killed=True)
        stay = tuple(failure["itemIdentifier"] for failure in answer["batchItemFailures"])
        for message_id in ids:
            if message_id not in stay:
                self.queue.delete(message_id)
        before, self._refused = self._refused, self.number_of_dead_letters()
        return Round(ids, stay, self._refused - before, self.listen())

    def fire(self, *, number: int = 0) -> Round:
        """Send an alarm of each of some new problems, and hand them to a function."""
        count = number or self.random.randint(1, 3)
        first = len(self.sent)
        self.send(*(self.alarm(f"alarm-{first + index}", "ALARM", minutes=1 + index) for index in range(count)))
        return self.invoke()

    def settle(self, *, hours: float = 24.0, gather: float = 0.0) -> None:
        """Let time pass until the queue is empty. Raises UnexpectedError where it does not get empty.

        Each batch holds what is visible `gather` seconds after its first message.
        """
        ends = self.clock.monotonic() + hours * 3600
        for _ in range(_MOST_ROUNDS + 4 * len(self.queue)):
            if not self.queue.wait(gather=gather):
                return
            if self.clock.monotonic() > ends:
                break
            self.invoke()
        raise UnexpectedError(f"after {hours:.0f} h there are still {len(self.queue)} messages in the queue")

    def expect(self, holds: bool, otherwise: str) -> None:  # noqa: FBT001 (a condition, as of assert)
        """Raise UnexpectedError that says what was seen `otherwise`."""
        if not holds:
            raise UnexpectedError(otherwise)

    def expect_outcome(self, found: Round, *wanted: str) -> None:
        """Raise UnexpectedError where a batch had another outcome."""
        self.expect(found.outcome in wanted, f"the batch was {found.outcome} instead of {' or '.join(wanted)}")

    def within_memory[T](self, work: Callable[[], T], most: int = MOST_MEMORY) -> T:
        """Do something and return what came of it. Raises UnexpectedError where that takes so many bytes more."""
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            done = work()
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        self.expect(peak - before < most, f"{(peak - before) / 1e6:.1f} MB were needed")
        return done

    def at_once(self, work: Callable[[int], object], number: int) -> None:
        """Do something so many times, each in a thread of its own. Raises UnexpectedError where it fails."""
        with ThreadPoolExecutor(number) as threads:
            failures = [done.exception() for done in [threads.submit(work, each) for each in range(number)]]
        self.expect(not any(failures), f"{failures}")

    def toss(self) -> bool:
        """Return true or false."""
        return self.random.random() < 0.5

    def pick[T](self, *choices: T) -> T:
        """Return one of the choices."""
        return self.random.choice(choices)

    def in_turn[T](self, *choices: T) -> T:
        """Return the choices one after the other, from run to run of a fault: each of them for certain."""
        return choices[self.turn % len(choices)]

    # What is found

    def listen(self) -> Mapping[str, float]:
        """Take in what was said since the last time; return the metrics in it."""
        said = self.stage.said()
        self.sinks.add("log and metrics", said)
        self.sinks.add_errors(self.stage.errors)
        self.stage.errors.clear()
        metrics: Counter[str] = Counter()
        for line in said.splitlines():
            if '"_aws"' not in line:
                continue
            document = json.loads(line)
            for metric in document["_aws"]["CloudWatchMetrics"][0]["Metrics"]:
                value = document[metric["Name"]]
                metrics[metric["Name"]] += value[0] if isinstance(value, list) else value
        self.metrics.update(metrics)
        return metrics

    def judge(self) -> Judgement:
        """Check the history, and search every sink for every secret."""
        self.mend()
        letters, items = self.dead_letters(), self.items()
        incidents = self.incidents()
        evidence = Evidence(
            self.sent,
            frozenset(sent.message_id for sent in self.sent if sent.message_id in self.queue),
            letters,
            items,
            incidents,
            {row["sys_id"]: self.simulator.journal(row["sys_id"], "work_notes") for row in incidents},
            self.deployment,
        )
        judgement = judge(rules(), evidence)
        judgement.lost += [f"{lost} was kept too long" for lost in (*self.queue.expired, *self.queue.worn_out)]
        self.sinks.add("dead letters", json.dumps(letters))
        self.sinks.add("ledger", json.dumps(items))
        self.sinks.add("plain parameters", json.dumps(self.plain_parameters()))
        self.sinks.add("repr", *(text for environment in self.environments for text in environment.reprs()))
        self.listen()
        return judgement

    def over_budget(self) -> list[str]:
        """Return what took longer than it may, also in environments that were killed."""
        return [late for environment in self.environments for late in environment.over_budget]

    def leaks(self) -> list[str]:
        """Return where a secret or a token was found."""
        tokens = {token for environment in self.environments for token in environment.tokens}
        tokens |= set(self.simulator._instance.tokens._valid)
        return self.sinks.leaks([*self.secrets, *sorted(tokens)])

    def end(self) -> None:
        """Close all connections."""
        for environment in self.environments:
            environment.close()


@cache
def rules() -> Rules:
    """Return the shipped rules."""
    return load_rules(RULES, ())
