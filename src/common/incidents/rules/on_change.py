"""What a change in ServiceNow does to the object of AWS that a record is about: entries of a rule. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from common.incidents.expressions import Expression

BECOMES = ("opened", "new", "in_progress", "on_hold", "resolved", "closed", "canceled", "reopened")
"""What a record can become. A record that a person takes up again is `reopened` and, say, `in_progress` at once."""

ACTIONS: Mapping[str, tuple[str, ...]] = {
    "securityhub": ("NEW", "NOTIFIED", "RESOLVED", "SUPPRESSED"),
    "opsitem": ("Open", "InProgress", "Resolved"),
    "guardduty": ("ARCHIVED", "CURRENT"),
    "accessanalyzer": ("ARCHIVED", "ACTIVE"),
}
"""The actions that there are, by the name that the parameter RecordActions lists, with what each can set."""

NEEDS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "securityhub": (("id", "product_arn"), ("metadata_uid",)),
    "opsitem": (("id",),),
    "guardduty": (("id",),),
    "accessanalyzer": (("id", "analyzer_arn"),),
}
"""What each action has to know of the object, in one of several ways: entries of `object` in a rule."""

PARTS = tuple(dict.fromkeys(part for ways in NEEDS.values() for way in ways for part in way))
"""The entries of `object` that there are."""

FEEDBACK = ("USEFUL", "NOT_USEFUL")
"""What can be told of a finding's use: GuardDuty's own words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnChange:
    """One entry: where a record becomes one of `to`, with one of `close_codes` if any is given, `action` sets `value`.

    `condition` sees the event that tells of the change. An empty `value` leaves the object as it is.
    """

    to: frozenset[str]
    action: str
    value: str
    close_codes: frozenset[str] = frozenset()
    condition: Expression | None = None
    feedback: str = ""

    def holds(self, became: Collection[str], close_code: str, event: Mapping[str, Any]) -> bool:
        """Tell whether this entry is about a change."""
        return (
            not self.to.isdisjoint(became)
            and (not self.close_codes or close_code in self.close_codes)
            and (self.condition is None or self.condition.holds(event))
        )


def chosen(
    entries: Sequence[OnChange], became: Collection[str], close_code: str, event: Mapping[str, Any]
) -> tuple[OnChange, ...]:
    """Return the entries that count for a change: of each action the first that is about it, if that sets anything."""
    first: dict[str, OnChange] = {}
    for entry in entries:
        if entry.action not in first and entry.holds(became, close_code, event):
            first[entry.action] = entry
    return tuple(entry for entry in first.values() if entry.value)
