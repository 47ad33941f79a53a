"""Change requests for callers: ask for one and wait for it, read it, close it."""

from collections.abc import Mapping

from common.api.callers import on_behalf
from common.api.creation import Created, Creation
from common.api.ownership import Ownership
from common.api.problems import Kind, ProblemError, harmless_to_repeat
from common.api.references import References, record_named
from common.api.requests import RequestKey, Sender
from common.clock import Deadline
from common.errors import PermanentError
from common.gate.door import Door, TokenUsedUpError
from common.incidents.fields import inert_fields, inert_note
from common.incidents.item import deployment_prefix, problem_in, problem_of
from common.incidents.waiting import Waiting
from common.servicenow.change_requests import BEFORE_APPROVAL, CANCELED, CLOSED, TABLE, UNSUCCESSFUL
from common.servicenow.records import Record, Records

SHOWN = (
    "sys_id",
    "number",
    "type",
    "state",
    "approval",
    "active",
    "short_description",
    "assignment_group",
    "start_date",
    "end_date",
    "opened_at",
    "closed_at",
    "close_code",
    "close_notes",
)
"""The fields of a change that callers see."""

READ = (*SHOWN, "correlation_id")


class Changes:
    """What callers do with change requests. Whoever asked for one closes it, and nobody else."""

    def __init__(  # noqa: PLR0913 (what it is put together from)
        self,
        records: Records,
        targets: Records,
        creation: Creation,
        gate: Door,
        *,
        references: References,
        ownership: Ownership,
        deployment: str,
    ) -> None:
        """Read through `records`, which must show `READ`, and write through `targets`, which closes by a walk."""
        self._records = records
        self._targets = targets
        self._creation = creation
        self._ledger = creation.ledger
        self._gate = gate
        self._references = references
        self._ownership = ownership
        self._deployment = deployment

    def create(self, sender: Sender, fields: Mapping[str, str], waiting: Waiting | None, deadline: Deadline) -> Created:
        """Open the change of a request, once, and let `waiting` wait for it.

        The token is no part of what the request asks for: a task that is tried again has another. It is kept before
        the change is opened, and dropped where none will ever be. Raises what `Creation.create` raises, and
        ProblemError where nothing waits with the token.
        """
        values = inert_fields(fields)
        request = RequestKey.of(sender, "POST /changes", values)
        resolved = self._references.resolved(values, deadline)
        if waiting is None:
            return self._creation.create(request, TABLE, resolved, deadline)
        problem = problem_of(self._deployment, request.dedup_key)
        item = self._ledger.read(problem, dedup_key=request.dedup_key, table=TABLE)
        item.asked_with(request.fingerprint)
        try:
            self._gate.expect(problem, waiting, asked_at=self._ledger.now())
        except TokenUsedUpError as error:
            raise ProblemError(Kind.TOKEN_USED_UP, error.message, action=error.action) from None
        try:
            made = self._creation.create(request, TABLE, resolved, deadline)
        except PermanentError:
            self._gate.forget(problem, waiting)
            raise
        if made.repeated:
            # It may be decided already, and then nothing would tell who begins to wait only now.
            self._gate.remind(request.dedup_key)
        return made

    def read(self, identifier: str, deadline: Deadline) -> tuple[dict[str, str], str]:
        """Return a change that this bridge opened, and what whoever waits for it was told.

        That is `nobody` where nobody waits, `waiting`, one of `common.gate.verdict.Outcome`, or `used_up`.
        """
        record = self._one(identifier, deadline)
        place = self._gate.read(_problem(record))
        told = place.outcome or ("used_up" if place.ended else "nobody")
        return shown(record), "waiting" if place.waiting is not None else told

    def close(self, sender: Sender, identifier: str, result: str, notes: str, deadline: Deadline) -> dict[str, str]:
        """Close a change and return it. One that is over already stays as it is, so repeating it is harmless.

        One that nobody has approved yet can only be closed as unsuccessful, and is canceled then.
        """
        record = self._one(identifier, deadline)
        self._ownership.check(sender, TABLE, record)
        state = record.fields.get("state", "")
        if state in (CLOSED, CANCELED):
            return shown(record)
        if state in BEFORE_APPROVAL and result != UNSUCCESSFUL:
            raise ProblemError(
                Kind.CONFLICT,
                "The change is not approved yet, so it can't be closed as successful.",
                action="Close it as unsuccessful, which cancels it, or let the approvers decide first.",
            )
        done = inert_note(f"Closed as {result} through the AWS API for {on_behalf(sender.caller)}.")
        values = {"state": CLOSED, **inert_fields({"close_code": result, "close_notes": notes}), "work_notes": done}
        with harmless_to_repeat():
            self._targets.update(TABLE, record.sys_id, values, deadline)
        after = self._one(record.sys_id, deadline)
        if after.fields.get("state") not in (CLOSED, CANCELED):
            raise ProblemError(
                Kind.CONFLICT,
                "ServiceNow took the close and left the change as it was.",
                action="Close it in ServiceNow: its change model asks for something that the API does not bring.",
            )
        return shown(after)

    def _one(self, identifier: str, deadline: Deadline) -> Record:
        record = record_named(self._records, TABLE, identifier, deadline)
        if record is None or not _problem(record).startswith(deployment_prefix(self._deployment)):
            raise ProblemError(
                Kind.NOT_FOUND,
                "There is no such change, or not one that this bridge opened.",
                action="Check the number.",
            )
        return record


def shown(record: Record) -> dict[str, str]:
    """Return what callers see of a change."""
    return {name: record.fields[name] for name in SHOWN if name in record.fields}


def _problem(record: Record) -> str:
    return problem_in(record.fields.get("correlation_id", ""))
