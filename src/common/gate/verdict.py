"""What the fields of a change request mean for whom it lets wait, and what is told then. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from common.servicenow.change_requests import AFTER_APPROVAL, BEFORE_APPROVAL, CANCELED, CLOSED

_UNDECIDED = frozenset({"requested", "rejected"})


class Outcome(StrEnum):
    """What became of a change, as far as who waits for it is concerned."""

    APPROVED = "approved"
    REJECTED = "rejected"
    CANCELED = "canceled"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is told to who waits: the outcome, the change's number, sys_id and page, and what people wrote."""

    outcome: Outcome
    number: str
    sys_id: str
    link: str
    comment: str = ""

    @property
    def goes_on(self) -> bool:
        """Whether who waits may go on."""
        return self.outcome is Outcome.APPROVED

    @property
    def reason(self) -> str:
        """One sentence for a person, and what people wrote where it can't go on."""
        told = f"ServiceNow change {self.number or self.sys_id} is {self.outcome.value}: {self.link}"
        return f"{told} {self.comment}" if self.comment and not self.goes_on else told


def outcome_of(fields: Mapping[str, str]) -> Outcome | None:
    """Return what the fields `state` and `approval` of a change mean, None while people still have to decide.

    A change that its model let into Scheduled or further is approved although nobody was asked, as standard ones are.
    Where a company's model has states of its own, the approval alone tells.
    """
    state, approval = fields.get("state", ""), fields.get("approval", "")
    if state == CANCELED:
        return Outcome.CANCELED
    if approval == "rejected":
        return Outcome.REJECTED
    if state == CLOSED or fields.get("active") == "false":
        return Outcome.CLOSED
    if state in BEFORE_APPROVAL or not state:
        return None
    if state in AFTER_APPROVAL:
        return None if approval in _UNDECIDED else Outcome.APPROVED
    return Outcome.APPROVED if approval == "approved" else None
