"""src/rules/*.toml: which events matter, and what record each becomes. Rules are data; docs/rules.md explains them."""

import re
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from common.errors import ConfigurationError, PermanentError
from common.incidents.alert import Alert, OnRecovery, OnRepeat, OnReturn, Policy, Status, dedup_key
from common.incidents.expressions import Expression, Template, milliseconds
from common.incidents.fields import inert_fields, inert_note, with_footer

SEVERITIES: Mapping[str, tuple[str, str]] = {
    "critical": ("1", "1"),
    "high": ("1", "2"),
    "medium": ("2", "2"),
    "low": ("2", "3"),
    "info": ("3", "3"),
}
"""Severity → impact and urgency, from which ServiceNow looks the priority up: 1, 2, 3, 4 and 5."""

_FOOTER = Template.parse(
    "Account: {{ account }}\n"
    "Region: {{ region }}\n"
    "Resource: {{ resources[0] }}\n"
    'Event: {{ source }} / {{ "detail-type" }} at {{ time }}, id {{ id }}'
)
_TEXTS = ("name", "source", "when", "firing", "resolved", "time", "severity", "link", "table")
_REQUIRED = ("name", "source", "detail_type", "key", "firing", "fields")
_KNOWN = frozenset({*_TEXTS, "detail_type", "key", "fields", "notes", "policy"})
_COLUMN = re.compile(r"[a-z][a-z0-9_]{0,79}")
_OWN_COLUMNS = frozenset({"sys_id", "correlation_id", "correlation_display"})


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of event: when it fires and recovers, which problem it is about, and what the record says."""

    name: str
    source: str
    detail_types: tuple[str, ...]
    when: Expression | None
    key: tuple[Expression, ...]
    firing: Expression
    resolved: Expression | None
    time: Expression | None
    severity: Expression | None
    link: Template | None
    fields: Mapping[str, Template]
    firing_note: Template
    resolved_note: Template
    policy: Policy
    table: str

    def alert(self, event: Mapping[str, Any]) -> Alert | None:
        """Return the alert of an event that this rule matches; None where it neither fires nor recovers.

        Raises PermanentError where the event lacks what names the problem, or its time.
        """
        if self.firing.holds(event):
            status, note = Status.FIRING, self.firing_note
        elif self.resolved is not None and self.resolved.holds(event):
            status, note = Status.RESOLVED, self.resolved_note
        else:
            return None
        return Alert(
            key=self._key(event),
            status=status,
            occurred_at=self._occurred_at(event),
            fields=self._fields(event) if status is Status.FIRING else {},
            note=inert_note(note.render(event)),
            table=self.table,
            policy=self.policy,
        )

    def _key(self, event: Mapping[str, Any]) -> str:
        parts = [expression.text(event) for expression in self.key]
        for expression, part in zip(self.key, parts, strict=True):
            if not part:
                raise PermanentError(
                    f"The event has no {expression.source}, which the rule {self.name} needs to name the problem.",
                    action="Correct what sends the event, or the rule's key.",
                )
        return dedup_key(event["account"], event["region"], self.source, self.name, *parts)

    def _occurred_at(self, event: Mapping[str, Any]) -> int:
        texts = [self.time.text(event)] if self.time is not None else []
        for text in (*texts, str(event["time"])):
            occurred_at = milliseconds(text)
            if occurred_at is not None and occurred_at > 0:
                return occurred_at
        raise PermanentError(
            "The event's time is no ISO 8601 timestamp.",
            action="Correct what sends the event and send it again.",
        )

    def _fields(self, event: Mapping[str, Any]) -> dict[str, str]:
        found = self.severity.text(event).lower() if self.severity is not None else ""
        impact, urgency = SEVERITIES.get(found, SEVERITIES["medium"])
        fields = {name: template.render(event) for name, template in self.fields.items()}
        link = self.link.render(event) if self.link is not None else ""
        footer = "\n\n".join(filter(None, (link and f"Console: {link}", _FOOTER.render(event))))
        description = with_footer(fields.get("description", ""), footer)
        return inert_fields({"impact": impact, "urgency": urgency, **fields}) | {"description": description}


class Rules:
    """All rules of a deployment."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        """Hold the rules; where several match an event, the first counts."""
        self._rules: dict[tuple[str, str], list[Rule]] = {}
        for rule in rules:
            for detail_type in rule.detail_types:
                self._rules.setdefault((rule.source, detail_type), []).append(rule)

    def match(self, event: Mapping[str, Any]) -> Rule | None:
        """Return the rule for an event, or None where no rule knows its type or has a condition that holds."""
        rules = self._rules.get((event["source"], event["detail-type"]), ())
        return next((rule for rule in rules if rule.when is None or rule.when.holds(event)), None)

    def __iter__(self) -> Iterator[Rule]:
        """Return each rule once."""
        return iter({id(rule): rule for rules in self._rules.values() for rule in rules}.values())


def load_rules(directory: Path) -> Rules:
    """Return the rules of every `*.toml` file in a directory.

    Raises ConfigurationError that names each mistake's file, rule and field.
    """
    rules: dict[str, Rule] = {}
    mistakes: list[str] = []
    for path in sorted(directory.glob("*.toml")):
        for index, table in enumerate(_tables(path, mistakes), start=1):
            reader = _Reader(f"{path.name}, rule {table.get('name') or index}", table)
            rule = reader.rule()
            mistakes.extend(reader.mistakes)
            if rule is None:
                continue
            if rule.name in rules:
                mistakes.append(f"{reader.place}: another rule has the same name.")
            if any(_hides(earlier, rule) for earlier in rules.values()):
                mistakes.append(f"{reader.place}: an earlier rule without when takes all of its events.")
            rules[rule.name] = rule
    if not rules and not mistakes:
        mistakes.append("There is no rule at all.")
    if mistakes:
        raise ConfigurationError(
            "The rules are not usable: " + " ".join(mistakes),
            action="Correct the named fields and deploy again.",
        )
    return Rules(rules.values())


def _tables(path: Path, mistakes: list[str]) -> list[dict[str, Any]]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        mistakes.append(f"{path.name} is not readable: {error}.")
        return []
    tables = content.pop("rule", [])
    mistakes.extend(f"{path.name}: {name} is not known; every rule begins with [[rule]]." for name in content)
    if isinstance(tables, list) and all(isinstance(table, dict) for table in tables):
        return tables
    mistakes.append(f"{path.name}: rule is no list of tables; every rule begins with [[rule]].")
    return []


def _hides(earlier: Rule, later: Rule) -> bool:
    covers_types = set(later.detail_types) <= set(earlier.detail_types)
    return earlier.when is None and earlier.source == later.source and covers_types


class _Reader:
    """Reads one rule and collects its mistakes."""

    def __init__(self, place: str, table: Mapping[str, Any]) -> None:
        self.place = place
        self.table = table
        self.mistakes: list[str] = []

    def rule(self) -> Rule | None:
        for name in _REQUIRED:
            if not self.table.get(name):
                self.wrong(name, "is missing")
        for name in sorted(set(self.table) - _KNOWN):
            self.wrong(name, f"is not known; the fields are {', '.join(sorted(_KNOWN))}")
        for name in _TEXTS:
            if not isinstance(self.table.get(name, ""), str):
                self.wrong(name, "is no text")
        if self.mistakes:
            return None
        notes = self.texts("notes", ("firing", "resolved"))
        rule = Rule(
            name=self.table["name"],
            source=self.table["source"],
            detail_types=self.detail_types(),
            when=self.expression("when"),
            key=self.key(),
            firing=self.expression("firing") or Expression.parse("`false`"),
            resolved=self.expression("resolved"),
            time=self.expression("time"),
            severity=self.expression("severity"),
            link=self.template("link", self.table["link"]) if "link" in self.table else None,
            fields=self.texts("fields"),
            firing_note=notes.get("firing", Template(())),
            resolved_note=notes.get("resolved", Template(())),
            policy=self.policy(),
            table=self.column("table", self.table.get("table", "incident")),
        )
        return None if self.mistakes else rule

    def wrong(self, field: str, why: str) -> None:
        self.mistakes.append(f"{self.place}: {field} {why}.")

    def section(self, name: str) -> Mapping[str, Any]:
        value = self.table.get(name, {})
        if isinstance(value, dict):
            return value
        self.wrong(name, "is no table")
        return {}

    def column(self, place: str, name: str) -> str:
        if not _COLUMN.fullmatch(name):
            self.wrong(place, "is no name that ServiceNow uses: lower-case letters, digits and _")
        elif name in _OWN_COLUMNS:
            self.wrong(place, "is set by the bridge itself")
        return name

    def texts(self, section: str, names: Collection[str] = ()) -> dict[str, Template]:
        """Return the templates of a section, whose names are `names`, or else columns."""
        found = {}
        for name, text in self.section(section).items():
            place = f"{section}.{name}"
            if not names:
                self.column(place, name)
            elif name not in names:
                self.wrong(place, f"is not known; the fields are {', '.join(names)}")
            if type(text) not in (str, int):
                self.wrong(place, "is no text")
            found[name] = self.template(place, text)
        return found

    def detail_types(self) -> tuple[str, ...]:
        value = self.table["detail_type"]
        names = value if isinstance(value, list) else [value]
        if not all(isinstance(name, str) and name for name in names):
            self.wrong("detail_type", "is neither a text nor a list of texts")
            return ()
        return tuple(names)

    def key(self) -> tuple[Expression, ...]:
        sources = self.table["key"]
        if not isinstance(sources, list):
            self.wrong("key", "is no list of expressions")
            return ()
        return tuple(parsed for source in sources if (parsed := self.parse("key", source)) is not None)

    def expression(self, name: str) -> Expression | None:
        return self.parse(name, self.table[name]) if name in self.table else None

    def parse(self, name: str, source: object) -> Expression | None:
        try:
            return Expression.parse(str(source))
        except ValueError as error:
            self.wrong(name, f"is wrong: {error}")
            return None

    def template(self, name: str, source: object) -> Template:
        try:
            return Template.parse(str(source))
        except ValueError as error:
            self.wrong(name, f"is wrong: {error}")
            return Template(())

    def policy(self) -> Policy:
        choices: dict[str, type[StrEnum]] = {
            "on_repeat": OnRepeat,
            "on_recovery": OnRecovery,
            "on_return": OnReturn,
        }
        values: dict[str, Any] = {}
        for name, value in self.section("policy").items():
            if name in choices and value in list(choices[name]):
                values[name] = choices[name](value)
            elif (name in ("close_code", "close_notes") and isinstance(value, str)) or (
                name == "reopen_window" and type(value) is int and value >= 0
            ):
                values[name] = value
            else:
                offered = ", ".join(choices[name]) if name in choices else "see docs/rules.md"
                self.wrong(f"policy.{name}", f"is not usable ({offered})")
        return Policy(**values)
