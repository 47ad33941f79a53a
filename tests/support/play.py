"""One history of the model, step by step, as a test chooses it."""

from collections.abc import Callable
from copy import replace

from common.incidents.alert import Policy
from tests.support import oracle, storm_oracle
from tests.support.model import Model, Step
from tests.support.servicenow import Act, Row
from tests.support.world import Fault, Scenario, World, alerts


class Play:
    """Takes one step after the other. A step that cannot happen raises AssertionError."""

    def __init__(self, scenario: Scenario) -> None:
        """Start at the beginning of `scenario`."""
        self.scenario = scenario
        self.model = Model(scenario)
        self.world = self.model.start()

    @property
    def records(self) -> tuple[Row, ...]:
        """The records in ServiceNow, oldest first."""
        return self.world.servicenow.rows

    @property
    def open_records(self) -> list[Row]:
        """The records that somebody still has to look at."""
        return [row for row in self.records if row.is_open]

    @property
    def notes(self) -> list[str]:
        """All work notes, sorted."""
        return sorted(note for _, note in self.world.servicenow.notes)

    @property
    def broken(self) -> str:
        """What is wrong, empty where nothing is."""
        judge = storm_oracle if any(alert.storm or alert.covers for alert in self.scenario.alerts) else oracle
        broken: str = judge.broken_on_the_way(self.scenario, self.world)
        return broken or (judge.broken_at_rest(self.scenario, self.world) if self.world.is_at_rest else "")

    def steps(self) -> list[Step]:
        """Return everything that can happen next."""
        return list(self.model.steps(self.world))

    def take(self, wanted: Callable[[Step], bool]) -> Step:
        """Take the first step that is wanted."""
        step = next(filter(wanted, self.model.steps(self.world)), None)
        assert step is not None, f"impossible here; possible: {[step[:2] for step in self.steps()]}"
        self.world = step.world
        return step

    def deliver(self, *events: int) -> int | None:
        """Hand messages to the first idle worker, which reads the ledger. Return its slot, None if it is done."""
        idle = self.world.runs.index(None)
        self.take(lambda step: step.name == "deliver" and step.to == events)
        return None if self.world.runs[idle] is None else idle

    def begin(self, *events: int) -> int:
        """Hand over messages that are not done by reading the ledger; return the worker's slot."""
        slot = self.deliver(*events)
        assert slot is not None
        return slot

    def call(self, slot: int, times: int = 1) -> None:
        """Let a worker make its next calls."""
        for _ in range(times):
            self.take(lambda step: step.name == "call" and step.to == slot)

    def fault(self, name: Fault, slot: int) -> None:
        """Let a worker's next call meet a fault."""
        self.take(lambda step: step.name == name and step.to == slot)

    def meet(self, name: Fault, *events: int, calls: int = 1) -> None:
        """Hand over messages to a worker that meets a fault after its first calls, and finishes if it lives."""
        slot = self.begin(*events)
        self.call(slot, calls)
        self.fault(name, slot)
        self.finish(slot)

    def finish(self, slot: int | None) -> None:
        """Let a worker go on until it has nothing left to do."""
        while slot is not None and self.world.runs[slot] is not None:
            self.call(slot)

    def handle(self, *events: int) -> None:
        """Deliver messages and let the worker finish."""
        self.finish(self.deliver(*events))

    def duplicate(self, event: int) -> None:
        """Let the queue deliver a message once more."""
        self.take(lambda step: step.name == "duplicate" and step.to == event)

    def commit(self) -> None:
        """Let ServiceNow carry out the oldest write that it still holds."""
        self.take(lambda step: step.name == "commit")

    def person(self, act: Act, record: int = 0) -> None:
        """Let a person resolve, close or delete a record, the oldest unless another is named."""
        sys_id = self.records[record].sys_id
        self.take(lambda step: step.name == act and step.to == sys_id)

    def linger(self) -> None:
        """Let time pass until the oldest run is about to be killed."""
        self.take(lambda step: step.name == "linger until")

    def wait(self) -> bool:
        """Let time pass until the next moment that means something; return whether there is one."""
        before: World = self.world
        self.world = next((step.world for step in self.model.steps(before) if step.name == "wait until"), before)
        return self.world is not before

    def wait_past_lock(self) -> None:
        """Let time pass until any lock has ended for every worker."""
        while self.wait():
            pass

    def drain(self) -> None:
        """Let everything come to rest without any further trouble."""
        for _ in range(200):
            for slot in range(len(self.world.runs)):
                self.finish(slot)
            while self.world.flights:
                self.commit()
            if self.world.is_at_rest:
                return
            before = self.world
            for event, copies in enumerate(self.world.queue):
                if copies:
                    self.handle(event)
            if self.world == before:
                assert self.wait(), "nothing can happen any more"
        message = "it does not come to rest"
        raise AssertionError(message)

    def end(self) -> None:
        """Let everything come to rest, and see that nothing is broken."""
        self.drain()
        assert self.broken == ""


def any_trouble(text: str, policy: Policy | None = None, **more: object) -> Play:
    """Return a history of alerts such as `F1 R2` in which there may be any trouble."""
    scenario = Scenario(alerts(text, policy), faults=9, duplicates=9, acts=9, act_kinds=("resolve", "close", "delete"))
    kinds = (*scenario.kinds, "refused", "refused after commit", "query ignored", "throttled")
    return Play(replace(scenario, kinds=kinds, **more))  # type: ignore[arg-type] # fields of the scenario
