"""An alarm storm of 10 000 events, beside what people write first: look up, then create."""

import json
import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPMethod
from typing import Any

from bench import parts
from bench.result import Result
from bench.storm.events import EVENTS_A_PROBLEM, PROBLEMS, Storm, rules, storm
from bench.storm.look_up_then_create import LookUpThenCreate
from bench.storm.workers import WORKERS, Cloud, Worker
from local.simulator import Fault, Simulator
from tests.support.table import breaker_on

_SEED = 4
_SHARE_OF_LOST_ANSWERS = 0.05
_CALL_SECONDS = 0.02
# The yardstick looks up every message, so it gets a tenth of the events.
_EVENTS_OF_THE_YARDSTICK = EVENTS_A_PROBLEM // 10
_IS_OPEN = frozenset({"1", "2", "3"})
_WRITES = frozenset({HTTPMethod.POST, HTTPMethod.PATCH})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a storm left behind.

    `records` are open at the end; `lost` are messages given up and problems without an open record that tells of
    their newest event; `duplicates` are records beyond a problem's first, `notes_twice` notes that were written
    before. A change that is made again, word for word, is one of `changes`.
    """

    events: int
    messages: int
    records: int
    lost: int
    duplicates: int
    notes_twice: int
    calls: int
    changes: int
    answers_lost: int

    @property
    def calls_per_change(self) -> float:
        """ServiceNow calls, look-ups included, for each change that a record went through."""
        return self.calls / self.changes

    def words(self) -> str:
        """Return what the number of calls was made of."""
        return f"{self.events} events, {self.messages} deliveries, {self.calls} calls, {self.changes} changes"


def measure() -> list[Result]:
    """Let the same kind of storm pass over the bridge and over the yardstick."""
    ours = _outcome(lambda cloud: cloud.bridge, EVENTS_A_PROBLEM)
    naive = _outcome(_yardstick, _EVENTS_OF_THE_YARDSTICK)
    lost = f"{WORKERS} workers, {ours.answers_lost} answers lost after the commit"
    targets = [
        ("storm_records", ours.records, naive.records, float(PROBLEMS), True, f"{ours.records} open, {lost}"),
        ("storm_lost", ours.lost, naive.lost, 0.0, True, f"{ours.lost} of {ours.events} events"),
        ("storm_duplicates", ours.duplicates, naive.duplicates, 0.0, True, f"{ours.duplicates} records too many"),
        ("storm_notes_twice", ours.notes_twice, naive.notes_twice, 0.0, True, f"{ours.notes_twice} notes too many"),
        ("storm_calls_per_change", ours.calls_per_change, naive.calls_per_change, 1.5, False, ours.words()),
    ]
    results = [
        Result(key, value, target, words, f"look up, then create: {beside:.3g}", exactly)
        for key, value, beside, target, exactly, words in targets
    ]
    beside = [Result(f"{key}_look_up_then_create", value, math.inf, "", naive.words()) for key, _, value, *_ in targets]
    return results + beside


def _yardstick(cloud: Cloud) -> Callable[[], Worker]:
    return lambda: LookUpThenCreate(cloud.rules, cloud.records(), cloud.event_queue())


def _outcome(workers: Callable[[Cloud], Callable[[], Worker]], events_a_problem: int) -> Outcome:
    clock = parts.MovedClock()
    with (
        breaker_on(clock.now),
        Simulator(client_id=parts.CLIENT_ID, client_secret=parts.CLIENT_SECRET, seed=_SEED, now=clock.now) as simulator,
    ):
        lost = Fault(
            probability=_SHARE_OF_LOST_ANSWERS, times=None, delay=_CALL_SECONDS, commit=True, connection="abort"
        )
        simulator.add_fault(lost)
        simulator.add_fault(Fault(times=None, delay=_CALL_SECONDS, commit=True))
        cloud = Cloud(simulator, clock, rules())
        passing = storm(_SEED, clock.now(), events_a_problem=events_a_problem)
        cloud.put(passing.deliveries)
        cloud.work(workers(cloud))
        return _counted(passing, cloud)


def _counted(passing: Storm, cloud: Cloud) -> Outcome:
    simulator = cloud.simulator
    records = simulator.records("incident")
    notes = {record["sys_id"]: simulator.journal(record["sys_id"], "work_notes") for record in records}
    is_open = [record for record in records if record["state"] in _IS_OPEN]
    texts = ["\n".join((record["description"], *notes[record["sys_id"]])) for record in is_open]
    unseen = [
        events[-1] for events in passing.problems.values() if not any(_reason(events[-1]) in text for text in texts)
    ]
    given_up = len(cloud.dead_letters) + len(cloud.queue.dead_letters) + len(cloud.queue.expired)
    calls = [call for call in simulator.calls if call.path.startswith("/api/")]
    return Outcome(
        events=sum(len(events) for events in passing.problems.values()),
        messages=len(passing.deliveries),
        records=len(is_open),
        lost=len(unseen) + given_up,
        duplicates=sum(number - 1 for number in Counter(_problem(record) for record in records).values()),
        notes_twice=sum(len(texts) - len(set(texts)) for texts in notes.values()),
        calls=len(calls),
        changes=len({(call.path, json.dumps(call.body)) for call in calls if call.committed}),
        answers_lost=sum(call.status is None and call.method in _WRITES for call in calls),
    )


def _problem(record: Mapping[str, str]) -> str:
    return record["short_description"].split()[0].rstrip(":")


def _reason(event: Mapping[str, Any]) -> str:
    reason: str = event["detail"]["state"]["reason"]
    return reason
