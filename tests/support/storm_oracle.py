"""What must hold in a storm, or where one problem covers another.

Every problem is told in a record that is open while it fires, and in no other.
"""

import json
from collections.abc import Mapping

from common.incidents.alert import Alert, Status
from common.incidents.gathering import member_of
from common.incidents.item import problem_of
from tests.support.servicenow import Row
from tests.support.world import KEY, Scenario, World

type Items = Mapping[str, dict[str, dict[str, str]]]


def broken_on_the_way(scenario: Scenario, world: World) -> str:
    """Return what is wrong although work still goes on; empty where nothing is."""
    problems = {problem_of("deployment", alert.key) for alert in scenario.alerts}
    own = [row for row in world.servicenow.rows if problem_in(row) in problems]
    gathering = [row for row in world.servicenow.rows if problem_in(row) not in problems]
    is_open = [problem_in(row) for row in own if row.is_open]
    storm = scenario.alerts[0].storm
    more_than = len(problems) if storm is None else storm.more_than
    notes = world.servicenow.notes
    wrongs = {
        "the desk raised something that is no error of the vocabulary": world.defects > 0,
        "two records of one problem are open": len(set(is_open)) < len(is_open),
        "two records of storms are open": sum(row.is_open for row in gathering) > 1,
        "more problems have a record of their own than the bound": len({*map(problem_in, own)}) > more_than,
        "there is a storm of no more problems than the bound": bool(gathering) and len(problems) <= more_than,
        "a note was written twice": len(set(notes)) < len(notes),
        "an event was given up although nothing was refused": bool(world.dead) and not world.refused,
    }
    return next((name for name, is_wrong in wrongs.items() if is_wrong), "")


def broken_at_rest(scenario: Scenario, world: World) -> str:
    """Return what is wrong now that nothing is left to be done; empty where nothing is."""
    items = {pk: json.loads(item) for pk, item in world.others}
    if world.ledger is not None:
        items[problem_of("deployment", KEY)] = json.loads(world.ledger)
    keys = list(dict.fromkeys(alert.key for alert in scenario.alerts))
    for key in keys:
        if broken := _wrong_problem(key, scenario, world, items):
            return broken
    needed = {problem for key in keys if _fires(key, scenario, world) for problem in _told_of(key, items)}
    if any(row.is_open and problem_in(row) not in needed for row in world.servicenow.rows):
        return "a record is open although all in it is over"
    return ""


def _fires(key: str, scenario: Scenario, world: World) -> bool:
    return _newest(key, scenario, world).status is Status.FIRING


def _newest(key: str, scenario: Scenario, world: World) -> Alert:
    kept = (alert for event, alert in enumerate(scenario.alerts) if alert.key == key and event not in world.dead)
    return max(kept, key=lambda alert: alert.order)


def _told_of(key: str, items: Items) -> set[str]:
    """Return the problems and storms whose records may be open because a problem fires."""
    problem = problem_of("deployment", key)
    joined = items[problem].get("joined")
    return {problem} if joined is None else {problem, problem_of("deployment", joined["S"])}


def _wrong_problem(key: str, scenario: Scenario, world: World, items: Items) -> str:
    newest = _newest(key, scenario, world)
    problem = problem_of("deployment", key)
    item = items[problem]
    if "operation" in item:
        return "the ledger still waits for a write"
    if int(_orders(item).get("-", "-1")) < newest.order:
        return "an event was lost"
    told = problem
    if "joined" in item and "is_child" not in item:
        told = problem_of("deployment", item["joined"]["S"])
        if int(_orders(items[told]).get(member_of(key, "-"), "-1")) < newest.order:
            return "the storm was not told of a problem that has joined it"
    is_open = any(row.is_open and problem_in(row) == told for row in world.servicenow.rows)
    if newest.status is Status.FIRING and not is_open:
        return "no record is open although the problem is there"
    return ""


def problem_in(row: Row) -> str:
    """Return the hash of the problem that a record names."""
    return row.correlation_id.partition("-")[0]


def _orders(item: Mapping[str, object]) -> dict[str, str]:
    stored: dict[str, dict[str, str]] = item["orders"]["M"]  # type: ignore[index] # as the ledger stores it
    return {member: order["N"] for member, order in stored.items()}
