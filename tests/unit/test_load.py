"""What `make load` counts, and what it would not let pass."""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from campaign.load.drive import Course, Look
from campaign.load.failures import WAYS, failures
from campaign.load.memory import Growth, Reading, growth, worker_of
from campaign.load.outcome import Account, Found, account, bounds, numbers
from campaign.load.traffic import Traffic, identity
from common.incidents.alert import dedup_key, order_key
from common.incidents.item import problem_of
from local.alarms import alarm_event
from local.emulator import ACCOUNT, REGION
from local.simulator.calls import Call
from local.simulator.faults import FaultQueue
from local.simulator.messages import Request
from local.stack import DEPLOYMENT

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MEBIBYTE = 1 << 20


def event(name: str, state: str, second: int) -> dict[str, Any]:
    """Return an event of the alarm `name` that happened `second` seconds after noon."""
    made = alarm_event(state, name=name, at=NOW + timedelta(seconds=second))
    made |= {"account": ACCOUNT, "region": REGION, "time": made["detail"]["state"]["timestamp"]}
    made["detail"]["state"]["reason"] = f"{name} {state} {second}"
    return made


def problem(name: str) -> str:
    """Return the name of that alarm's problem in ledger and ServiceNow."""
    key = dedup_key(ACCOUNT, REGION, "aws.cloudwatch", "cloudwatch-alarm", name)
    return problem_of(DEPLOYMENT, key)


DELIVERIES = [
    *(event("fires", "ALARM", 1), event("fires", "OK", 2), event("fires", "ALARM", 3), event("fires", "ALARM", 3)),
    *(event("over", "ALARM", 1), event("over", "OK", 4)),
    event("never fired", "OK", 2),
]


def item(second: int, *, firing: bool) -> dict[str, Any]:
    """Return a settled item of the ledger whose newest event is that one."""
    at = int((NOW + timedelta(seconds=second)).timestamp() * 1000)
    return {"orders": {"M": {"-": {"N": str(order_key(at, firing=firing))}}}}


def record(name: str, state: str, number: str) -> dict[str, str]:
    """Return an incident of that alarm."""
    title = f"{name}: TargetResponseTime 1.874 against 1.2 ({ACCOUNT}, {REGION})"
    correlation_id = f"{problem(name)}-0123456789abcdef"
    return {
        "sys_id": number,
        "number": number,
        "state": state,
        "short_description": title,
        "correlation_id": correlation_id,
    }


@dataclass
class End:
    """What a faultless bridge leaves behind, for tests to spoil."""

    dead_letters: list[Mapping[str, str]] = field(default_factory=list)
    items: dict[str, dict[str, Any]] = field(
        default_factory=lambda: {
            problem("fires"): item(3, firing=True),
            problem("over"): item(4, firing=False),
            problem("never fired"): item(2, firing=False),
        }
    )
    incidents: list[dict[str, str]] = field(
        default_factory=lambda: [record("fires", "2", "INC1"), record("over", "6", "INC2")]
    )
    notes: dict[str, list[str]] = field(default_factory=lambda: {"INC1": ["resolved", "reopened"], "INC2": []})
    still_there: int = 0
    undelivered: int = 0

    def judged(self) -> Account:
        """Return the account of `DELIVERIES`."""
        end = Found(
            self.dead_letters, self.items, self.incidents, self.notes, self.still_there, undelivered=self.undelivered
        )
        return account(DELIVERIES, end)


def count(accounted: Account) -> dict[str, int]:
    """Return what is counted as wrong, without what is not there."""
    names = ("lost", "duplicates", "notes_twice", "unexpected", "wrong", "dead_letters", "still_there", "undelivered")
    return {name: number for name in names if (number := getattr(accounted, name))}


def test_nothing_is_wrong_where_every_problem_ended_with_its_newest_event() -> None:
    """Repeated, superseded and early events need nothing of their own."""
    accounted = End().judged()
    assert count(accounted) == {}
    assert (accounted.records, accounted.problems, accounted.details) == (2, 3, [])


def forget_newest(end: End) -> None:
    """Lose the newest event, delivered twice, and be consistent about it."""
    end.items[problem("fires")] = item(2, firing=False)
    end.incidents[0]["state"] = "6"


def open_second(end: End) -> None:
    """Open a second record."""
    end.incidents.append(record("fires", "1", "INC3"))


def note_twice(end: End) -> None:
    """Write a note again."""
    end.notes["INC1"].append("reopened")


def open_unasked(end: End) -> None:
    """Open a record for a problem that never fired."""
    end.incidents.append(record("never fired", "6", "INC3"))


def leave_open(end: End) -> None:
    """Forget to resolve a record."""
    end.incidents[1]["state"] = "2"


def invent(end: End) -> None:
    """Claim to have applied an event that nobody sent."""
    end.items[problem("over")] = item(5, firing=False)


def leave_in_queue(end: End) -> None:
    """Stop before the newest event was handled, with its message still there."""
    forget_newest(end)
    end.still_there = 2


def refuse(end: End) -> None:
    """Give the newest event up both times that it came, with its reason, as the bus gave it an id."""
    refuse_once(end)
    end.dead_letters *= 2


