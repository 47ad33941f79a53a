"""What comes back from ServiceNow: the events of the watch, and what would follow in AWS by the rules.

The local AWS has no Security Hub, no OpsItems and no GuardDuty, so that nothing is set there: what the actions function
would set is decided by its own code.
"""

import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from common.actions.change import change_in
from common.actions.decide import actions_of
from common.bridge.clients import RULES
from common.errors import PermanentError
from common.incidents.rules import Rules, load_rules
from common.incidents.rules.on_change import NEEDS
from local.simulator.choices import STATES

from .cloud import Cloud

_MOST = 50
_NAMES = {
    "securityhub": "Security Hub",
    "opsitem": "OpsItem",
    "guardduty": "GuardDuty",
    "accessanalyzer": "Access Analyzer",
}


@dataclass(frozen=True, slots=True)
class Told:
    """One change: ServiceNow's time (ISO 8601, UTC), which record, what changed, who did it, what would follow."""

    id: str
    at: str
    number: str
    changes: str
    by: str
    follows: str


class Returns:
    """Collects what the watch tells, as long as somebody looks."""

    def __init__(self, cloud: Cloud) -> None:
        """Ask `cloud`."""
        self._cloud = cloud
        self._told: deque[Told] = deque(maxlen=_MOST)

    def look(self) -> tuple[Told, ...]:
        """Return the newest changes, oldest first. Raises what the local AWS raises."""
        for event in self._cloud.record_changes():
            one = told(event)
            if one is not None and one not in self._told:
                self._told.append(one)
        return tuple(self._told)


def told(event: Mapping[str, Any]) -> Told | None:
    """Return one event of the watch in words; None for what somebody else put on the bus in its name."""
    detail = event["detail"]
    try:
        change = change_in(json.dumps(event), deployment=detail.get("deployment"))
    except PermanentError:
        return None
    actions = actions_of(change, _rules().of_record(change.rule), NEEDS.keys())
    lines = [f"{_NAMES[each.kind]} {each.value}" for each in actions if each.objects]
    return Told(
        id=detail["id"],
        at=change.time,
        number=change.number,
        changes=", ".join(_line(name, each) for name, each in change.changes.items()),
        by=f"{change.by} ({change.updated_by})",
        follows=", ".join(lines),
    )


@cache
def _rules() -> Rules:
    return load_rules(RULES, ())


def _line(field: str, change: Mapping[str, str | None]) -> str:
    def shown(side: str) -> str:
        value = change.get(f"{side}_name") or change[side]
        return (STATES.get(value, value) if field == "state" else value) if value else "none"

    return f"{field.replace('_', ' ')} {shown('old')} → {shown('new')}"
