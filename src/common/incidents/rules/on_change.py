"""The entries `on_change` and `object`: what a change in ServiceNow does to the object that a record is about."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from common.incidents.expressions import Expression
from common.incidents.rules.table import RuleTable, is_tables

CHANGE = "on_change"
"""How the name of a field begins that stands in an entry of that list; its number follows, from 1 on."""

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

_TEXTS = ("match", "action", "set", "feedback")


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


def read_object(table: RuleTable) -> dict[str, Expression]:
    """Return the expressions that name the object of AWS."""
    found = {}
    for name, source in table.section("object").items():
        if name not in PARTS:
            table.wrong(f"object.{name}", f"is not known; the entries are {', '.join(PARTS)}")
        elif (expression := table.parse(f"object.{name}", source)) is not None:
            found[name] = expression
    return found


def read_on_change(table: RuleTable) -> tuple[OnChange, ...]:
    """Return what changes in ServiceNow do."""
    entries = table.content.get(CHANGE, [])
    if not is_tables(entries):
        table.wrong(CHANGE, "is no list of tables")
        return ()
    return tuple(_read_entry(table, number, entry) for number, entry in enumerate(entries, start=1))


def _read_entry(table: RuleTable, number: int, content: Mapping[str, Any]) -> OnChange:
    inside = RuleTable(table.place, content, table.tables)
    inside.check_names(("to", "close_code", *_TEXTS), _TEXTS)
    to, codes = inside.names("to"), inside.names("close_code")
    action, value, feedback = (str(content.get(name, "")) for name in ("action", "set", "feedback"))
    if not to:
        inside.wrong("to", f"is missing; it is one or several of {', '.join(BECOMES)}")
    for name in to:
        if name not in BECOMES:
            inside.wrong("to", f"has {name}, which is none of {', '.join(BECOMES)}")
    if action not in ACTIONS:
        inside.wrong("action", f"is {action or 'missing'}; the actions are {', '.join(ACTIONS)}")
    elif "set" not in content or value not in ("", *ACTIONS[action]):
        inside.wrong("set", f"is {value or 'missing'}; {action} can set {', '.join(ACTIONS[action])}")
    if feedback and (action != "guardduty" or feedback not in FEEDBACK):
        inside.wrong("feedback", f"is {feedback}; it is one of {', '.join(FEEDBACK)}, for the action guardduty")
    condition = inside.expression_without_tags("match")
    for mistake in inside.mistakes:
        table.wrong(f"{CHANGE} {number}, {mistake.field}", mistake.why)
    return OnChange(
        to=frozenset(to),
        action=action,
        value=value,
        close_codes=frozenset(codes),
        condition=condition,
        feedback=feedback,
    )


def check_objects(table: RuleTable, entries: Iterable[OnChange], named: Collection[str]) -> None:
    """Note actions on an object that the rule does not name."""
    for action in sorted({entry.action for entry in entries} & NEEDS.keys()):
        if not any(set(way) <= set(named) for way in NEEDS[action]):
            ways = " or ".join(" and ".join(way) for way in NEEDS[action])
            table.wrong(CHANGE, f"has the action {action}, for which object has to name {ways}")