def refuse_once(end: End) -> None:
    """Give the newest event up once, and forget that it came twice."""
    forget_newest(end)
    body = json.dumps(DELIVERIES[2] | {"id": "of the bus", "time": "of the bus"})
    end.dead_letters.append({"body": body, "Reason": "It is not wanted."})


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (forget_newest, {"lost": 2, "wrong": 1}),
        (open_second, {"duplicates": 1}),
        (note_twice, {"notes_twice": 1}),
        (open_unasked, {"unexpected": 1}),
        (leave_open, {"wrong": 1}),
        (invent, {"wrong": 1}),
        (leave_in_queue, {"still_there": 2, "wrong": 1}),
        (refuse, {"dead_letters": 2}),
        (refuse_once, {"dead_letters": 1, "lost": 1}),
    ],
)
def test_what_is_wrong_is_counted(spoil: Callable[[End], None], expected: dict[str, int]) -> None:
    """Each defect shows under its own name, and breaks a bound."""
    end = End()
    spoil(end)
    accounted = end.judged()
    assert count(accounted) == expected
    assert accounted.details or expected == {"still_there": 2}
    assert not all(bound.is_kept for bound in bounds(accounted, course(), 0.5))


def course(*, last: int = 55) -> Course:
    """Return a run of 120 s whose only worker ended it with `last` MiB."""
    run = Course(before=20, began=1000.0, failures_ended=1120.0, left=40, drained_in=80.0)
    for second, held in ((0.0, 20), (30.4, 50), (119.8, last), (140.0, 90)):
        run.readings.append(Reading(second, {"EventsFunction 7": held * MEBIBYTE}))
    states = ("CLOSED", "OPEN", "HALF_OPEN", "OPEN")
    run.looks += [Look(second, 0, 3, 4, 0, state) for second, state in enumerate(states)]
    return run


@pytest.mark.parametrize(
    ("last", "share", "kept"), [(55, 0.5, True), (56, 0.5, False), (55, 0.39, False), (55, 0.61, False)]
)
def test_memory_and_failures_have_bounds(last: int, share: float, *, kept: bool) -> None:
    """A tenth more memory is allowed; a run in which not about half of all answers failed says nothing."""
    assert all(bound.is_kept for bound in bounds(End().judged(), course(last=last), share)) is kept


def test_a_run_without_a_worker_to_look_at_keeps_no_bound() -> None:
    """Memory that was never measured did not stay."""
    run = course()
    run.readings.clear()
    assert not all(bound.is_kept for bound in bounds(End().judged(), run, 0.5))


def test_memory_is_that_of_workers_that_were_there_all_the_time() -> None:
    """One that came later or left earlier has no beginning or no end to compare."""
    readings = [
        Reading(29.0, {"stays": 100, "leaves": 100}),
        Reading(31.5, {"stays": 1, "comes": 1}),
        Reading(120.2, {"stays": 105, "comes": 300}),
    ]
    grown = growth(readings)
    assert grown == {"stays": Growth(100, 105)}
    assert grown["stays"].ratio == pytest.approx(1.05)


def test_only_processes_of_functions_are_workers() -> None:
    """They are told by the folder that the emulator gives them."""
    folder = "/x/ministack-lambda-servicenow-bridge-EventsFunction-1a2b-k_3d"
    assert worker_of(["/usr/bin/python3", f"{folder}/_worker.py"]) == "EventsFunction"
    assert worker_of(["/usr/bin/python3", "-m", "ministack"]) == ""


def test_half_of_all_answers_fail_in_every_way_equally_often() -> None:
    """Also those of the token endpoint."""
    queue = FaultQueue(3)
    for fault in failures():
        queue.add(fault)
    requests = [Request(method, path, (), {}, b"") for method, path in (("POST", "/oauth_token.do"), ("GET", "/api/x"))]
    met = [queue.take(request, "") for request in requests * 7000]
    ways = [replace(fault, probability=1.0, on="api", times=1) for fault in met if fault is not None]
    assert len(ways) == pytest.approx(7000, rel=0.05)
    assert [ways.count(way) for way in WAYS] == pytest.approx([1000] * len(WAYS), rel=0.15)


def test_traffic_flaps_repeats_itself_and_arrives_out_of_order() -> None:
    """Every event can be told from every other one."""
    traffic = Traffic(5, lambda: NOW)
    taken = traffic.take(2000)
    assert traffic.deliveries == taken
    assert traffic.events == len({identity(event) for event in taken}) < 1800
    times = [event["detail"]["state"]["timestamp"] for event in taken]
    assert times != sorted(times)
    states = Counter(event["detail"]["state"]["value"] for event in taken)
    assert set(states) == {"ALARM", "OK"}
    assert Traffic(5, lambda: NOW).take(2000) == taken


def test_rates_are_those_of_the_load_and_the_circuit_is_watched() -> None:
    """What was called before the load or after the failures' end does not count."""
    calls = [
        Call("POST", "/api/now/table/incident", started=999.5),
        Call("POST", "/api/now/table/incident", started=1001.0, fault=True, committed=True),
        Call("POST", "/api/now/table/incident", started=1002.0, fault=True),
        Call("POST", "/oauth_token.do", started=1003.0),
        Call("POST", "/api/now/table/incident", started=1120.5),
    ]
    figures = numbers(260, 200, course(), calls)
    assert (figures["deliveries_per_second"], figures["done_under_load"]) == (2.0, 200)
    assert (figures["answers_under_load"], figures["answers_failed"]) == (3, 2)
    assert figures["answers_failed_after_the_commit"] == 1
    assert figures["share_failed"] == pytest.approx(0.667)
    assert (figures["circuit_not_closed_share"], figures["circuit_openings_seen"]) == (0.75, 2)
    assert figures["drained_per_second"] == 0.5
