"""ServiceNow's incident table as a value: each write returns a new instance, so that histories can branch."""

from collections.abc import Mapping
from copy import replace
from dataclasses import dataclass
from typing import Literal

from common.servicenow.records import Record

NEW, IN_PROGRESS, RESOLVED, CLOSED = "1", "2", "6", "7"

type Act = Literal["resolve", "close", "delete"]


@dataclass(frozen=True, slots=True)
class Row:
    """An incident."""

    sys_id: str
    correlation_id: str = ""
    marker: str = ""
    state: str = NEW
    description: str = ""
    close_notes: str = ""
    parent: str = ""

    @property
    def is_open(self) -> bool:
        """Whether somebody still has to look at it."""
        return self.state not in (RESOLVED, CLOSED)

    def record(self) -> Record:
        """Return it as the REST client does, with the fields that the desk reads."""
        fields = {
            "sys_id": self.sys_id,
            "number": f"INC{int(self.sys_id, 16):07d}",
            "state": self.state,
            "active": "false" if self.state == CLOSED else "true",
            "correlation_id": self.correlation_id,
            "correlation_display": self.marker,
        }
        return Record(self.sys_id, fields)


def _meets(row: Row, term: str) -> bool:
    begins = "correlation_idSTARTSWITH"
    if term.startswith(begins):
        return row.correlation_id.startswith(term.removeprefix(begins))
    name, _, value = term.partition("=")
    return row.record().fields[name] == value


@dataclass(frozen=True, slots=True)
class Instance:
    """All incidents, and the first line of every work note, after the incident's sys_id, sorted.

    `person_acted_last` tells whether a person changed a record after the bridge last did. `discards_markers` stands
    for an access rule that silently drops what the bridge writes into correlation_display. `closed_is_final` is how
    the platform comes; an instance may be configured otherwise, or so that it forbids every change of a closed one
    (`closed_is_read_only`), or lets nobody but people change a state (`state_is_ignored`).
    """

    rows: tuple[Row, ...] = ()
    notes: tuple[tuple[str, str], ...] = ()
    inserted: int = 0
    person_acted_last: bool = False
    discards_markers: bool = False
    closed_is_final: bool = True
    closed_is_read_only: bool = False
    state_is_ignored: bool = False

    def row(self, sys_id: str) -> Row | None:
        """Return one incident, None where there is none."""
        return next((row for row in self.rows if row.sys_id == sys_id), None)

    def forbids(self, sys_id: str) -> bool:
        """Tell whether an incident may not be changed by an integration."""
        row = self.row(sys_id)
        return self.closed_is_read_only and row is not None and row.state == CLOSED

    def matching(self, query: str) -> tuple[Row, ...]:
        """Return the incidents that one of the desk's own queries finds."""
        terms = query.split("^ORDERBY", maxsplit=1)[0].split("^OR")
        return tuple(row for row in self.rows if any(_meets(row, term) for term in terms))

    def insert(self, fields: Mapping[str, str]) -> "Instance":
        """Return this instance with one incident more, the last of `rows`."""
        row = self._changed(Row(f"{self.inserted + 1:032x}"), fields)
        return replace(self, rows=(*self.rows, row), inserted=self.inserted + 1, person_acted_last=False)

    def update(self, sys_id: str, fields: Mapping[str, str]) -> "Instance":
        """Return this instance with one incident changed; a closed one keeps its state, a note is appended.

        Raises KeyError where there is no such incident.
        """
        row = self.row(sys_id)
        if row is None:
            raise KeyError(sys_id)
        notes = self.notes
        if "work_notes" in fields:
            notes = tuple(sorted((*notes, (sys_id, fields["work_notes"].split("\n")[0]))))
        changed = self._changed(row, fields)
        return replace(self._with(row, changed)._in_step(row, changed), notes=notes, person_acted_last=False)

    def _in_step(self, before: Row, after: Row) -> "Instance":
        """Return this instance with the children of an incident resolved, or reopened, where it was."""
        if before.is_open is after.is_open or after.state == CLOSED:
            return self
        follows = {row for row in self.rows if row.parent == after.sys_id and row.is_open is before.is_open}
        rows = tuple(replace(row, state=after.state) if row in follows else row for row in self.rows)
        return replace(self, rows=rows)

    def by_person(self, sys_id: str, act: Act) -> "Instance":
        """Return this instance after a person resolved, closed or deleted an incident."""
        row = self.row(sys_id)
        if row is None:
            raise KeyError(sys_id)
        if act == "delete":
            rest = tuple(other for other in self.rows if other is not row)
            return replace(self, rows=rest, person_acted_last=True)
        changed = replace(row, state=RESOLVED if act == "resolve" else CLOSED)
        return replace(self._with(row, changed), person_acted_last=True)

    def _keeps_state(self, row: Row) -> bool:
        return self.state_is_ignored or (row.state == CLOSED and self.closed_is_final)

    def _with(self, old: Row, new: Row) -> "Instance":
        return replace(self, rows=tuple(new if row is old else row for row in self.rows))

    def _changed(self, row: Row, fields: Mapping[str, str]) -> Row:
        return replace(
            row,
            correlation_id=fields.get("correlation_id", row.correlation_id),
            marker=row.marker if self.discards_markers else fields.get("correlation_display", row.marker),
            state=row.state if self._keeps_state(row) else fields.get("state", row.state),
            description=fields.get("short_description", row.description),
            close_notes=fields.get("close_notes", row.close_notes),
            parent=fields.get("parent_incident", row.parent),
        )
