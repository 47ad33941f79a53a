"""Faults 108 to 111: what goes wrong while many problems are told in one record, or while one covers another."""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import common.bridge.events
from campaign.catalogue import fault
from campaign.history import OPEN_STATES
from campaign.stage import refusal
from campaign.world import World, rules
from common.incidents.rules import Rules
from common.incidents.rules.reading import read_override

_BOUND = 3
_STORM = {"storm": {"more_than": _BOUND, "within": "1h"}}
_COVERS = {"match": "detail.alarmName == 'zone'", "covers": ["starts_with(detail.alarmName, 'covered')"]}


@contextmanager
def having(**override: object) -> Iterator[None]:
    """Let the functions have an override beside the shipped rules."""
    read, mistakes = read_override("own.toml, override 1", override, frozenset({"incident"}))
    if read is None:
        raise ValueError(mistakes)
    ruled = Rules(tuple(rules()), [read])
    with patch.object(common.bridge.events, "rules_to_run", lambda *_: ruled):
        yield


def _say(world: World, number: int, value: str, minutes: float) -> None:
    world.send(*(world.alarm(f"stormy-{index}", value, minutes=minutes) for index in range(number)))


def _expect_storm(world: World, number: int) -> None:
    """Expect as many records of their own as the bound at most, one of the storm, and children that are known to it."""
    world.settle()
    incidents = world.incidents()
    storms = [row for row in incidents if row["short_description"].startswith("Storm: ")]
    world.expect(len(storms) == 1, f"{len(storms)} records of a storm of {number} problems")
    world.expect(len(incidents) <= _BOUND + 1, f"{len(incidents)} records instead of {_BOUND + 1} at most")
    parents = {row["parent_incident"] for row in incidents if row not in storms} - {""}
    world.expect(parents <= {storms[0]["sys_id"]}, "a child has another parent")


def _expect_over(world: World, number: int) -> None:
    _say(world, number, "OK", 20)
    world.settle()
    world.expect(not [row for row in world.incidents() if row["state"] in OPEN_STATES], "a record stays open")
    world.expect(not world.dead_letters(), "a message was given up")


@fault(108, "killed again and again in a storm", "C: one record of the storm, and all is over in the end")
def killed_in_a_storm(world: World) -> None:
    """Before or after whatever it sends, in one of several environments."""
    number = world.random.randint(_BOUND + 2, 12)
    with having(**_STORM):
        world.environment()
        _say(world, number, "ALARM", 1)
        for _ in range(world.random.randint(1, 4)):
            world.warm.kill = (world.pick("before", "after"), world.pick("POST", "PATCH"))
            world.invoke(world.pick(world.warm, world.environment()))
            world.queue.wait()
        for environment in world.environments:
            environment.kill = None
        _expect_storm(world, number)
        world.warm.kill = (world.pick("before", "after"), "PATCH")
        _expect_over(world, number)


@fault(
    109, "ServiceNow down when a storm begins", "Q: what was tried before is not counted twice, one record of the storm"
)
def down_in_a_storm(world: World) -> None:
    """Whatever is carried out all the same."""
    number = world.random.randint(_BOUND + 2, 12)
    with having(**_STORM):
        world.environment()
        world.fault(on="api", times=world.random.randint(2, 6), status=503, commit=world.toss())
        _say(world, number, "ALARM", 1)
        world.invoke()
        world.mend()
        world.settle()
        storms = [row for row in world.incidents() if row["short_description"].startswith("Storm: ")]
        world.expect(len(storms) <= 1, f"{len(storms)} records of a storm")
        _expect_over(world, number)


@fault(110, "the count of a storm throttled or refused", "Q or H: nothing opens uncounted")
def count_away(world: World) -> None:
    """DynamoDB takes no more updates, for a while or until a right is mended."""
    number = world.random.randint(_BOUND + 2, 10)
    code = world.in_turn("ProvisionedThroughputExceededException", "AccessDeniedException")
    with having(**_STORM):
        world.environment()
        world.aws_fault("dynamodb.UpdateItem", refusal(code))
        _say(world, number, "ALARM", 1)
        world.expect_outcome(world.invoke(), "later", "held")
        world.expect(not world.incidents(), "a record was opened uncounted")
        world.mend()
        _expect_storm(world, number)
        _expect_over(world, number)


@fault(111, "killed, or an hour off, while a problem is covered", "C: opened once the other is over, and not before")
def covered(world: World) -> None:
    """What covers it recovers in the meantime; what is covered recovers too, or does not."""
    still_fires = world.toss()
    with having(**_COVERS):
        world.environment()
        world.send(world.alarm("zone", "ALARM", minutes=1))
        world.expect_outcome(world.invoke(), "done")
        world.send(world.alarm("covered-1", "ALARM", minutes=2), world.alarm("free", "ALARM", minutes=2))
        world.warm.kill = (world.pick("before", "after"), world.pick("POST", "PATCH"))
        world.invoke()
        world.clock.jump(world.pick(3600.0, -3600.0))
        world.environment()
        for _ in range(world.random.randint(1, 5)):
            world.queue.wait()
            world.invoke()
        titles = [row["short_description"] for row in world.incidents()]
        world.expect(not [title for title in titles if "covered" in title], "a covered problem was opened")
        if not still_fires:
            world.send(world.alarm("covered-1", "OK", minutes=10))
        world.send(world.alarm("zone", "OK", minutes=20))
        world.settle()
        opened = [row for row in world.incidents() if "covered" in row["short_description"]]
        world.expect(len(opened) == still_fires, f"{len(opened)} records of a problem that was covered")
        world.expect(not world.dead_letters(), "a message was given up")
