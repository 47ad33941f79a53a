"""Everything around the desk as one value: ledger, ServiceNow, queue, workers, time; and all that can happen next.

It follows reference models of the protocol: one problem, messages that are delivered at least once and in any order,
workers that are interleaved call by call, writes that commit up to 65 s after they were sent, and people.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import Literal, NamedTuple

from common.incidents.alert import Alert, Policy, Status
from tests.support.clock import EPOCH
from tests.support.ledger import Attributes, version_of
from tests.support.servicenow import CLOSED, Act, Instance
from tests.support.workers import (
    Answer,
    Clocks,
    Create,
    Fates,
    Find,
    GetItem,
    Kind,
    PutItem,
    Read,
    Request,
    Run,
    Update,
    Workers,
)

COMMITS_WITHIN = 65
"""Seconds after its sending within which a write commits, if it ever does."""

KEY = "problem"

type Fault = Literal[
    "kill",
    "kill in flight",
    "answer lost",
    "dropped",
    "late",
    "not done",
    "refused",
    "refused after commit",
    "held",
    "throttled",
    "ledger answer lost",
    "ledger repeated",
    "query ignored",
]

LOSSES: tuple[Fault, ...] = ("kill", "kill in flight", "answer lost", "late", "dropped", "not done")
"""What can become of a worker or of a write without anybody saying no."""


def alerts(text: str, policy: Policy | None = None) -> tuple[Alert, ...]:
    """Return alerts from a text such as `F1 R2`, or `aF1 bR2` for members of a group; the digits are seconds."""
    return tuple(_alert(word, policy or Policy()) for word in text.split())


def _alert(word: str, policy: Policy) -> Alert:
    position = max(word.find("F"), word.find("R"))
    firing = word[position] == "F"
    return Alert(
        key=KEY,
        status=Status.FIRING if firing else Status.RESOLVED,
        occurred_at=int(EPOCH - 1000 + int(word[position + 1 :])) * 1000,
        fields={"short_description": f"opened by {word}"} if firing else {},
        note=f"note of {word}",
        policy=policy,
        member=word[:position] or "-",
    )


class Flight(NamedTuple):
    """A write that ServiceNow has received and not carried out yet."""

    write: Create | Update
    sent: int


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is there, and how much of each trouble there may be."""

    alerts: tuple[Alert, ...]
    workers: int = 2
    faults: int = 0
    kinds: tuple[Fault, ...] = LOSSES
    duplicates: int = 0
    acts: int = 0
    act_kinds: tuple[Act, ...] = ("resolve", "close")
    folds: bool = False
    clocks: tuple[Clocks, ...] = (Clocks(local_offset=3600), Clocks(local_offset=-3600, date_lag=4), Clocks())
    servicenow: Instance = Instance()


