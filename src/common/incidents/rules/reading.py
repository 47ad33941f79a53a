"""A table of a rule file becomes a rule or an override."""

import re
from collections.abc import Collection, Mapping
from dataclasses import asdict
from typing import Any

from common.incidents.alert import DEFAULT_TABLE, Policy
from common.incidents.expressions import Expression, Template
from common.incidents.rules.names import ANY, is_column
from common.incidents.rules.on_change import check_objects, read_object, read_on_change
from common.incidents.rules.override import Override
from common.incidents.rules.rule import Rule
from common.incidents.rules.storms import check_storm, read_covers, read_storm
from common.incidents.rules.table import FLAPPING, NOTES, WAITS, Mistake, RuleTable

_RULE_TEXTS = (
    *("name", "each", "when", "origin", "firing", "resolved", "time", "severity", "link", "runbook"),
    *("table", "table_from", "fields_from", "quiet_until", "quiet_by"),
)
_RULE_LISTS = ("source", "detail_type", "key", "accepts", "group", "covers")
_RULE_OTHERS = ("fields", "notes", "policy", "once", "object", "on_change", "with", "storm", *WAITS, FLAPPING)
_REQUIRED = ("name", "source", "detail_type", "key", "firing")

_OVERRIDE_TEXTS = ("name", "match", "table", "severity", "runbook")
_OVERRIDE_LISTS = ("rules", "accepts", "group", "covers")
_CHANGES = (
    *("drop", "table", "severity", "accepts", "group", "storm", "covers", "fields", "policy", "on_change", "with"),
    "runbook",
    *(*WAITS, FLAPPING),
)
_NO_TAGS = (
    *("when", "each", "key", "origin", "firing", "resolved", "time", "table_from", "fields_from", "group"),
    *("quiet_until", "quiet_by"),
)

# In a pattern of names, as fnmatch has them.
_WILDCARD = re.compile(r"[*?\[]")


def read_rule(place: str, content: Mapping[str, Any], tables: Collection[str]) -> tuple[Rule | None, list[Mistake]]:
    """Return the rule that `content` describes, or None and what is wrong with it."""
    table = RuleTable(place, content, tables)
    for name in _REQUIRED:
        if not content.get(name):
            table.wrong(name, "is missing")
    if not content.get("fields") and not content.get("fields_from"):
        table.wrong("fields", "is missing")
    table.check_names({*_RULE_TEXTS, *_RULE_LISTS, *_RULE_OTHERS}, _RULE_TEXTS)
    if table.mistakes:
        return None, table.mistakes
    notes = table.templates("notes", NOTES)
    policy = table.policy()
    target = table.table() or DEFAULT_TABLE
    rule = Rule(
        name=content["name"],
        sources=_kinds(table, "source"),
        detail_types=_kinds(table, "detail_type"),
        when=table.expression("when"),
        each=table.list_place("each"),
        key=table.expressions("key"),
        origin=table.expression("origin"),
        quiet_until=table.expression("quiet_until"),
        quiet_by=table.expression("quiet_by"),
        firing=table.expression("firing") or Expression.parse("`false`"),
        resolved=table.expression("resolved"),
        time=table.expression("time"),
        severity=table.expression("severity"),
        link=table.template("link", content["link"]) if "link" in content else None,
        runbook=table.link("runbook"),
        fields=table.templates("fields"),
        fields_from=table.expression("fields_from"),
        accepts=_accepted(table),
        firing_note=notes.get("firing", Template(())),
        resolved_note=notes.get("resolved", Template(())),
        policy=Policy(**policy),
        table=target,
        table_from=table.expression("table_from"),
        tables=frozenset(tables),
        group=table.expressions("group"),
        storm=read_storm(table),
        covers=read_covers(table),
        once=table.switch("once") or False,
        follow_ups=table.follow_ups(),
        object=read_object(table),
        on_change=read_on_change(table),
    )
    check_objects(table, rule.on_change, rule.object)
    if rule.resolved is not None:
        table.check_states(target, policy)
    check_storm(table, target, rule.storm)
    _check_tags(table, rule)
    return (None if table.mistakes else rule), table.mistakes


def _accepted(table: RuleTable) -> tuple[str, ...]:
    """Return the columns that an event may set, and patterns of them. Notes a column that none ever may."""
    names = table.names("accepts")
    for name in names:
        if not _WILDCARD.search(name) and not is_column(name):
            table.wrong("accepts", f"has {name[:80]!r}, which no event may set")
    return names


def _check_tags(table: RuleTable, rule: Rule) -> None:
    """Note tags in what has to mean the same when the problem is over: a look-up may fail, and tags change."""
    for name in _NO_TAGS:
        found = getattr(rule, name)
        if any(each.tags for each in (found if isinstance(found, tuple) else (found,)) if each is not None):
            table.wrong(
                name, "can't ask for tags, which may not be known when the problem is over; an override's match can"
            )


def read_override(
    place: str, content: Mapping[str, Any], tables: Collection[str]
) -> tuple[Override | None, list[Mistake]]:
    """Return the override that `content` describes, or None and what is wrong with it."""
    table = RuleTable(place, content, tables)
    table.check_names({*_OVERRIDE_TEXTS, *_OVERRIDE_LISTS, *_CHANGES}, _OVERRIDE_TEXTS)
    if not any(name in content for name in _CHANGES):
        table.wrong(_CHANGES[0], f"is missing: say what changes, with one of {', '.join(_CHANGES)}")
    if table.mistakes:
        return None, table.mistakes
    override = Override(
        name=content.get("name") or place,
        place=place,
        patterns=table.names("rules") or (ANY,),
        condition=table.expression("match"),
        drop=table.switch("drop"),
        table=table.table(),
        severity=table.expression("severity"),
        group=table.expressions("group") if "group" in content else None,
        storm=read_storm(table) or False if "storm" in content else None,
        covers=read_covers(table) if "covers" in content else None,
        accepts=_accepted(table),
        follow_ups=table.follow_ups() if "with" in content else None,
        runbook=table.link("runbook"),
        fields=table.templates("fields"),
        policy=table.policy(),
        on_change=read_on_change(table),
    )
    if override.group and any(each.tags for each in (*override.group, override.condition) if each is not None):
        table.wrong("group", "can't depend on tags, which may not be known when the problem is over")
    if override.on_change and override.condition is not None:
        table.wrong("match", "can't be asked about a change: give the entries of on_change a match of their own")
    return (None if table.mistakes else override), table.mistakes


def check_override(override: Override, rules: Collection[Rule], tables: Collection[str]) -> list[Mistake]:
    """Return what is wrong with an override in the light of the rules that it is laid over."""
    table = RuleTable(override.place, {}, tables)
    concerned = [rule for rule in rules if override.concerns(rule.name)]
    if not concerned:
        names = ", ".join(sorted(rule.name for rule in rules))
        table.wrong("rules", f"names no rule that there is: {names}")
    for rule in concerned:
        changed = override.over(rule)
        check_objects(table, override.on_change, rule.object)
        if changed.resolved is not None:
            table.check_states(changed.table, asdict(changed.policy))
        check_storm(table, changed.table, changed.storm)
    return list(dict.fromkeys(table.mistakes))


def _kinds(table: RuleTable, field: str) -> tuple[str, ...]:
    names = table.names(field)
    if ANY in names and len(names) > 1:
        table.wrong(field, f"has {ANY} beside others; {ANY} alone stands for all of them")
    return names
