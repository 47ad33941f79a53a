"""What a storm's record holds, and when a problem is told there instead of in one of its own. Pure.

A problem that has joined says so in its own item (`joined`) until the storm is over. A storm is over as soon as all in
it have recovered, once and for good: no alarm is ever applied to it again. So a problem may leave it at any time after,
and whoever still tells it something loses the race for its item, or finds it over too.
"""

from collections.abc import Mapping
from copy import replace

from common.incidents.alert import ONLY_MEMBER, Alert, Fold, OnRecovery, OnRepeat, OnReturn, digest, is_firing
from common.incidents.groups import is_full
from common.incidents.item import Item
from common.incidents.storm import Storm

_OF_EACH_ALONE = frozenset({"short_description", "description", "impact", "urgency", "cmdb_ci"})


def storm_of(fold: Fold) -> Storm | None:
    """Return the storm that the newest alarm of a fold may belong to."""
    return next((alert.storm for alert in reversed(fold.alerts) if alert.storm is not None), None)


def begins(item: Item, fold: Fold) -> bool:
    """Return whether a fold would open, or open again, a record of the problem's own.

    What was tried before under a correlation id is gone on with: it has been counted.
    """
    if item.pending is not None or item.correlation_id is not None or item.fires:
        return False
    if item.record is not None and fold.newest.policy.on_recovery is not OnRecovery.RESOLVE:
        return False
    return any(map(is_firing, item.newer(fold.orders()).values()))


def gathered(fold: Fold) -> Fold:
    """Return the fold as the storm's record is told it: each of its members as one of that record's.

    ServiceNow resolves an incident's children with it, and reopens them with it: so it is replaced, never reopened.
    """
    return Fold.of(_gathered(alert, fold.key) for alert in fold.alerts)


def _gathered(alert: Alert, key: str) -> Alert:
    storm = alert.storm
    own = {name: value for name, value in alert.fields.items() if name not in _OF_EACH_ALONE}
    return replace(
        alert,
        member=member_of(key, alert.member),
        fields=own if storm is None else {**own, **storm.fields},
        note=alert.note if storm is None else storm.joining,
        policy=replace(alert.policy, on_repeat=OnRepeat.LIST, on_return=OnReturn.REPLACE, hold=0, settle=0, flapping=0),
        fingerprint="",
        quiet_note="",
        follow_ups=(),
        event={},
        object={},
    )


def member_of(key: str, member: str) -> str:
    """Return the name that a member of a problem has in a storm's record."""
    return digest(key, member)[:16]


def takes(gathering: Item, fold: Fold) -> bool:
    """Return whether a storm takes what `fold` (as `gathered` returns it) says.

    It does not where it is over and something fires, and where it is full and does not know one of them. It will never
    know it then. A write that is under way has to end first.
    """
    fires = any(is_firing(order) for order in gathering.newer(fold.orders()).values())
    if gathering.pending is not None or not fires:
        return True
    return not gathering.is_over and (not is_full(gathering) or fold.orders().keys() <= gathering.orders.keys())


def free(item: Item, gathering: Item, fold: Fold) -> Item:
    """Return the item of a problem that leaves a storm, with what that knows of it."""
    members = {ONLY_MEMBER, *item.orders, *fold.orders()}
    names = {member_of(fold.key, member): member for member in members}
    known = {names[name]: order for name, order in gathering.orders.items() if name in names}
    return replace(item, joined="", is_child=False, orders={**item.orders, **item.newer(known)})


def with_child(gathering: Item, child: Item, rest: tuple[str, ...]) -> Item:
    """Return the item of a storm that resolves only when `child` has recovered too; `rest` is still to be linked."""
    orders: Mapping[str, int] = {member_of(child.dedup_key, member): order for member, order in child.orders.items()}
    return replace(gathering.settled(orders, gathering.record), children=rest)
