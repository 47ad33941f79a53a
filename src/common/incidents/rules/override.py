"""What a deployment lays over the shipped rules: who gets what, without editing them."""

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from common.incidents.alert import FollowUp
from common.incidents.expressions import Expression, Template
from common.incidents.rules.on_change import OnChange
from common.incidents.rules.rule import Rule
from common.incidents.rules.storms import StormRule


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """Changes to the rules whose names `patterns` match, for the events of which `condition` holds.

    What an override does not name stays as it is; `place` is where it stands, for a person who looks for it.
    """

    name: str
    place: str
    patterns: tuple[str, ...] = ("*",)
    condition: Expression | None = None
    drop: bool | None = None
    table: str | None = None
    severity: Expression | None = None
    group: tuple[Expression, ...] | None = None
    storm: StormRule | Literal[False] | None = None
    covers: tuple[str, ...] | None = None
    accepts: tuple[str, ...] = ()
    follow_ups: tuple[FollowUp, ...] | None = None
    runbook: Template | None = None
    fields: Mapping[str, Template]
    policy: Mapping[str, Any]
    on_change: tuple[OnChange, ...] = ()

    def concerns(self, name: str) -> bool:
        """Return whether the override is about the rule of this name at all."""
        return any(fnmatch.fnmatchcase(name, pattern) for pattern in self.patterns)

    def holds(self, rule: Rule, event: Mapping[str, Any]) -> bool:
        """Return whether the condition holds. It sees the event, `account_name`, `rule` and `severity`."""
        if self.condition is None:
            return True
        return self.condition.holds(rule.about(event))

    def tags(self, *, fields: bool) -> frozenset[str]:
        """Return the names of the tags that it asks for; with `fields` those of a new record's fields too."""
        asked = [one.tags for one in (self.condition, self.severity) if one is not None]
        written = [text for text in (self.runbook, *self.fields.values()) if text is not None] if fields else []
        return frozenset().union(*asked, *(text.tags for text in written))

    def may_hold(self, rule: Rule, event: Mapping[str, Any]) -> bool:
        """Return whether the condition holds, or may hold once the tags are known for which it asks."""
        return bool(self.condition is not None and self.condition.tags) or self.holds(rule, event)

    def over(self, rule: Rule) -> Rule:
        """Return the rule with the changes."""
        return replace(
            rule,
            table=rule.table if self.table is None else self.table,
            table_from=rule.table_from if self.table is None else None,
            severity=self.severity or rule.severity,
            group=rule.group if self.group is None else self.group,
            storm=rule.storm if self.storm is None else self.storm or None,
            covers=rule.covers if self.covers is None else self.covers,
            accepts=(*rule.accepts, *self.accepts),
            follow_ups=rule.follow_ups if self.follow_ups is None else self.follow_ups,
            runbook=rule.runbook if self.runbook is None else self.runbook,
            fields={**rule.fields, **self.fields},
            policy=replace(rule.policy, **self.policy),
            on_change=(*self.on_change, *rule.on_change),
            overrides=(*rule.overrides, self.name),
            dropped_by=rule.dropped_by if self.drop is None else (self.name if self.drop else ""),
        )
