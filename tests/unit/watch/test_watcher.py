"""A watcher against an instance, a table and a bus in memory: by hand, and in histories that are drawn by lot."""

import io
from dataclasses import dataclass, field
from random import Random
from unittest.mock import patch

import pytest

from common.clock import Deadline
from common.errors import TransientError
from common.incidents.ledger import Ledger
from common.telemetry import Telemetry
from common.watch.memory import Memory
from common.watch.watcher import Watcher
from tests.support.clock import FakeClock
from tests.support.watch import BRIDGE, DEPLOYMENT, Instance, Killed, Listener, Table, Version, row, seeded

RUN_SECONDS = 55.0


@dataclass
class Place:
    """All of it. `random` draws what goes wrong; without it nothing does.

    `at_rest` showed when the watch began, `before` when the look that is under way did.
    """

    random: Random | None = None
    clock: FakeClock = field(default_factory=FakeClock)
    instance_ahead: float = 0.0
    calls_until_killed: int | None = None
    nested: bool = False
    completed: int = 0
    at_rest: set[tuple[str, int]] = field(default_factory=set)
    before: dict[str, Version] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Make the parts."""
        self.instance = Instance(lambda: self.clock.now() + self.instance_ahead, self.step)
        self.table = Table(self.clock.now, self.step, unprocessed=lambda: self.chance(0.1))
        self.bus = Listener(self.step, takes=lambda: not self.chance(0.03))

    def chance(self, of_one: float) -> bool:
        """Draw whether something happens."""
        return self.random is not None and self.random.random() < of_one

    def step(self) -> None:
        """Let time pass; kill the run where its time has come; let another run begin in the midst of this one."""
        if self.random is None:
            return
        self.clock.advance(self.random.random())
        if self.calls_until_killed is not None:
            self.calls_until_killed -= 1
            if self.calls_until_killed <= 0:
                raise Killed
        if not self.nested and self.chance(0.05):
            self.nested = True
            try:
                self.watcher().run(Deadline.after(self.clock, RUN_SECONDS))
            except TransientError:
                pass
            finally:
                self.nested = False

    def watcher(self) -> Watcher:
        """Return one of a new environment."""
        telemetry = Telemetry("test", stream=io.StringIO())
        memory = Memory(Ledger(self.table, "ledger", clock=self.clock), deployment=DEPLOYMENT, clock=self.clock)  # type: ignore[arg-type]
        return Watcher(
            self.instance,
            memory,
            self.bus,
            deployment=DEPLOYMENT,
            tables=["incident"],
            host="example.service-now.com",
            telemetry=telemetry,
        )

    def run(self, seconds: float = RUN_SECONDS) -> bool:
        """Do what the schedule does; return whether a look came to its end."""
        mark = self.since()
        try:
            self.watcher().run(Deadline.after(self.clock, seconds))
        except (Killed, TransientError):
            return False
        return self.since() != mark

    def since(self) -> str:
        """Return how far the table was read."""
        marks = [item for key, item in self.table.items.items() if "/mark/" in key]
        return str(marks[0].get("since")) if marks else ""

    def is_under_way(self) -> bool:
        """Tell whether the next run goes on with a look that an earlier one began."""
        return any("after" in item for key, item in self.table.items.items() if "/mark/" in key)

    def write(self, number: int, updates: int, *, late: float = 0.0, by: str = BRIDGE, **fields: str) -> None:
        """Change a record now, so that it shows `late` seconds from now."""
        now = self.clock.now() + self.instance_ahead
        skew = self.random.uniform(-20, 20) if self.random else 0.0
        record = row(number, updates=updates, at=now + skew, by=by, **fields)
        self.instance.write(record, stamp=now + skew, visible_at=now + late)


@pytest.fixture
def place() -> Place:
    """Provide a place where nothing goes wrong, and where the watch has begun."""
    place = Place()
    place.run()
    place.clock.advance(60)
    return place


def test_the_first_run_tells_nothing_of_the_past() -> None:
    """Neither what lies long ago nor what changed a moment before; what changes then is told with its old values."""
    place = Place()
    place.write(1, 3)
    place.clock.advance(30)
    place.run()
    place.clock.advance(60)
    place.run()
    assert place.bus.events == []

    place.write(1, 4, by="abel.tuter", state="2")
    place.clock.advance(60)
    place.run()

    [event] = place.bus.events
    assert event.detail["changes"] == {"state": {"old": "1", "new": "2"}}
    assert (event.detail["by"], event.detail["updated_by"]) == ("person", "abel.tuter")


def test_a_run_without_changes_is_one_call(place: Place) -> None:
    """However often it looks at the same minutes."""
    place.write(1, 0)
    place.run()
    before = place.instance.calls
    for _ in range(5):
        place.clock.advance(60)
        place.run()

    assert place.instance.calls == before + 5
    assert place.bus.told == [(f"{1:032x}", 0)]


def test_what_commits_a_minute_after_its_time_is_told(place: Place) -> None:
    """Its time lies before the look that did not see it."""
    place.write(1, 0, late=60)
    place.clock.advance(50)
    place.run()
    assert place.bus.told == []

    place.clock.advance(60)
    place.run()

    assert place.bus.told == [(f"{1:032x}", 0)]


def test_two_changes_within_one_second_are_told_as_their_looks_saw_them(place: Place) -> None:
    """The time stamp is the same; the count is not."""
    place.write(1, 0)
    place.run()
    place.write(1, 1, state="2")
    place.run()

    assert place.bus.told == [(f"{1:032x}", 0), (f"{1:032x}", 1)]


def test_after_an_outage_of_a_day_the_newest_state_of_each_is_told(place: Place) -> None:
    """As one change each; what lies more than a week back is not told any more."""
    place.write(1, 0)
    place.write(1, 1, state="2")
    place.write(2, 0)
    place.clock.advance(86_400)
    place.run()
    assert place.bus.told == [(f"{1:032x}", 1), (f"{2:032x}", 0)]

    place.write(1, 2, state="6")
    place.clock.advance(8 * 86_400)
    place.run()
    assert len(place.bus.told) == 2


def test_what_a_bus_does_not_take_is_put_by_the_next_run(place: Place) -> None:
    """What it took is not put again."""
    for number in range(1, 4):
        place.write(number, 0)
    answers = iter([True, False, True, True])
    place.bus.takes = lambda: next(answers)

    assert not place.run()
    assert place.run()

    assert sorted(place.bus.told) == [(f"{number:032x}", 0) for number in range(1, 4)]


def test_a_table_that_was_restored_tells_again_under_the_same_ids(place: Place) -> None:
    """Point-in-time recovery brings an older day back."""
    older = dict(place.table.items)
    place.write(1, 0)
    place.run()
    place.table.items = older
    place.clock.advance(3600)
    place.run()

    first, again = place.bus.events
    assert first.detail["id"] == again.detail["id"]


def test_a_run_whose_time_does_not_suffice_goes_on_where_it_was(place: Place) -> None:
    """What it told stays told, and nothing is taken for read that was not."""
    for number in range(1, 10):
        place.write(number, 0)
    with patch("common.watch.watcher.PAGE", 3):
        assert not place.run(seconds=10)
        assert len(place.bus.told) == 3
        calls = place.instance.calls
        place.write(1, 1)
        assert not place.run(seconds=10)
        assert place.run()
        assert place.instance.calls == calls + 2, "nothing is read twice"
    assert place.bus.told == [(f"{number:032x}", 0) for number in range(1, 10)]

    place.clock.advance(60)
    assert place.run()
    assert place.bus.told[9:] == [(f"{1:032x}", 1)], "what changed behind the look is for the next"


def test_what_dynamodb_leaves_for_another_call_is_read_all_the_same(place: Place) -> None:
    """A record that seems unknown would be told of again, without its old values."""
    for number in range(1, 5):
        place.write(number, 0)
    place.run()
    answers = iter([True, True, False])
    place.table.unprocessed = lambda: next(answers, False)
    place.run()

    assert len(place.bus.told) == 4


def history(seed: int) -> Place:
    """Let people and the bridge write, with everything that can go wrong, and then let it come to rest."""
    random = seeded(seed)
    place = Place(random, instance_ahead=random.uniform(-3000, 3000))
    updates = dict.fromkeys(range(1, random.randint(2, 9)), -1)
    for _ in range(random.randint(5, 30)):
        for _ in range(random.choice((0, 0, 1, 3))):
            number = random.choice(list(updates))
            updates[number] += 1
            late = random.uniform(0, 60) if random.random() < 0.4 else 0.0
            place.write(number, updates[number], late=late, by=random.choice((BRIDGE, "abel.tuter")))
            place.clock.advance(random.choice((0.0, 0.3, 20.0)))
        place.calls_until_killed = random.randint(1, 20) if random.random() < 0.2 else None
        look(place)
        place.clock.advance(random.choice((60.0, 60.0, 60.0, 5.0, 7200.0)))
    place.random = None
    place.clock.advance(200)
    for _ in range(3):
        look(place)
        place.clock.advance(60)
    return place


def look(place: Place) -> None:
    """Run once; after the end of a look, whatever showed from its beginning on has been told."""
    if not place.is_under_way():
        place.before = place.instance.visible()
    is_first = place.since() in ("", "None")
    if not place.run(place.random.choice((RUN_SECONDS, 18.0)) if place.random else RUN_SECONDS) or is_first:
        if is_first:
            place.at_rest = {(sys_id, count(version)) for sys_id, version in place.instance.visible().items()}
        return
    for sys_id, version in place.instance.visible().items():
        if place.before.get(sys_id) == version and (sys_id, count(version)) not in place.at_rest:
            assert (sys_id, count(version)) in place.bus.told, "missed"
    place.completed += 1


def count(version: Version) -> int:
    """Return the count of updates of a version."""
    return int(version.record.fields["sys_mod_count"])


@pytest.mark.parametrize("lot", range(8))
def test_no_history_loses_a_change_or_tells_an_old_one_last(lot: int) -> None:
    """Late commits, equal seconds, clocks apart, killed runs, runs at once, a bus that takes a part, small pages."""
    completed = told = 0
    with patch("common.watch.watcher.PAGE", 2):
        for seed in range(lot * 25, lot * 25 + 25):
            place = history(seed)
            newest: dict[str, int] = {}
            for sys_id, updates in place.bus.told:
                assert updates >= newest.get(sys_id, -1), seed
                newest[sys_id] = updates
            for sys_id, updates in newest.items():
                assert updates == count(place.instance.visible()[sys_id]), seed
            ids = {event.detail["id"]: (event.detail["sys_id"], event.detail["updates"]) for event in place.bus.events}
            assert len(ids) == len(set(place.bus.told)), seed
            completed += place.completed
            told += len(place.bus.events)

    assert completed > 100
    assert told > 100
