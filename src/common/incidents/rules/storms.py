"""The entries `storm` and `covers`: what a rule says of many problems at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from common.incidents.alert import dedup_key
from common.incidents.expressions import Expression, Template
from common.incidents.fields import inert_fields, inert_note
from common.incidents.history import duration
from common.incidents.rules.table import RuleTable
from common.incidents.storm import Storm
from common.servicenow.event_management import EVENT_TABLE

MOST_BEFORE = 100
"""The largest `more_than`: whoever reads more records one by one has no storm."""

SHORTEST, LONGEST = 60, 3600
"""Seconds that `within` may say."""

_ENTRIES = ("more_than", "within", "by", "fields")
_BY = ("account", "region")


@dataclass(frozen=True, slots=True)
class StormRule:
    """More problems than `more_than` that open in `within` seconds are a storm, apart for each value of `by`."""

    more_than: int
    within: int
    by: tuple[Expression, ...]
    fields: Mapping[str, Template]

    def storm(self, event: Mapping[str, Any], table: str, fields: Mapping[str, str]) -> Storm:
        """Return the storm of the problem of which an event tells, whose record would have these `fields`."""
        values = [expression.text(event) for expression in self.by]
        what = fields.get("short_description", "")
        where = ", ".join(filter(None, values))
        one = self.more_than == 1
        bound = f"more than {'one problem' if one else f'{self.more_than} problems'} within {duration(self.within)}"
        own = {
            "short_description": f"Storm: {bound}{f' ({where})' if where else ''}",
            "description": f"In {where or 'this deployment'} {bound} began. Those beyond the first"
            f"{'' if one else f' {self.more_than}'} are told in this record, which resolves when all of its problems "
            f"have recovered. The first {'one has a record of its own' if one else 'ones have records of their own'}: "
            f"its {'child' if one else 'children'}.\n\nThe first one here: {what}",
            "impact": "1",
            "urgency": "1",
        }
        said = {name: template.render(event) for name, template in self.fields.items()}
        sources = [expression.source for expression in self.by]
        return Storm(
            key=dedup_key("storm", table, str(self.more_than), str(self.within), *sources, *values),
            more_than=self.more_than,
            within=self.within,
            fields=inert_fields(own | said),
            joining=inert_note(f"Joined: {what}"),
        )


def read_storm(table: RuleTable) -> StormRule | None:
    """Return what the entry `storm` says; None where it is left out, or false."""
    content = table.content.get("storm", False)
    if content is False:
        return None
    if not isinstance(content, dict):
        table.wrong("storm", 'is no table such as { more_than = 20, within = "5m" }, nor false')
        return None
    inside = RuleTable(f"{table.place}, storm", content, table.tables)
    inside.check_names(_ENTRIES, ())
    more_than = content.get("more_than")
    if type(more_than) is not int or not 1 <= more_than <= MOST_BEFORE:
        why = "is missing" if more_than is None else f"is no whole number from 1 to {MOST_BEFORE}"
        inside.wrong("more_than", f"{why}: say how many problems may have records of their own")
    within = 0
    if "within" not in content:
        inside.wrong("within", 'is missing: say in which time they begin, such as "5m"')
    else:
        within = inside.seconds("within")
        if within and not SHORTEST <= within <= LONGEST:
            inside.wrong("within", f"is not from {SHORTEST // 60}m to {LONGEST // 3600}h")
    by = inside.expressions("by") if "by" in content else tuple(map(Expression.parse, _BY))
    if any(expression.tags for expression in by):
        inside.wrong("by", "can't ask for tags: problems would be counted apart while they can't be looked up")
    fields = inside.templates("fields")
    table.mistakes += inside.mistakes
    return None if inside.mistakes else StormRule(int(more_than or 0), within, by, fields)


def check_storm(table: RuleTable, target: str, storm: StormRule | None) -> None:
    """Note a storm where there is no record that several problems could share."""
    if storm is not None and target == EVENT_TABLE:
        table.wrong("storm", f"can't be with {EVENT_TABLE}: Event Management groups its alerts itself")


def read_covers(table: RuleTable) -> tuple[str, ...]:
    """Return the expressions of the entry `covers`, as they are written; each is one that can be read."""
    expressions = table.expressions("covers")
    for expression in expressions:
        if expression.tags:
            table.wrong("covers", "can't ask for tags, which may not be known when it is judged")
    return tuple(expression.source for expression in expressions)