class World(NamedTuple):
    """A state. `queue` counts the visible messages of each event; `now` is in seconds since the beginning."""

    queue: tuple[int, ...]
    runs: tuple[Run | None, ...]
    servicenow: Instance
    faults: int
    duplicates: int
    acts: int
    now: int = 0
    ledger: str | None = None
    flights: tuple[Flight, ...] = ()
    dead: frozenset[int] = frozenset()
    refused: bool = False
    defects: int = 0

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing is left to be done."""
        return not (any(self.queue) or any(self.runs) or self.flights)

    def item(self) -> Attributes | None:
        """Return the stored item."""
        return _parsed(self.ledger)


@lru_cache(maxsize=100_000)
def _parsed(item: str | None) -> Attributes | None:
    if item is None:
        return None
    parsed: Attributes = json.loads(item)
    return parsed


class Step(NamedTuple):
    """Something that can happen: what, to which worker, events or record, and the world afterwards."""

    name: str
    to: object
    world: World


class Model:
    """All steps of a scenario."""

    def __init__(self, scenario: Scenario) -> None:
        """Prepare the workers."""
        self.scenario = scenario
        self.workers = Workers(scenario.alerts, scenario.clocks)

    def start(self) -> World:
        """Return the world before anything happened."""
        scenario = self.scenario
        return World(
            queue=(1,) * len(scenario.alerts),
            runs=(None,) * scenario.workers,
            servicenow=scenario.servicenow,
            faults=scenario.faults,
            duplicates=scenario.duplicates,
            acts=scenario.acts,
        )

    def steps(self, world: World) -> Iterator[Step]:
        """Return everything that can happen next."""
        if world.now and not world.flights and not any(world.runs) and _lock_until(world) is None:
            # Nothing remembers when anything was: the clock may as well stand at the beginning.
            world = world._replace(now=0)
        yield from self._deliveries(world)
        for run in world.runs:
            if run is not None:
                yield from self._steps_of(world, run)
        yield from self._commits(world)
        yield from self._acts(world)
        yield from self._waits(world)

    def _deliveries(self, world: World) -> Iterator[Step]:
        visible = [event for event, copies in enumerate(world.queue) if copies]
        if world.duplicates:
            for event in range(len(world.queue)):
                if event not in visible and event not in world.dead:
                    queue = _added(world.queue, (event,), 1)
                    yield Step("duplicate", event, world._replace(queue=queue, duplicates=world.duplicates - 1))
        if None not in world.runs:
            return
        slot = world.runs.index(None)
        largest = len(visible) if self.scenario.folds else 1
        for size in range(1, largest + 1):
            for events in combinations(visible, size):
                run = Run(slot, events, world.now)
                begun = _with_run(world._replace(queue=_added(world.queue, events, -1)), slot, run)
                # Nothing is lost by delivering only when the first call is made.
                for step in self._steps_of(begun, run):
                    yield Step("deliver" if step.name == "call" else f"deliver, {step.name}", events, step.world)

    def _steps_of(self, world: World, run: Run) -> Iterator[Step]:
        """Let one call of a worker go well, or meet a fault."""
        request = self.workers.next(run)
        assert not isinstance(request, Fates)
        called = _executed(world, run, request)
        after = self._hurried(called)
        yield Step("call", run.slot, after)
        if not world.faults:
            return
        poorer = world._replace(faults=world.faults - 1)
        for fault in self.scenario.kinds:
            met = _met(poorer, run, request, fault)
            if met is not None:
                yield Step(fault, run.slot, self._hurried(met))
        if "kill" in self.scenario.kinds and after.runs[run.slot] is None:
            killed = _killed(called._replace(faults=world.faults - 1), run)
            yield Step("kill at the end", run.slot, self._hurried(killed))

    def _hurried(self, world: World) -> World:
        """Take the steps that nobody else could notice: ending a run, and losing a race that is lost already."""
        for run in world.runs:
            while run is not None:
                request = self.workers.next(run)
                if isinstance(request, Fates):
                    world = _finished(world, run, request)
                elif isinstance(request, PutItem) and version_of(world.item()) != request.expected:
                    world = _executed(world, run, request)
                else:
                    break
                run = world.runs[run.slot]  # noqa: PLW2901 (the same worker, one step further)
        return world

    def _commits(self, world: World) -> Iterator[Step]:
        for flight in world.flights:
            landed = tuple(other for other in world.flights if other is not flight)
            servicenow = _written(world.servicenow, flight.write)
            yield Step("commit", flight.sent, world._replace(flights=landed, servicenow=servicenow))

    def _acts(self, world: World) -> Iterator[Step]:
        if not world.acts:
            return
        poorer = world._replace(acts=world.acts - 1)
        for row in world.servicenow.rows:
            for act in self.scenario.act_kinds:
                if act == "delete" or row.is_open or (act == "close" and row.state != CLOSED):
                    yield Step(act, row.sys_id, poorer._replace(servicenow=world.servicenow.by_person(row.sys_id, act)))

    def _waits(self, world: World) -> Iterator[Step]:
        """Move on to the next moment that means something, as far as workers live and commits allow it."""
        kills = [run.killed_at for run in world.runs if run is not None]
        commits = [flight.sent + COMMITS_WITHIN for flight in world.flights]
        latest = min([*kills, *commits], default=None)
        lock_until = _lock_until(world)
        ends = [] if lock_until is None else [lock_until, *(lock_until + late for late in self._delays)]
        moment = min((moment for moment in [*commits, *ends] if moment > world.now), default=None)
        if moment is not None and (latest is None or moment <= latest):
            yield Step("wait until", moment, world._replace(now=moment))
        if world.faults and kills and ends and min(kills) > world.now and (not commits or min(kills) <= min(commits)):
            yield Step("linger until", min(kills), world._replace(now=min(kills), faults=world.faults - 1))

    @property
    def _delays(self) -> list[int]:
        """After the end of a lock: when workers see it, those whose `Date` headers are old a little later."""
        return [1 + clocks.date_lag for clocks in self.scenario.clocks[: self.scenario.workers]]


def _lock_until(world: World) -> int | None:
    """Return the last second within the lock."""
    item = world.item()
    if item is None or "lock_until" not in item:
        return None
    return int(item["lock_until"]["N"]) // 1000 - int(EPOCH)


def _added(queue: Sequence[int], events: Sequence[int], number: int) -> tuple[int, ...]:
    return tuple(copies + number if event in events else copies for event, copies in enumerate(queue))


def _with_run(world: World, slot: int, run: Run | None) -> World:
    return world._replace(runs=tuple(run if index == slot else other for index, other in enumerate(world.runs)))


def _told(world: World, run: Run, answer: Answer) -> World:
    return _with_run(world, run.slot, run._replace(answers=(*run.answers, answer)))


def _finished(world: World, run: Run, fates: Fates) -> World:
    back = [event for event, fate in zip(run.events, fates.of, strict=True) if fate == "back"]
    dead = {event for event, fate in zip(run.events, fates.of, strict=True) if fate == "dead"}
    ended = world._replace(
        queue=_added(world.queue, back, 1),
        dead=world.dead | dead,
        defects=world.defects + fates.defects,
    )
    return _with_run(ended, run.slot, None)


def _written(servicenow: Instance, write: Create | Update) -> Instance:
    fields = dict(write.fields)
    if isinstance(write, Create):
        return servicenow.insert(fields)
    return servicenow if servicenow.row(write.sys_id) is None else servicenow.update(write.sys_id, fields)


def _executed(world: World, run: Run, request: Request) -> World:
    """Carry a request out and hand over the true answer."""
    servicenow = world.servicenow
    match request:
        case GetItem():
            return _told(world, run, Answer(world.now, "done", item=world.ledger))
        case PutItem(item, expected):
            if version_of(world.item()) != expected:
                return _told(world, run, Answer(world.now, "lost race", item=world.ledger))
            return _told(world._replace(ledger=item), run, Answer(world.now, "done"))
        case Create():
            servicenow = _written(servicenow, request)
            rows = servicenow.rows[-1:]
        case Update(sys_id):
            servicenow = _written(servicenow, request)
            rows = tuple(row for row in servicenow.rows if row.sys_id == sys_id)
        case Read(sys_id):
            rows = tuple(row for row in servicenow.rows if row.sys_id == sys_id)
        case Find(correlation_id):
            rows = servicenow.with_correlation_id(correlation_id)
    return _told(world._replace(servicenow=servicenow), run, Answer(world.now, "done", rows=rows))


def _met(world: World, run: Run, request: Request, fault: Fault) -> World | None:
    """Return the world after a request met a fault; None where that fault is not for such a request."""
    if fault == "kill":
        return _killed(world, run)
    if isinstance(request, PutItem):
        return _met_by_put(world, run, request, fault)
    if isinstance(request, GetItem):
        return _failed(world, run, "throttled") if fault == "throttled" else None
    if isinstance(request, Find) and fault == "query ignored":
        return _told(world._replace(refused=True), run, Answer(world.now, "done", rows=world.servicenow.rows))
    if isinstance(request, Read | Find):
        return _failed(world, run, "not done") if fault == "not done" else None
    return _met_by_write(world, run, request, fault)


def _met_by_put(world: World, run: Run, request: PutItem, fault: Fault) -> World | None:
    won = version_of(world.item()) == request.expected
    match fault:
        case "throttled":
            return _failed(world, run, "throttled")
        case "ledger answer lost" if won:
            return _failed(world._replace(ledger=request.item), run, "lost")
        case "ledger repeated" if won:
            return _told(world._replace(ledger=request.item), run, Answer(world.now, "lost race", item=request.item))
    return None


def _met_by_write(world: World, run: Run, request: Create | Update, fault: Fault) -> World | None:
    committed = world._replace(servicenow=_written(world.servicenow, request))
    flying = world._replace(flights=(*world.flights, Flight(request, world.now)))
    match fault:
        case "answer lost":
            return _failed(committed, run, "unknown")
        case "dropped":
            return _failed(world, run, "unknown")
        case "late":
            return _failed(flying, run, "unknown")
        case "kill in flight":
            return _killed(flying, run)
        case "not done":
            return _failed(world, run, "not done")
        case "refused":
            return _failed(world._replace(refused=True), run, "refused")
        case "refused after commit" if isinstance(request, Create):
            return _failed(committed._replace(refused=True), run, "forbidden")
        case "held":
            return _failed(world, run, "held")
    return None


def _failed(world: World, run: Run, kind: Kind) -> World:
    return _told(world, run, Answer(world.now, kind))


def _killed(world: World, run: Run) -> World:
    return _with_run(world._replace(queue=_added(world.queue, run.events, 1)), run.slot, None)
