"""Incidents for callers: create, read, list, change, comment, resolve, attach."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from common.api.allow_list import LONG_TEXTS, READ_ALWAYS, AllowList
from common.api.callers import on_behalf
from common.api.creation import Created, Creation
from common.api.once import Once
from common.api.ownership import Ownership
from common.api.paging import Filter, Page, read_page
from common.api.problems import Kind, ProblemError, harmless_to_repeat, invalid
from common.api.references import References, record_named
from common.api.requests import RequestKey, Sender
from common.api.times import in_servicenow
from common.clock import Deadline
from common.errors import PermanentError
from common.incidents.fields import LENGTHS, inert_fields, inert_note, shorten
from common.incidents.item import deployment_prefix, problem_in
from common.servicenow.client import Content
from common.servicenow.query import equals, term
from common.servicenow.records import SYS_ID, Record, Records

TABLE = "incident"

STATES: Mapping[str, str] = {
    "new": "1",
    "in_progress": "2",
    "on_hold": "3",
    "resolved": "6",
    "closed": "7",
    "canceled": "8",
}
"""The states by which incidents can be listed, beside `open`, which means active."""

IDENTIFIER = r"^([0-9a-f]{32}|[A-Z]{2,10}[0-9]{4,20})$"
"""A sys_id, or a number such as INC0010001."""

# What the API itself asks for, and shows nobody.
_HIDDEN = ("correlation_id", "assignment_group.name")


@dataclass(frozen=True, slots=True)
class Search:
    """Which incidents to list: an empty value asks for all. `group` is a sys_id or a name."""

    state: str = ""
    group: str = ""
    opened_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class File:
    """A file to attach."""

    name: str
    content: Content


class Incidents:
    """What callers do with incidents. Which ones they see, and which fields they write, the allow-list says."""

    def __init__(  # noqa: PLR0913 (the parts that it is put together from)
        self,
        records: Records,
        listed: Records,
        creation: Creation,
        once: Once,
        allowed: AllowList,
        *,
        references: References,
        ownership: Ownership,
        deployment: str,
        close_code: str,
    ) -> None:
        """Read one incident through `records`, which asks for `fields_of_one`, and pages through `listed`."""
        self._records = records
        self._listed = listed
        self._creation = creation
        self._once = once
        self._allowed = allowed
        self._references = references
        self._ownership = ownership
        self._prefix = deployment_prefix(deployment)
        self._close_code = close_code

    def create(self, sender: Sender, fields: Mapping[str, str], deadline: Deadline) -> Created:
        """Open the incident of a request, once. Raises what `Creation.create` raises, and ProblemError."""
        values = self._allowed.for_incident(fields)
        request = RequestKey.of(sender, "POST /incidents", values)
        note = {"work_notes": inert_note(f"Opened through the AWS API for {on_behalf(sender.caller)}.")}
        return self._creation.create(request, TABLE, self._references.resolved(values, deadline) | note, deadline)

    def read(self, identifier: str, deadline: Deadline) -> dict[str, str]:
        """Return the incident with that sys_id or number. Raises ProblemError where the caller may see none."""
        return shown(self._one(identifier, deadline))

    def search(self, search: Search, *, cursor: str | None, limit: int, deadline: Deadline) -> Page:
        """Return a page of incidents without their long texts, newest first. Raises what `read_page` raises."""
        try:
            filters = list(self._filters(search))
        except PermanentError as error:
            raise invalid(error.message, error.action) from None
        return read_page(self._listed, TABLE, filters, cursor=cursor, limit=limit, deadline=deadline)

    def change(self, sender: Sender, identifier: str, fields: Mapping[str, str], deadline: Deadline) -> dict[str, str]:
        """Set fields of an incident and return it. Setting the same values again changes nothing more."""
        allowed = self._allowed.for_incident(fields)
        # First, so that who may not see the record learns nothing about the names either.
        record = self._own(sender, identifier, deadline)
        values = self._records.as_written(self._references.resolved(allowed, deadline))
        changed = sorted(name for name, value in values.items() if record.fields.get(name, "") != value)
        if changed:
            done = f"Changed through the AWS API for {on_behalf(sender.caller)}: {', '.join(changed)}."
            values = {**values, "work_notes": inert_note(done)}
        with harmless_to_repeat():
            return shown(self._records.update(TABLE, record.sys_id, values, deadline))

    def write_note(self, sender: Sender, identifier: str, field: str, text: str, deadline: Deadline) -> bool:
        """Append to a journal field (`comments`, `work_notes`); return False where this key has done so before."""
        values = {field: inert_note(text)}
        if not values[field]:
            raise invalid("The text holds nothing that can be shown.")
        sent = values | {"work_notes": _signed(values, on_behalf(sender.caller))}
        record = self._own(sender, identifier, deadline)
        write = partial(self._records.update, TABLE, record.sys_id, sent, deadline)
        return self._at_most_once(sender, f"{field} {record.sys_id}", values, write, deadline)

    def resolve(self, sender: Sender, identifier: str, notes: str, code: str, deadline: Deadline) -> dict[str, str]:
        """Resolve an incident and return it; `code` is the deployment's where it is empty.

        One that is resolved already is returned as it is. Raises ProblemError for a closed or canceled one.
        """
        record = self._own(sender, identifier, deadline)
        state = record.fields.get("state")
        if state == STATES["resolved"]:
            return shown(record)
        if state in (STATES["closed"], STATES["canceled"]):
            raise ProblemError(
                Kind.CONFLICT, "The incident is closed or canceled.", action="Nothing is to be done: it is over."
            )
        done = f"Resolved through the AWS API for {on_behalf(sender.caller)}."
        values = inert_fields({"close_code": code or self._close_code, "close_notes": notes, "work_notes": done})
        with harmless_to_repeat():
            return shown(self._records.update(TABLE, record.sys_id, {"state": STATES["resolved"], **values}, deadline))

    def attach(self, sender: Sender, identifier: str, file: File, deadline: Deadline) -> bool:
        """Attach a file to an incident; return False where this key has done so before."""
        record = self._own(sender, identifier, deadline)
        write = partial(self._records.attach, TABLE, record.sys_id, file.name, file.content, deadline)
        content = {
            "name": file.name,
            "media_type": file.content.media_type,
            "sha256": hashlib.sha256(file.content.data).hexdigest(),
        }
        return self._at_most_once(sender, f"attachments {record.sys_id}", content, write, deadline)

    def _at_most_once(
        self,
        sender: Sender,
        operation: str,
        content: Mapping[str, str],
        write: Callable[[], object],
        deadline: Deadline,
    ) -> bool:
        if sender.key is None:
            write()
            return True
        request = RequestKey.of(sender, operation, content)
        return self._once.run(request, TABLE, write, deadline)

    def _own(self, sender: Sender, identifier: str, deadline: Deadline) -> Record:
        """Return an incident that the sender may change. Raises ProblemError for any other."""
        record = self._one(identifier, deadline)
        self._ownership.check(sender, TABLE, record)
        return record

    def _one(self, identifier: str, deadline: Deadline) -> Record:
        record = record_named(self._records, TABLE, identifier, deadline)
        if record is None or not self._is_visible(record):
            raise ProblemError(
                Kind.NOT_FOUND,
                "There is no such incident, or not one that this API shows.",
                action="Check the number. Incidents that this bridge did not open are not shown by default.",
            )
        return record

    def _is_visible(self, record: Record) -> bool:
        problem = problem_in(record.fields.get("correlation_id", ""))
        return self._allowed.all_incidents or problem.startswith(self._prefix)

    def _filters(self, search: Search) -> Iterator[Filter]:
        if not self._allowed.all_incidents:
            yield Filter(term("correlation_id", "STARTSWITH", self._prefix), self._is_visible)
        if search.state == "open":
            yield _equals("active", "true")
        elif search.state:
            yield _equals("state", STATES[search.state])
        if search.group:
            by_id = SYS_ID.fullmatch(search.group) is not None
            yield _equals("assignment_group" if by_id else "assignment_group.name", search.group)
        if search.opened_since is not None:
            since = in_servicenow(search.opened_since)
            yield Filter(term("opened_at", ">=", since), lambda record: record.fields.get("opened_at", "") >= since)


def fields_of_page(allowed: AllowList) -> tuple[str, ...]:
    """Return the fields of an incident in a page."""
    return tuple(dict.fromkeys((*READ_ALWAYS, *sorted(allowed.incident_fields - set(LONG_TEXTS)), *_HIDDEN)))


def fields_of_one(allowed: AllowList) -> tuple[str, ...]:
    """Return the fields of a single incident."""
    return tuple(dict.fromkeys((*fields_of_page(allowed), *LONG_TEXTS)))


def shown(record: Record) -> dict[str, str]:
    """Return what callers see of an incident: the fields that were asked for, without the bridge's own."""
    return {name: value for name, value in record.fields.items() if name not in _HIDDEN}


def _signed(values: Mapping[str, str], who: str) -> str:
    """Return the work note that says on whose behalf a journal entry is; a comment's reader need not know."""
    own = values.get("work_notes")
    line = f"For {who}, through the AWS API."
    longest = LENGTHS["work_notes"] - len(line) - 2
    return inert_note(f"{shorten(own, longest)}\n\n{line}" if own else f"Commented through the AWS API for {who}.")


def _equals(field: str, value: str) -> Filter:
    # ServiceNow compares without regard to case.
    return Filter(equals(field, value), lambda record: record.fields.get(field, "").lower() == value.lower())
