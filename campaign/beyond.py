"""Faults 97 to 102, and histories with several of them at once."""

from collections.abc import Callable, Collection, Mapping
from typing import Any
from unittest.mock import patch

from campaign.api import api_of, call
from campaign.catalogue import fault
from campaign.environment import KilledError
from campaign.servicenow_api import reconciled
from campaign.world import World
from common import intake
from common.clock import Deadline
from common.doors.message import read_event
from common.incidents.adopt import adopt
from tests.integration.api.gateway import ALICE, BOB


def _resolving_patch(world: World, **what: Any) -> None:  # noqa: ANN401 (those of Fault)
    world.send(world.alarm("patched", "ALARM", minutes=1))
    world.expect_outcome(world.invoke(), "done")
    world.fault(method="PATCH", table="incident", **what)
    world.send(world.alarm("patched", "OK", minutes=2))
    reconciled(world, world.invoke(), "later")


@fault(97, "a PATCH committed without an answer", "C, no note twice")
def unanswered_patch(world: World) -> None:
    """Resolving, and reopening with a note."""
    lost: dict[str, Any] = world.pick({"connection": "abort"}, {"connection": "close"}, {"status": 502})
    if world.toss():
        _resolving_patch(world, commit=True, **lost)
        return
    for minute, value in ((1, "ALARM"), (2, "OK")):
        world.send(world.alarm("returns", value, minutes=minute))
        world.expect_outcome(world.invoke(), "done")
    world.fault(method="PATCH", table="incident", commit=True, **lost)
    world.send(world.alarm("returns", "ALARM", minutes=3))
    reconciled(world, world.invoke(), "later")
    [row] = world.incidents()
    notes = world.simulator.journal(row["sys_id"], "work_notes")
    world.expect(len(notes) == 1, f"{len(notes)} notes")


@fault(98, "a PATCH that commits 45 s late, behind a newer resolve", "the newer state stays", seeds=6)
def late_patch(world: World) -> None:
    """Nothing is sent past a write that may still be under way."""
    for minute, value in ((1, "ALARM"), (2, "OK")):
        world.send(world.alarm("late", value, minutes=minute))
        world.expect_outcome(world.invoke(), "done")
    world.fault(method="PATCH", table="incident", connection="hang", commit_after=45.0)
    world.send(world.alarm("late", "ALARM", minutes=3))
    world.expect_outcome(world.invoke(), "later")
    world.send(world.alarm("late", "OK", minutes=4))
    world.expect_outcome(world.invoke(world.environment()), "later")
    world.settle()
    [row] = world.incidents()
    world.expect(row["state"] == "6", f"the state is {row['state']}")


@fault(99, "a message that kills the function", "its neighbours get through", seeds=5)
def killer(world: World) -> None:
    """One kills it while it is parsed, another while it is applied: records received often are handled alone."""
    neighbours = [world.alarm(f"neighbour-{index}", "ALARM", minutes=index) for index in range(8)]
    killers = [world.alarm(name, "ALARM", minutes=20) for name in ("killer of the parser", "killer of the desk")]
    world.send(*neighbours, *killers)
    with patch.object(intake, "read_event", _killed_by("killer of the parser", read_event)):
        for _ in range(60):
            if len(world.queue) == len(killers):
                break
            world.queue.wait()
            environment = world.environment()
            environment.dies_of = b"killer of the desk"
            world.invoke(environment)
    world.expect(len(world.incidents()) == 8, f"{len(world.incidents())} of eight neighbours got through")
    world.environment()
    world.settle()


def _killed_by(word: str, read_event: Callable[..., Mapping[str, Any]]) -> Callable[..., Mapping[str, Any]]:
    def read(body: str, *topics: Collection[str]) -> Mapping[str, Any]:
        if word in body:
            raise KilledError
        return read_event(body, *topics)

    return read


@fault(100, "the ledger is lost, or restored from an older day", "adopted, none opened twice", seeds=8)
def lost_ledger(world: World) -> None:
    """It is rebuilt from the open records."""
    number = world.random.randint(2, 8)
    events = [world.alarm(f"lost-{index}", "ALARM", minutes=index) for index in range(number)]
    world.send(*events)
    world.settle()
    older = world.items() if world.toss() else {}
    world.send(*(world.alarm(f"lost-{index}", "ALARM", minutes=30 + index) for index in range(number)))
    world.settle()
    for problem in world.items():
        world.aws("dynamodb").delete_item(TableName=world.table, Key={"pk": {"S": problem}})
    for item in older.values():
        world.aws("dynamodb").put_item(TableName=world.table, Item=item)
    bridge = world.warm.function.bridge
    deadline = Deadline.after(world.clock, 600.0)
    outcomes = list(
        adopt(bridge.ledger, bridge.records, deployment=bridge.deployment, table="incident", deadline=deadline)
    )
    world.expect(len(outcomes) == number, f"{len(outcomes)} of {number} were looked at")
    world.send(*events, *(world.alarm(f"lost-{index}", "OK", minutes=50 + index) for index in range(number)))
    world.settle()
    states = [row["state"] for row in world.incidents()]
    world.expect(states == ["6"] * number, f"the incidents are in the states {states}")


@fault(101, "a caller uses another caller's or AWS's dedup key", "a different problem", seeds=4)
def foreign_key(world: World) -> None:
    """Keys carry their origin."""
    world.send(world.alarm("shared", "ALARM", minutes=1))
    world.expect_outcome(world.invoke(), "done")
    [item] = world.items().values()
    key = item["dedup_key"]["S"] if world.toss() else "shared"
    api = api_of(world)
    body = {"short_description": "The disk is full"}
    replies = [call(world, api, "POST", "/incidents", body, key=key, caller=caller) for caller in (ALICE, BOB)]
    world.expect([reply.status for reply in replies] == [201, 201], "a caller is refused")
    world.expect(len({reply.json["sys_id"] for reply in replies}) == 2, "two callers share a record")
    world.expect(len(world.incidents()) == 3, f"{len(world.incidents())} incidents instead of three")
    world.environment()
    world.send(world.alarm("shared", "OK", minutes=2))
    world.expect_outcome(world.invoke(), "done")
    states = sorted(row["state"] for row in world.incidents())
    world.expect(states == ["1", "1", "6"], f"the incidents are in the states {states}")


@fault(102, "equal timestamps", "firing wins")
def equal_times(world: World) -> None:
    """In any order, in one batch or in two."""
    pair = [world.alarm("equal", value, minutes=1) for value in ("OK", "ALARM")]
    world.random.shuffle(pair)
    for event in pair:
        world.send(event)
        if world.toss():
            world.invoke()
    world.settle()
    states = [row["state"] for row in world.incidents()]
    world.expect(states == ["1"], f"the incidents are in the states {states}")
