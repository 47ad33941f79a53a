"""What must hold, whatever happened on the way: the specification of "one incident per problem"."""

from itertools import pairwise

from common.incidents.alert import ONLY_MEMBER, Alert, OnRecovery, OnRepeat, OnReturn, Policy, Status, is_firing
from common.incidents.due import hour_of
from tests.support.clock import EPOCH
from tests.support.world import Scenario, World


def broken_on_the_way(scenario: Scenario, world: World) -> str:
    """Return what is wrong although work still goes on; empty where nothing is."""
    notes = world.servicenow.notes
    own = [row for row in world.servicenow.rows if row not in scenario.servicenow.rows]
    openings = {alert.fields["short_description"] for alert in scenario.alerts if alert.fields}
    wrongs = {
        "the desk raised something that is no error of the vocabulary": world.defects > 0,
        "two records are open": sum(row.is_open for row in own) > 1,
        "a note was written twice": len(set(notes)) < len(notes),
        "a foreign record was changed": not set(scenario.servicenow.rows) <= set(world.servicenow.rows),
        # A group adds how many of its members fire.
        "a record does not say what it is about": any(row.description.split(" (")[0] not in openings for row in own),
        "an event was given up although nothing was refused": bool(world.dead) and not world.refused,
        "a record was opened before its hour": len(own) > 0 and world.now < _first_hour(scenario, Status.FIRING),
        "a record was resolved before its hour": world.now < _first_hour(scenario, Status.RESOLVED)
        and world.acts == scenario.acts
        and any(not row.is_open for row in own),
    }
    return next((name for name, is_wrong in wrongs.items() if is_wrong), "")


def _first_hour(scenario: Scenario, status: Status) -> int:
    """Return the second before which nothing of that status counts, below 0 where anything counts at once."""
    hours = [hour_of(alert) // 1000 - int(EPOCH) for alert in scenario.alerts if alert.status is status]
    return min(hours, default=-1)


def broken_at_rest(scenario: Scenario, world: World) -> str:
    """Return what is wrong now that nothing is left to be done; empty where nothing is."""
    item = world.item or {"orders": {"M": {}}}
    applied = {member: int(order["N"]) for member, order in item["orders"]["M"].items()}
    kept = [alert for event, alert in enumerate(scenario.alerts) if event not in world.dead]
    newest = max(kept, key=lambda alert: alert.order, default=None)
    told = {(alert.member, alert.order) for alert in scenario.alerts}
    waits = "operation" in item
    inserted = world.servicenow.inserted - scenario.servicenow.inserted
    wrongs = {
        "an event was lost": any(applied.get(alert.member, -1) < alert.order for alert in kept),
        "the ledger holds an event that never was": not told.issuperset(applied.items()),
        "the ledger still waits for a write": waits and not world.dead,
        "a record exists that in-order delivery would not have made": inserted > _most_records(scenario, world),
        "the newest alarm can be read nowhere": not _can_be_read(newest, scenario, world),
    }
    broken = next((name for name, is_wrong in wrongs.items() if is_wrong), "")
    return broken or ("" if waits else _wrong_condition(scenario, world, fires=_fires(applied)))


def _wrong_condition(scenario: Scenario, world: World, *, fires: bool) -> str:
    is_open = any(row.is_open for row in world.servicenow.rows if row not in scenario.servicenow.rows)
    stays_open = any(alert.policy.on_recovery is not OnRecovery.RESOLVE for alert in scenario.alerts)
    if is_open and not fires and not stays_open:
        return "a record is open although the problem is over"
    # What a person did stands until something new happens; an event that was refused does not count as new.
    a_person_stands = world.servicenow.person_acted_last or (world.dead and world.acts < scenario.acts)
    if fires and not is_open and not a_person_stands:
        return "no record is open although the problem is there"
    return ""


def _can_be_read(newest: Alert | None, scenario: Scenario, world: World) -> bool:
    """Return whether the newest event, where it is an alarm that has to be noted, is in a record."""
    if newest is None or newest.status is Status.RESOLVED:
        return True
    if any(alert.member != ONLY_MEMBER for alert in scenario.alerts):
        # The title of a group's record is that of whichever member spoke last.
        return True
    if newest.policy.on_repeat is OnRepeat.IGNORE:
        return True
    if world.servicenow.discards_markers or (world.acts < scenario.acts and "delete" in scenario.act_kinds):
        return True
    said = [row.description.split(" (")[0] for row in world.servicenow.rows]
    said += [note for _, note in world.servicenow.notes]
    return newest.note in said or newest.fields["short_description"] in said


def _fires(orders: dict[str, int]) -> bool:
    return any(is_firing(order) for order in orders.values())


def _most_records(scenario: Scenario, world: World) -> int:
    """Return how many records in-order delivery could have made, one more for each act of a person.

    Where members come in another order than they spoke, the group may seem to be over in between: each alarm may then
    need a record of its own under a policy that replaces.
    """
    acts = scenario.acts - world.acts
    if "forbidden" in scenario.kinds:
        # A resolved record that refuses a change is read-only, and its return needs another.
        acts += scenario.faults - world.faults
    in_order = sorted(scenario.alerts, key=lambda alert: alert.order)
    firing = [alert.status is Status.FIRING for alert in in_order]
    episodes = sum(now and not before for before, now in pairwise([False, *firing]))
    if len({alert.member for alert in in_order}) > 1:
        episodes = sum(firing)
    replaces = any(_replaces(alert.policy) for alert in in_order)
    return (episodes if replaces else min(1, episodes)) + acts


def _replaces(policy: Policy) -> bool:
    is_short = policy.reopen_window < Policy().reopen_window
    return policy.on_recovery is OnRecovery.RESOLVE and (policy.on_return is OnReturn.REPLACE or is_short)
