"""What the rules name, held against what the instance has: columns, choices and groups.

ServiceNow drops a column or a choice that it does not know without a word. The tables that are asked (`sys_db_object`,
`sys_dictionary`, `sys_choice`, `sys_user_group`) may be hidden from the integration user: then nothing is concluded.
"""

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import quote

from common.checkup.report import Finding
from common.clock import Deadline
from common.errors import BridgeError, ConfigurationError
from common.incidents.alert import DEFAULT_TABLE
from common.incidents.expressions import Template
from common.incidents.rules import Rules
from common.servicenow.client import ServiceNowClient
from common.servicenow.event_management import EVENT_TABLE
from common.servicenow.query import any_of, equals
from common.servicenow.records import SYS_ID
from common.servicenow.refusals import RejectedError

_MOST_ROWS = 1000
_MOST_PARENTS = 5
_LONGEST_NAME = 100
_TASK = "task"

type _Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class Named:
    """What rules and settings name: columns as (table, column), choices as (table, column, value), and groups."""

    columns: frozenset[tuple[str, str]]
    choices: frozenset[tuple[str, str, str]]
    groups: frozenset[str]

    @classmethod
    def by(cls, rules: Rules, close_code: str) -> "Named":
        """Collect what `rules` and the parameter CloseCode name, except for Event Management, which has no columns."""
        columns = {(DEFAULT_TABLE, name) for name in ("correlation_id", "correlation_display", "close_notes")}
        choices = {(DEFAULT_TABLE, "close_code", close_code)}
        groups = set()
        for table, fields, policy in _entries(rules):
            if table == EVENT_TABLE:
                continue
            for name, text in fields.items():
                columns.add((table, name))
                if name == "assignment_group" and text and not SYS_ID.fullmatch(text):
                    groups.add(text)
                elif text:
                    choices.add((table, name, text))
            choices |= {(table, name, value) for name, value in policy if value}
        columns |= {(table, name) for table, name, _ in choices}
        return cls(frozenset(columns), frozenset(choices), frozenset(groups))


