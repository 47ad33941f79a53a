"""All that can happen next in a world.

One problem; messages that are delivered at least once and in any order; workers that are interleaved call by call;
writes that commit up to 65 s after they were sent; and people.
"""

from collections.abc import Callable, Iterator
from itertools import combinations
from typing import NamedTuple

from common.incidents.due import hour_of
from tests.support.clock import EPOCH
from tests.support.effects import added, executed, finished, killed, met, with_run, written
from tests.support.ledger import version_of
from tests.support.requests import Fates, PutItem, Run
from tests.support.servicenow import CLOSED
from tests.support.workers import Workers
from tests.support.world import COMMITS_WITHIN, Scenario, World


def _nothing_more(world: World) -> World:
    return world


class Step(NamedTuple):
    """Something that can happen: what, to which worker, events or record, and what follows from it at once."""

    name: str
    to: object
    begun: World
    goes_on: Callable[[World], World] = _nothing_more

    @property
    def world(self) -> World:
        """The world afterwards; worked out when it is asked for, since of many steps only one may be taken."""
        return self.goes_on(self.begun)


class Model:
    """All steps of a scenario."""

    def __init__(self, scenario: Scenario) -> None:
        """Prepare the workers."""
        self.scenario = scenario
        self.workers = Workers(scenario.alerts, scenario.clocks)
        self.hours = frozenset(hour_of(alert) // 1000 - int(EPOCH) for alert in scenario.alerts if hour_of(alert))

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
        if world.now and not world.flights and not any(world.runs) and not world.locks and not self.hours:
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
                    queue = added(world.queue, (event,), 1)
                    yield Step("duplicate", event, world._replace(queue=queue, duplicates=world.duplicates - 1))
        if None not in world.runs:
            return
        slot = world.runs.index(None)
        largest = len(visible) if self.scenario.folds else 1
        for size in range(1, largest + 1):
            for events in combinations(visible, size):
                run = Run(slot, events, world.now)
                begun = with_run(world._replace(queue=added(world.queue, events, -1)), slot, run)
                # Nothing is lost by delivering only when the first call is made.
                for step in self._steps_of(begun, run):
                    name = "deliver" if step.name == "call" else f"deliver, {step.name}"
                    yield step._replace(name=name, to=events)

    def _steps_of(self, world: World, run: Run) -> Iterator[Step]:
        """Let one call of a worker go well, or meet a fault."""
        request = self.workers.next(run)
        assert not isinstance(request, Fates)
        called = executed(world, run, request)
        if not world.faults:
            yield Step("call", run.slot, called, self._hurried)
            return
        after = self._hurried(called)
        yield Step("call", run.slot, after)
        poorer = world._replace(faults=world.faults - 1)
        for fault in self.scenario.kinds:
            troubled = met(poorer, run, request, fault)
            if troubled is not None:
                yield Step(fault, run.slot, troubled, self._hurried)
        if "kill" in self.scenario.kinds and after.runs[run.slot] is None:
            forgotten = killed(called._replace(faults=world.faults - 1), run)
            yield Step("kill at the end", run.slot, forgotten, self._hurried)

    def _hurried(self, world: World) -> World:
        """Take the steps that nobody else could notice: ending a run, and losing a race that is lost already."""
        for run in world.runs:
            while run is not None:
                request = self.workers.next(run)
                if isinstance(request, Fates):
                    world = finished(world, run, request)
                elif isinstance(request, PutItem) and version_of(world.item_of(request.pk)) != request.expected:
                    world = executed(world, run, request)
                else:
                    break
                run = world.runs[run.slot]  # noqa: PLW2901 (the same worker, one step further)
        return world

    def _commits(self, world: World) -> Iterator[Step]:
        for flight in world.flights:
            landed = tuple(other for other in world.flights if other is not flight)
            servicenow = written(world.servicenow, flight.write)
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
        ends = [lock_until + late for lock_until in world.locks for late in (0, *self._delays)]
        hours = [hour + late for hour in self.hours for late in (0, *self._delays)]
        moment = min((moment for moment in [*commits, *ends, *hours] if moment > world.now), default=None)
        if moment is not None and (latest is None or moment <= latest):
            yield Step("wait until", moment, world._replace(now=moment))
        if world.faults and kills and ends and min(kills) > world.now and (not commits or min(kills) <= min(commits)):
            yield Step("linger until", min(kills), world._replace(now=min(kills), faults=world.faults - 1))

    @property
    def _delays(self) -> list[int]:
        """After the end of a lock: when workers see it, those whose `Date` headers are old a little later."""
        return [1 + clocks.date_lag for clocks in self.scenario.clocks[: self.scenario.workers]]
