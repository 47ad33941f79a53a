"""Names of groups, people and configuration items become sys_ids, by a look-up that is remembered.

ServiceNow's own way, `sysparm_input_display_value`, is not used: it would read every field of the request as what
people see, so that states, choices and times would mean something else, and it does not say which name was unknown.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from common.clock import Clock, Deadline
from common.errors import BridgeError, HeldError, PermanentError, TransientError
from common.masking import masking
from common.servicenow.query import any_of, equals
from common.servicenow.records import SYS_ID, Record, Records
from common.telemetry import Telemetry


@dataclass(frozen=True, slots=True)
class Reference:
    """What a field refers to: a table, and the fields by which its records are known, the best one first."""

    table: str
    known_by: tuple[str, ...]


_PERSON = Reference("sys_user", ("user_name", "email", "name"))
_GROUP = Reference("sys_user_group", ("name",))

REFERENCES: Mapping[str, Reference] = {
    "assignment_group": _GROUP,
    "assigned_to": _PERSON,
    "caller_id": _PERSON,
    "opened_by": _PERSON,
    "requested_by": _PERSON,
    "cmdb_ci": Reference("cmdb_ci", ("name", "correlation_id")),
    "business_service": Reference("cmdb_ci_service", ("name",)),
    "service_offering": Reference("service_offering", ("name",)),
    "location": Reference("cmn_location", ("name",)),
    "company": Reference("core_company", ("name",)),
}
"""The fields of task tables whose values may be names. Every other reference takes a sys_id."""

NAME_FIELDS = ("sys_id", "name", "user_name", "email", "correlation_id")
"""The fields that a look-up needs; ServiceNow leaves out those that a table does not have."""

FOUND_SECONDS = 3600.0
UNKNOWN_SECONDS = 300.0
"""How long an answer counts: that a name is unknown, only until a person may have mended it."""

WRITE_NEEDS_SECONDS = 12.0
"""What a look-up leaves of the deadline, so that the record can still be written."""

_MOST_NAMES = 1000
_MOST_FAILURES = 3
_MOST_FOUND = 10

_ITEM = "cmdb_ci"
_ARN = "arn:"

type _Name = tuple[str, str]


class Items(Protocol):
    """What finds a configuration item by the address of the resource that it stands for."""

    def find(self, value: str, deadline: Deadline) -> str | None:
        """Return the sys_id of the one item, empty where there is not exactly one; None where it is no address.

        Raises as `Records.find`.
        """
        ...


class Names:
    """Looks names up, each once in a while. What is remembered is bounded."""

    def __init__(self, records: Records, *, clock: Clock, telemetry: Telemetry, items: Items | None = None) -> None:
        """Look up with `records`, which must show `NAME_FIELDS`; ARNs in `cmdb_ci` with `items`, if there are any."""
        self._records = records
        self._items = items
        self._clock = clock
        self._telemetry = telemetry
        self._known: OrderedDict[_Name, tuple[str, float]] = OrderedDict()
        self._failures: OrderedDict[_Name, int] = OrderedDict()
        self._reported: OrderedDict[_Name, None] = OrderedDict()

    def resolved(self, fields: Mapping[str, str], deadline: Deadline) -> dict[str, str]:
        """Return the fields with sys_ids instead of names; a name that nothing is known by is left out, and counted.

        Raises TransientError or HeldError where nobody knows yet: nothing was written. A name whose look-up keeps
        failing while everything else works is left out too, so that no record is lost over it.
        """
        names = {field: value for field, value in fields.items() if field in REFERENCES and not SYS_ID.fullmatch(value)}
        if not names:
            return {field: value for field, value in fields.items() if value}
        early = Deadline(deadline.clock, deadline.at - WRITE_NEEDS_SECONDS)
        found = {field: self._sys_id(field, REFERENCES[field], value, early) for field, value in names.items()}
        return {field: found.get(field, value) for field, value in fields.items() if found.get(field, value)}

    def _sys_id(self, field: str, reference: Reference, value: str, deadline: Deadline) -> str:
        name = (reference.table, value.casefold())
        now = self._clock.now()
        sys_id, until = self._known.get(name, ("", 0.0))
        if now >= until:
            sys_id = self._look_up(name, reference, value, deadline)
            _remember(self._known, name, (sys_id, now + (FOUND_SECONDS if sys_id else UNKNOWN_SECONDS)))
        if not sys_id:
            self._report(field, reference, value, name)
        return sys_id

    def _look_up(self, name: _Name, reference: Reference, value: str, deadline: Deadline) -> str:
        """Return the sys_id of the one record of that name; empty where there is none, or more than one."""
        try:
            if self._items is not None and _is_address(reference, value):
                found = self._items.find(value, deadline)
                if found is not None:
                    self._failures.pop(name, None)
                    return found
            query = any_of(equals(key, value) for key in reference.known_by)
            records = self._records.find(reference.table, query, deadline, limit=_MOST_FOUND)
        except BridgeError as error:
            if self._is_final(name, error):
                return ""
            raise
        self._failures.pop(name, None)
        return _only(records, reference.known_by, value)

    def _is_final(self, name: _Name, error: BridgeError) -> bool:
        """Return whether a failure is about this look-up alone, so that waiting would help nobody."""
        if isinstance(error, PermanentError) or (isinstance(error, HeldError) and error.status is not None):
            return True
        if not isinstance(error, TransientError):
            return False
        failures = self._failures.get(name, 0) + 1
        _remember(self._failures, name, failures)
        return failures > _MOST_FAILURES

    def _report(self, field: str, reference: Reference, value: str, name: _Name) -> None:
        if self._items is not None and _is_address(reference, value):
            # Many resources have no item; it is no mistake of a rule.
            self._telemetry.count("ItemsUnknown")
            return
        self._telemetry.count("NamesUnknown")
        if name in self._reported:
            return
        _remember(self._reported, name, None)
        self._telemetry.log.warning(
            "A name is left out, because ServiceNow shows not exactly one record of it. Correct the rule, or let the "
            "integration user read the table.",
            field=field,
            name_in_rule=masking().record({field: value[:100]})[field],
            table=reference.table,
        )


def _is_address(reference: Reference, value: str) -> bool:
    return reference.table == _ITEM and value.startswith(_ARN)


def _only(records: Sequence[Record], known_by: Sequence[str], value: str) -> str:
    # ServiceNow drops conditions that it does not understand, and compares without regard to case.
    for key in known_by:
        same = [record for record in records if record.fields.get(key, "").casefold() == value.casefold()]
        if same:
            return same[0].sys_id if len(same) == 1 else ""
    return ""


def _remember[Value](memory: OrderedDict[_Name, Value], name: _Name, value: Value) -> None:
    memory[name] = value
    memory.move_to_end(name)
    if len(memory) > _MOST_NAMES:
        memory.popitem(last=False)