class Dictionary:
    """The checks that ask the instance what it knows. `load` returns the rules, or raises what is wrong with them."""

    def __init__(self, client: ServiceNowClient, load: Callable[[], Rules], close_code: str) -> None:
        """Ask through `client`."""
        self._client = client
        self._load = load
        self._close_code = close_code
        self._named = Named(frozenset(), frozenset(), frozenset())
        self._chains: dict[str, tuple[str, ...]] = {}

    def rules(self, _: Deadline) -> Finding:
        """Load the rules of the package."""
        rules = self._load()
        self._named = Named.by(rules, self._close_code)
        return Finding(f"{len(list(rules))} rules and {len(rules.overrides)} overrides are sound")

    def columns(self, deadline: Deadline) -> Finding:
        """Look each column up in the dictionary, under the table and those that it extends."""
        missing = []
        for table in sorted({table for table, _ in self._named.columns}):
            known = {
                row["element"] for row in self._rows("sys_dictionary", "element", self._of(table, deadline), deadline)
            }
            if not known:
                return Finding("sys_dictionary is hidden from the integration user", observed=False)
            wanted = sorted(name for place, name in self._named.columns if place == table)
            missing += [f"{table}.{name}{_nearest(name, known)}" for name in wanted if name not in known]
        if missing:
            raise ConfigurationError(
                f"The instance has no column {', '.join(missing)}.",
                action="Correct the rules that name it, or add the column to the table.",
                code="unknown_columns",
            )
        return Finding(f"the instance has all {len(self._named.columns)} that rules and settings name")

    def choices(self, deadline: Deadline) -> Finding:
        """Look each value up among the choices of its column; a column without any takes every text."""
        missing, seen = [], 0
        for table, column, value in sorted(self._named.choices):
            place = f"element={column}^{self._of(table, deadline)}"
            rows = self._rows("sys_choice", "name,value,inactive", place, deadline)
            nearest = next(
                (name for name in self._chain(table, deadline) if any(row["name"] == name for row in rows)), ""
            )
            known = {row["value"] for row in rows if row["name"] == nearest and row.get("inactive") != "true"}
            seen += bool(known)
            if known and value not in known:
                missing.append(f"{table}.{column} = {value!r}{_nearest(value, known)}")
        if missing:
            raise ConfigurationError(
                f"The instance has no choice {', '.join(missing)}.",
                action="Correct the rules or the parameter CloseCode, or add the choice to the column.",
                code="unknown_choices",
            )
        if not seen:
            return Finding("sys_choice is hidden from the integration user", observed=False)
        return Finding(f"the instance has all {seen} that rules and settings name")

    def groups(self, deadline: Deadline) -> Finding:
        """Look each group up by its name."""
        if not self._named.groups:
            return Finding("the rules name no group")
        query = any_of(equals("name", name) for name in sorted(self._named.groups))
        rows = self._rows("sys_user_group", "name,active", query, deadline)
        missing = sorted(self._named.groups - {row["name"] for row in rows if row.get("active") != "false"})
        if missing:
            raise ConfigurationError(
                f"The instance has no active group {', '.join(map(repr, missing))}, or hides it.",
                action="Correct the rules that name it, or make the group in ServiceNow.",
                code="unknown_groups",
            )
        return Finding(f"the instance has all {len(self._named.groups)} that the rules name")

    def rules_on(self, table: str, names: Iterable[str], deadline: Deadline) -> str:
        """Say which read-only columns and data policies of `table` the instance shows for `names`; empty where none."""
        listed, found = ",".join(sorted(names)), list[str]()
        try:
            place = f"elementIN{listed}^read_only=true^{self._of(table, deadline)}"
            rows = self._rows("sys_dictionary", "element", place, deadline)
            found += [f"the dictionary has {table}.{row['element']} read-only" for row in rows]
            place = f"fieldIN{listed}^disabled=true^tableIN{','.join(self._chain(table, deadline))}"
            rows = self._rows("sys_data_policy_rule", "field,sys_data_policy.short_description", place, deadline)
            for row in rows:
                name = "".join(filter(str.isprintable, row.get("sys_data_policy.short_description", "")))
                found.append(f"the data policy {name[:_LONGEST_NAME]!r} makes {table}.{row['field']} read-only")
        except BridgeError:
            pass  # what could be seen is told; the fields themselves are named anyway
        return "; ".join(found)

    def _of(self, table: str, deadline: Deadline) -> str:
        return f"nameIN{','.join(self._chain(table, deadline))}"

    def _chain(self, table: str, deadline: Deadline) -> tuple[str, ...]:
        """Return `table` and those that it extends, the nearest first; those of a task where they are hidden."""
        if table not in self._chains:
            chain = [table]
            while len(chain) <= _MOST_PARENTS:
                rows = self._rows("sys_db_object", "super_class.name", equals("name", chain[-1]), deadline)
                parent = rows[0].get("super_class.name", "") if rows else ""
                if not parent:
                    break
                chain.append(parent)
            self._chains[table] = tuple(chain) if len(chain) > 1 else (table, _TASK)
        return self._chains[table]

    def _rows(self, table: str, fields: str, query: str, deadline: Deadline) -> list[_Row]:
        target = (
            f"/api/now/v2/table/{table}?sysparm_query={quote(query)}&sysparm_fields={fields}&sysparm_limit={_MOST_ROWS}"
            "&sysparm_exclude_reference_link=true"
        )
        try:
            rows: list[_Row] = self._client.call("GET", target, deadline=deadline).result
        except RejectedError:
            return []
        except ConfigurationError as error:
            if error.code in {"read_denied", "api_denied"}:
                return []
            raise
        return rows


def _entries(rules: Rules) -> Iterator[tuple[str, dict[str, str], list[tuple[str, str]]]]:
    """Yield table, fields (empty where they are no constant) and the choices of the policy, of rules and overrides."""
    for rule in rules:
        yield rule.table, _constants(rule.fields), _policy(asdict(rule.policy))
    for override in rules.overrides:
        yield override.table or DEFAULT_TABLE, _constants(override.fields), _policy(override.policy)


def _constants(fields: Mapping[str, Template]) -> dict[str, str]:
    return {name: text.constant or "" for name, text in fields.items()}


def _policy(policy: Mapping[str, Any]) -> list[tuple[str, str]]:
    named = (("close_code", "close_code"), ("state", "resolved_state"), ("state", "reopened_state"))
    return [(column, policy.get(name, "")) for column, name in named]


def _nearest(name: str, known: Iterable[str]) -> str:
    found = difflib.get_close_matches(name, sorted(known), n=1)
    return f" (nearest: {found[0]})" if found else ""
