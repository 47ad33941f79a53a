"""What is to be done for one change: the change and its rule → actions. Pure.

What a person does counts, and nothing that the bridge or another integration does; but that the bridge opened a record
is what `opened` means. It goes by what the record is now, not by what came before, so that a change that is told twice,
or that stands for several, ends in the same.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from common.actions.change import RecordChange
from common.incidents.alert import DEFAULT_TABLE
from common.incidents.rules.on_change import NEEDS, chosen
from common.incidents.rules.rule import Rule

BRIDGE = "bridge"
PEOPLE = frozenset({"person", "several"})
"""Who has to have made a change for it to count; of several updates one may be a person's."""

STATES: Mapping[str, str] = {
    "1": "new",
    "2": "in_progress",
    "3": "on_hold",
    "6": "resolved",
    "7": "closed",
    "8": "canceled",
}
"""The states of incidents: ServiceNow's own values of `state`."""

_OPEN = frozenset({"new", "in_progress", "on_hold"})


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do: `kind` sets `value` on each of `objects`, in that account and Region, because of a record."""

    kind: str
    value: str
    account: str
    region: str
    objects: tuple[Mapping[str, str], ...]
    number: str
    link: str
    feedback: str = ""
    close_code: str = ""


def became(change: RecordChange, resolved_state: str = "") -> frozenset[str]:
    """Return what the record became with a change; nothing where neither its state nor its close code is another.

    Of other tables than incidents only `resolved_state` tells what resolved means, and `active` what closed does.
    """
    now = _state(change, resolved_state)
    if change.is_first:
        return frozenset({now, "opened"} if now in _OPEN else {now} if now else ())
    if not change.changed("state") and not change.changed("active"):
        return frozenset({now} if now and now not in _OPEN and change.changed("close_code") else ())
    names = {now} if now else set()
    if now in _OPEN and _was_over(change, resolved_state):
        names.add("reopened")
    return frozenset(names)


def actions_of(change: RecordChange, rule: Rule | None, switched_on: Collection[str]) -> tuple[Action, ...]:
    """Return what is to be done, of what `switched_on` lists; nothing where the record has no rule any more."""
    if rule is None or change.by not in {BRIDGE, *PEOPLE}:
        return ()
    names = became(change, rule.policy.resolved_state)
    if change.by == BRIDGE:
        names &= {"opened"}
    close_code = change.record.get("close_code", "")
    return tuple(
        Action(
            kind=entry.action,
            value=entry.value,
            account=change.account,
            region=change.region,
            objects=tuple(each for each in change.objects if is_known(entry.action, each)),
            number=change.number,
            link=change.link,
            feedback=entry.feedback,
            close_code=close_code,
        )
        for entry in chosen(rule.on_change, names, close_code, change.event)
        if entry.action in switched_on
    )


def is_known(kind: str, named: Collection[str]) -> bool:
    """Tell whether an object is named as fully as an action needs it."""
    return any(set(way) <= set(named) for way in NEEDS[kind])


def _state(change: RecordChange, resolved_state: str) -> str:
    state = change.record.get("state", "")
    if change.table == DEFAULT_TABLE:
        return STATES.get(state, "")
    if resolved_state and state == resolved_state:
        return "resolved"
    return {"true": "new", "false": "closed"}.get(change.record.get("active", ""), "")


def _was_over(change: RecordChange, resolved_state: str) -> bool:
    before = change.changes.get("state", {}).get("old")
    if change.table == DEFAULT_TABLE:
        return before in STATES and STATES[before or ""] not in _OPEN
    return change.changes.get("active", {}).get("old") == "false" or (before is not None and before == resolved_state)
