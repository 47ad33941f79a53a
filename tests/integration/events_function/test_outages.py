"""ServiceNow is away for hours: the real handler at a queue in memory, on a clock that is moved on."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import cycle, pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import TransientError
from common.queue import pause_before_return
from local.simulator import Fault, Simulator
from tests.support.disks import disk, fill
from tests.support.function import Account

HOUR, DAY = 3600.0, 86_400.0
SECONDS_BETWEEN_PROBES = 30.0
LONGEST_CALL = 10.0
IS_OPEN = {"1", "2", "3"}

pytestmark = pytest.mark.no_cover  # every line is covered elsewhere, and measuring doubles the time

type Events = dict[str, list[dict[str, Any]]]


def _flapping(problems: int, events: int, now: float) -> Events:
    """Return disks that were full and fine in turn before `now`; every other one is full in the end."""
    return {
        f"disk-{number}": [
            disk(f"disk-{number}", now - 7200 + 60 * index, is_full=bool((index + number) % 2))
            for index in range(events)
        ]
        for number in range(problems)
    }


def _queue_up(aws: Account, events: Events) -> None:
    bodies = [json.dumps(event) for group in events.values() for event in group]
    Random(1).shuffle(bodies)  # noqa: S311 (no secrets)
    for body in bodies:
        aws.put(body)


def _fires(event: dict[str, Any]) -> bool:
    return bool(event["detail"]["state"] == "full")


def _open(servicenow: Simulator) -> list[str]:
    """Return the names of the disks that have an open incident, one for each incident."""
    incidents = [record for record in servicenow.records("incident") if record["state"] in IS_OPEN]
    return sorted(record["short_description"] for record in incidents)


@dataclass(frozen=True)
class Outage:
    """How long ServiceNow is away, what its callers see, and how many problems with ten messages each wait."""

    hours: int
    problems: int
    seen: Mapping[str, Any]


# The 10 000 messages of the catalogue are those of `make faults`.
OUTAGES = {
    "4 hours, 2 500 messages, 503": Outage(4, 250, {"on": "any", "status": 503}),
    "24 hours, 1 000 messages, hibernating": Outage(24, 100, {"on": "api", "content": "hibernating"}),
}


@pytest.mark.parametrize("outage", OUTAGES.values(), ids=list(OUTAGES))
def test_fault_67_an_outage_of_hours_loses_nothing(aws: Account, outage: Outage) -> None:
    """Nothing is given up, only probes disturb ServiceNow, and everything is delivered soon after it is back."""
    function = aws.environment()
    fill(aws, "before")
    aws.poll_until(function)
    before = aws.servicenow.records("incident")
    began = aws.clock.now()
    events = _flapping(outage.problems, 10, began)
    _queue_up(aws, events)
    aws.servicenow.add_fault(Fault(times=None, **outage.seen))

    aws.poll_until(function, began + outage.hours * HOUR)
    assert aws.servicenow.records("incident") == before
    probes = _probes(aws.servicenow)
    assert len(probes) > outage.hours
    assert all(later - earlier >= SECONDS_BETWEEN_PROBES - 1 for earlier, later in pairwise(probes))
    aws.servicenow.clear_faults()
    aws.poll_until(function)

    assert len(aws.dead_letters) == len(aws.queue.dead_letters) == len(aws.queue.expired) == 0
    assert aws.queue.most_received < 1000
    assert _open(aws.servicenow) == ["before", *sorted(name for name, group in events.items() if _fires(group[-1]))]
    assert aws.clock.now() - began < (outage.hours + 2) * HOUR


def _probes(servicenow: Simulator) -> list[float]:
    """Return when ServiceNow began to be asked; the tries of one call, and what opened the circuit, count once."""
    calls = [call.started for call in servicenow.calls]
    return [later for earlier, later in pairwise([0.0, *calls]) if later - earlier > LONGEST_CALL]


def test_messages_that_need_no_write_do_not_close_the_circuit(aws: Account) -> None:
    """What the ledger knows already goes through as a probe, but says nothing about ServiceNow."""
    function = aws.environment()
    known = json.dumps(disk("known", aws.clock.now(), is_full=True))
    aws.put(known)
    aws.poll_until(function)
    aws.servicenow.add_fault(Fault(on="any", times=None, status=503))
    for index in range(5):
        fill(aws, f"new-{index}")
        aws.poll(function)
    calls = len(aws.servicenow.calls)
    aws.clock.advance(SECONDS_BETWEEN_PROBES + 1)
    for _ in range(5):
        aws.put(known)
        aws.poll(function)
    aws.clock.advance(10)
    for index in range(5, 10):
        fill(aws, f"new-{index}")
        aws.poll(function)
    assert len(aws.servicenow.calls) == calls + 1


@given(
    arrives=st.floats(0.0, 3 * DAY),
    lasts=st.floats(0.0, 3 * DAY),
    tries=st.lists(st.tuples(st.floats(0.0, 1.0), st.none() | st.floats(0.0, 140.0)), min_size=1, max_size=50),
)
def test_fault_67_three_days_of_maintenance_in_a_week_are_outlasted(
    arrives: float, lasts: float, tries: list[tuple[float, float | None]]
) -> None:
    """Whenever a message arrives and whatever its tries meet, it is back an hour after the end at the latest.

    A try fails at an open circuit, or after a lock of up to 140 s. The queue keeps messages for seven days.
    """
    now, receives = arrives, 0
    turns = cycle(tries)
    while now < lasts:
        receives += 1
        sample, asked = next(turns)
        error = TransientError("Down.", action="Wait.", retry_after=asked)
        now += pause_before_return(receives, error, held=False, sample=sample)
    assert receives < 1000
    assert now <= max(arrives, lasts + HOUR)
    assert now - arrives < 7 * DAY
