"""Answers who waits when the watch tells that their change is another than before.

A message is only a reason to look. What counts is what the watch itself read in ServiceNow and wrote down in the
ledger's table: whoever may put events on the bus approves nothing by it.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from common.clock import Deadline
from common.errors import NotYetError
from common.gate.answers import Answers
from common.gate.gate import Gate
from common.gate.verdict import Outcome, Verdict, outcome_of
from common.incidents.fields import inert_note, shorten
from common.incidents.item import problem_of
from common.servicenow.change_requests import TABLE
from common.servicenow.records import Record, page_of
from common.text import one_line
from common.watch.memory import Memory

_SOON = 3.0
_LONGEST_COMMENT = 1000


class Told(Protocol):
    """A change of a record, as a message tells it."""

    @property
    def event(self) -> Mapping[str, Any]:
        """The whole event."""
        ...

    @property
    def table(self) -> str:
        """The table of the record."""
        ...

    @property
    def sys_id(self) -> str:
        """Its sys_id."""
        ...

    @property
    def updates(self) -> int:
        """Its count of updates at that time."""
        ...


class GateFollower:
    """Lets executions go on, or fail, as people decided."""

    def __init__(self, gate: Gate, memory: Memory, answers: Answers, *, deployment: str, host: str) -> None:
        """Look into `memory`, answer through `answers`; records are shown at `host`."""
        self._gate = gate
        self._memory = memory
        self._answers = answers
        self._deployment = deployment
        self._host = host

    def follow(self, change: Told, deadline: Deadline) -> None:  # noqa: ARG002 (a call of AWS has its own limits)
        """Answer who waits for a change of ServiceNow, if it is decided.

        Raises NotYetError where the watch or the request has not written down yet what was told, and what
        `Gate.answer` raises.
        """
        key = change.event["detail"].get("dedup_key")
        if change.table != TABLE or not isinstance(key, str):
            return
        place = self._gate.read(problem_of(self._deployment, key))
        if place.waiting is None:
            return
        record = self._memory.ledger.read(place.problem, dedup_key=key, table=TABLE).record
        if record is None:
            raise _not_yet("The request for this change is still under way.")
        known = self._memory.known([Record(record.sys_id)]).get(record.sys_id)
        if known is None or (change.sys_id == record.sys_id and known.updates < change.updates):
            raise _not_yet("The watch has not written down yet what it told of this change.")
        outcome = outcome_of(known.values)
        if outcome is None:
            return

        comment = _comment(change) if change.sys_id == record.sys_id else ""

        def verdict(outcome: Outcome) -> Verdict:
            link = page_of(self._host, TABLE, record.sys_id)
            return Verdict(outcome, record.number, record.sys_id, link, comment)

        self._gate.answer(place, outcome, verdict, self._answers.send)


def _comment(change: Told) -> str:
    """Return what the watch told of a comment, in one line: it explains, and decides nothing."""
    told = change.event["detail"].get("comment")
    texts = [str(told.get(name, "")) for name in ("by", "text")] if isinstance(told, dict) else []
    return shorten(one_line(inert_note(" wrote: ".join(texts))), _LONGEST_COMMENT)


def _not_yet(message: str) -> NotYetError:
    return NotYetError(message, action="Nothing: it is looked at again.", retry_after=_SOON)
