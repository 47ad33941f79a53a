"""Faults 69 to 79: what Lambda, SQS and EventBridge can do."""

import contextlib
import itertools
import threading
from typing import Any

from campaign.catalogue import fault
from campaign.servicenow_api import reconciled
from campaign.world import World

_DAY = 86_400


@fault(69, "3 s left at the start", "Q")
def little_time(world: World) -> None:
    """Nothing is begun that could not be written down any more."""
    world.send(*(world.alarm(f"short-{index}", "ALARM", minutes=index) for index in range(world.random.randint(1, 5))))
    found = world.invoke(seconds=3.0)
    world.expect_outcome(found, "later")
    world.expect(world.api_calls() == 0, "a call was begun")
    world.settle()


@fault(70, "killed in mid-POST", "C")
def killed(world: World) -> None:
    """Before the request left, or after it was carried out."""
    name, method = "killed", world.pick("POST", "PATCH")
    if method == "PATCH":
        world.send(world.alarm(name, "ALARM", minutes=1))
        world.expect_outcome(world.invoke(), "done")
    world.warm.kill = (world.pick("before", "after"), method)
    world.send(world.alarm(name, "ALARM" if method == "POST" else "OK", minutes=2))
    reconciled(world, world.invoke(), "killed")


@fault(71, "thawed with a dead connection", "R")
def thawed(world: World) -> None:
    """A new connection is made."""
    world.expect_outcome(world.fire(), "done")
    world.warm.break_connections()
    world.clock.advance(world.pick(1.0, 14.0, 900.0))
    world.expect_outcome(world.fire(), "done")


@fault(72, "clock off by an hour", "R")
def wrong_clock(world: World) -> None:
    """Ahead or behind, from the start or in between; locks are judged by another clock."""
    hour = world.pick(3600.0, -3600.0)
    if world.toss():
        world.expect_outcome(world.fire(), "done")
    world.clock.jump(hour)
    world.expect_outcome(world.fire(), "done")
    world.fault(method="POST", table="incident", connection="hang", commit_after=30.0)
    world.send(world.alarm("off", "ALARM", minutes=5))
    world.expect_outcome(world.invoke(), "later")
    world.clock.jump(-2 * hour)
    world.environment()
    reconciled(world, world.invoke(), "later", "done")


@fault(73, "the same message twice", "one record")
def twice(world: World) -> None:
    """One after the other, or in one batch."""
    event = world.alarm("twice", "ALARM", minutes=1)
    for _ in range(world.random.randint(2, 4)):
        world.send(event)
        if world.toss():
            world.invoke()
    world.settle()
    world.expect(len(world.incidents()) == 1, f"{len(world.incidents())} incidents")
    world.expect(world.api_calls("POST") == 1, "more than one insert")


@fault(74, "the same message at once in two environments", "one record")
def at_once(world: World) -> None:
    """Both have read that there is nothing."""
    event = world.alarm("at-once", "ALARM", minutes=1)
    workers = world.random.randint(2, 3)
    environments = [world.environment() for _ in range(workers)]
    world.send(*(event for _ in range(workers)))
    batches = [world.queue.receive(1) for _ in range(workers)]
    gate = threading.Barrier(workers)
    have_read = [0]

    def all_read_first(operation: str, arguments: dict[str, Any]) -> None:
        problem = arguments.get("Key", {}).get("pk", {}).get("S", "/")
        if operation == "dynamodb.GetItem" and "/" not in problem and have_read[0] < workers:
            have_read[0] += 1
            with contextlib.suppress(threading.BrokenBarrierError):
                gate.wait(5.0)

    world.stage.aws_faults.append(all_read_first)

    world.at_once(lambda number: world.deliver(batches[number], environments[number]), workers)
    world.settle()
    world.expect(len(world.incidents()) == 1, f"{len(world.incidents())} incidents")


@fault(75, "the same message after 15 days", "one record")
def much_later(world: World) -> None:
    """The ledger still knows it, whether the problem is over or not; and if it is not, two months later, too."""
    event = world.alarm("old", "ALARM", minutes=1)
    world.send(event)
    world.expect_outcome(world.invoke(), "done")
    is_over = world.toss()
    if is_over:
        world.send(world.alarm("old", "OK", minutes=2))
        world.expect_outcome(world.invoke(), "done")
    calls = world.api_calls()
    world.clock.advance(15 * _DAY)
    world.expire_items()
    world.send(event)
    world.expect_outcome(world.invoke(world.environment()), "done")
    world.expect(world.api_calls() == calls, "ServiceNow was called")
    if is_over:
        return
    world.clock.advance(60 * _DAY)
    world.expire_items()
    world.send(world.alarm("old", "OK", minutes=75 * _DAY / 60))
    world.expect_outcome(world.invoke(world.environment()), "done")
    states = [row["state"] for row in world.incidents()]
    world.expect(states == ["6"], f"the incidents are in the states {states}")


@fault(76, "OK before ALARM", "the state that order would have given")
def wrong_order(world: World) -> None:
    """An episode that was over before it was seen leaves nothing, or something resolved."""
    world.send(world.alarm("order", "OK", minutes=2))
    world.invoke()
    world.send(world.alarm("order", "ALARM", minutes=1))
    world.invoke()
    world.settle()
    world.expect(all(row["state"] == "6" for row in world.incidents()), "something is open")


@fault(77, "ALARM, OK, ALARM in any order", "the state that order would have given")
def any_order(world: World) -> None:
    """All orders, in batches of any size."""
    states = world.pick("AOA", "AOAO", "OAOA")
    events = [
        world.alarm("any", "ALARM" if letter == "A" else "OK", minutes=minute) for minute, letter in enumerate(states)
    ]
    order = world.pick(*itertools.permutations(events))
    for event in order:
        world.send(event)
        if world.toss():
            world.invoke()
    world.settle()
    still_open = [row for row in world.incidents() if row["state"] in {"1", "2", "3"}]
    world.expect(len(still_open) == (states[-1] == "A"), f"{len(still_open)} open incidents after {states}")


@fault(78, "INSUFFICIENT_DATA, and OK after it", "nothing opened, nothing resolved that was not open")
def insufficient_data(world: World) -> None:
    """It says neither that the problem is there nor that it is over."""
    opened = world.toss()
    if opened:
        world.send(world.alarm("data", "ALARM", minutes=1))
        world.invoke()
    world.send(world.alarm("data", "INSUFFICIENT_DATA", minutes=2))
    world.expect_outcome(world.invoke(), "done")
    states = [row["state"] for row in world.incidents()]
    world.expect(states == (["1"] if opened else []), f"the incidents are in the states {states}")
    world.send(world.alarm("data", "OK", minutes=3))
    world.expect_outcome(world.invoke(), "done")
    states = [row["state"] for row in world.incidents()]
    world.expect(states == (["6"] if opened else []), f"the incidents are in the states {states}")


@fault(79, "the same state again", "no second note")
def again(world: World) -> None:
    """Also with a newer time."""
    world.send(world.alarm("again", "ALARM", minutes=1))
    world.invoke()
    calls = world.api_calls()
    for minute in range(2, world.random.randint(3, 6)):
        world.send(world.alarm("again", "ALARM", minutes=minute))
        world.invoke()
    world.expect(world.api_calls() == calls, "ServiceNow was called")
