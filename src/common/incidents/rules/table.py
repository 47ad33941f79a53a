"""One table of a rule file: reads its entries and collects what is wrong with them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeGuard

from common.clock import seconds_in
from common.incidents.alert import DEFAULT_TABLE, FollowUp, OnRecovery, OnRepeat, OnReturn
from common.incidents.episodes import MOST_BEGINNINGS
from common.incidents.expressions import Expression, Template
from common.incidents.rules.names import LEVELS, OWN_COLUMNS, is_name
from common.servicenow.event_management import EVENT_TABLE

_CHOICES: Mapping[str, type[StrEnum]] = {
    "on_repeat": OnRepeat,
    "on_recovery": OnRecovery,
    "on_return": OnReturn,
}
_POLICY_TEXTS = ("close_code", "close_notes", "resolved_state", "reopened_state")
NOTES = ("firing", "resolved")

WAITS = ("hold", "settle")
"""The entries that let an alert wait, as times."""

FLAPPING = "flapping"
"""The entry that says from when on a problem is said to flap, as a number of times in a day."""

LONGEST_WAIT = 12 * 3600
"""Seconds: longer than any spike lasts, and short beside the seven days for which the queue keeps a message."""

STATES_BY_PEOPLE: Mapping[str, str] = {
    "problem": "since Rome the Table API does not move a problem's state",
    "change_request": "a change moves by its model and its approvals only",
}
"""The tables whose state the bridge can't set, and why: ServiceNow's pages on problem states and change models."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """What a person has to correct: where it stands, in which field, and why."""

    place: str
    field: str
    why: str

    def __str__(self) -> str:
        """Return it as one sentence."""
        return f"{self.place}: {self.field} {self.why}."


def is_tables(value: object) -> TypeGuard[list[dict[str, Any]]]:
    """Return whether a value is a list of tables, as `[[name]]` writes it."""
    return isinstance(value, list) and all(isinstance(table, dict) for table in value)


class RuleTable:
    """A `[[rule]]` or an `[[override]]`. Every method that finds something wrong notes it and returns a stand-in."""

    def __init__(self, place: str, content: Mapping[str, Any], tables: Collection[str]) -> None:
        """Read `content`, which stands at `place`; records may be written to `tables`."""
        self.place = place
        self.content = content
        self.tables = tables
        self.mistakes: list[Mistake] = []

    def wrong(self, field: str, why: str) -> None:
        """Note a mistake."""
        self.mistakes.append(Mistake(self.place, field, why))

    def check_names(self, known: Collection[str], texts: Collection[str]) -> None:
        """Note the entries that are not known, and those of `texts` that are no text."""
        for name in sorted(set(self.content) - set(known)):
            self.wrong(name, f"is not known; the fields are {', '.join(sorted(known))}")
        for name in texts:
            if not isinstance(self.content.get(name, ""), str):
                self.wrong(name, "is no text")

    def section(self, name: str) -> Mapping[str, Any]:
        """Return a table inside this one."""
        value = self.content.get(name, {})
        if isinstance(value, dict):
            return value
        self.wrong(name, "is no table")
        return {}

    def switch(self, name: str) -> bool | None:
        """Return true or false; None where the entry is left out."""
        value = self.content.get(name)
        if value is None or isinstance(value, bool):
            return value
        self.wrong(name, "is neither true nor false")
        return None

    def names(self, field: str) -> tuple[str, ...]:
        """Return one text or a list of texts; nothing where the entry is left out."""
        value = self.content.get(field, [])
        names = value if isinstance(value, list) else [value]
        if not all(isinstance(name, str) and name for name in names):
            self.wrong(field, "is neither a text nor a list of texts")
            return ()
        return tuple(names)

    def follow_ups(self) -> tuple[FollowUp, ...]:
        """Return what `with` adds to an open record, each once, in one order; nothing where the entry is left out."""
        named = self.names("with")
        for name in named:
            if name not in list(FollowUp):
                self.wrong("with", f"has {name[:40]!r}, which is none of {', '.join(FollowUp)}")
        return tuple(kind for kind in FollowUp if kind in named)

    def expression(self, name: str) -> Expression | None:
        """Return the expression of an entry; None where it is left out."""
        return self.parse(name, self.content[name]) if name in self.content else None

    def expression_without_tags(self, name: str) -> Expression | None:
        """Return the same of an entry for which no tags are looked up."""
        found = self.expression(name)
        if found is not None and found.tags:
            self.wrong(name, "can't ask for tags: none are looked up for it; an override's match can")
        return found

    def expressions(self, name: str) -> tuple[Expression, ...]:
        """Return a list of expressions."""
        sources = self.content.get(name, [])
        if not isinstance(sources, list):
            self.wrong(name, "is no list of expressions")
            return ()
        return tuple(parsed for source in sources if (parsed := self.parse(name, source)) is not None)

    def list_place(self, name: str) -> Expression | None:
        """Return the expression that names where a list stands in the event's detail; None where it is left out."""
        found = self.expression(name)
        if found is not None and (len(found.place) < 2 or found.place[0] != "detail"):  # noqa: PLR2004 (detail and a name)
            self.wrong(name, "names no list in the event: write a place such as detail.alerts, and no other expression")
        return found

    def link(self, name: str) -> Template | None:
        """Return the template of an entry that is an address; None where it is left out."""
        if name not in self.content:
            return None
        found = self.template(name, self.content[name])
        if found.constant and not found.constant.startswith("https://"):
            self.wrong(name, "is no https address")
        return found

    def template(self, place: str, source: object) -> Template:
        """Return the template in `source`, which stands at `place` inside this table."""
        try:
            return Template.parse(str(source))
        except ValueError as error:
            self.wrong(place, f"is wrong: {error}")
            return Template(())

    def templates(self, section: str, names: Collection[str] = ()) -> dict[str, Template]:
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
            if name in ("impact", "urgency") and found[name].constant not in (None, "", *LEVELS):
                self.wrong(place, f"is none of {', '.join(LEVELS)}")
        return found

    def column(self, place: str, name: str) -> None:
        """Note a name that is no column, or one that only the bridge writes."""
        if not is_name(name):
            self.wrong(place, "is no name that ServiceNow uses: lower-case letters, digits and _")
        elif name in OWN_COLUMNS:
            self.wrong(place, "is set by the bridge itself")

    def table(self) -> str | None:
        """Return the name of the table to write to; None where it is left out."""
        if "table" not in self.content:
            return None
        name: str = self.content["table"]
        if not is_name(name):
            self.column("table", name)
        elif name not in self.tables:
            self.wrong("table", f"is {name}, which may not be written: add it to the parameter AllowedTables")
        return name

    def policy(self) -> dict[str, Any]:
        """Return the arguments for a Policy that the table gives."""
        values: dict[str, Any] = {}
        for name, value in self.section("policy").items():
            if name in _CHOICES and value in list(_CHOICES[name]):
                values[name] = _CHOICES[name](value)
            elif (name in _POLICY_TEXTS and isinstance(value, str)) or (
                name == "reopen_window" and type(value) is int and value >= 0
            ):
                values[name] = value
            else:
                offered = ", ".join(_CHOICES[name]) if name in _CHOICES else "see docs/rules.md"
                self.wrong(f"policy.{name}", f"is not usable ({offered})")
        values |= {name: self.seconds(name) for name in WAITS if name in self.content}
        return values | ({FLAPPING: self._times()} if FLAPPING in self.content else {})

    def _times(self) -> int:
        times = self.content[FLAPPING]
        if type(times) is int and 0 <= times < MOST_BEGINNINGS:
            return times
        self.wrong(FLAPPING, f"is no number from 1 to {MOST_BEGINNINGS - 1}, nor 0 for never")
        return 0

    def seconds(self, name: str) -> int:
        """Return the seconds of an entry such as "2m"; 0 where it is wrong."""
        seconds = seconds_in(str(self.content[name]))
        if seconds is None:
            self.wrong(name, 'is no time such as "90s", "2m" or "1h"')
        elif seconds > LONGEST_WAIT:
            self.wrong(name, f"is longer than {LONGEST_WAIT // 3600}h")
        return seconds or 0

    def check_states(self, table: str, policy: Mapping[str, Any]) -> None:
        """Note a policy that asks for what a table can't do, or for states that only the deployment knows."""
        if table in (DEFAULT_TABLE, EVENT_TABLE):
            return
        resolves = policy.get("on_recovery", OnRecovery.RESOLVE) is OnRecovery.RESOLVE
        if table in STATES_BY_PEOPLE:
            if resolves:
                self.wrong(
                    "policy.on_recovery", f"can't be resolve: {STATES_BY_PEOPLE[table]}. Set it to note or leave"
                )
            return
        if resolves and not policy.get("resolved_state"):
            self.wrong(
                "policy.resolved_state",
                f"is missing: say which state of {table} means resolved, or set on_recovery to note or leave",
            )
        reopens = policy.get("on_return", OnReturn.REOPEN) is OnReturn.REOPEN
        if reopens and resolves and not policy.get("reopened_state"):
            self.wrong(
                "policy.reopened_state",
                f"is missing: say which state of {table} means reopened, or set on_return to replace",
            )

    def parse(self, place: str, source: object) -> Expression | None:
        """Return the expression in `source`, which stands at `place` inside this table; None where it is none."""
        try:
            return Expression.parse(str(source))
        except ValueError as error:
            self.wrong(place, f"is wrong: {error}")
            return None
