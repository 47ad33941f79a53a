"""Defects of what follows people and of what is added to records (faults 116 to 123), planted into the code."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from campaign.plants import Patch, caught_by
from common.actions import inbox, securityhub
from common.actions.change import RecordChange, change_in
from common.actions.securityhub import SecurityHub
from common.context import graph
from common.context.claims import Claim, Claims
from common.context.request import Request
from common.context.runner import Runner
from common.errors import AmbiguousError, BridgeError, HeldError, PermanentError, TransientError
from common.queue import as_error
from common.servicenow.client import Content


@caught_by(116, "wrong")
def failure_of_the_hub_passed_over(patch: Patch) -> None:
    """A call that Security Hub did not carry out counts as done."""
    perform = SecurityHub.perform

    def performing(self: SecurityHub, *arguments: Any) -> None:  # noqa: ANN401 (passed on)
        try:
            perform(self, *arguments)
        except TransientError:
            return

    patch.setattr(SecurityHub, "perform", performing)


@caught_by(117, "wrong")
def part_of_findings_taken_for_all(patch: Patch) -> None:
    """Whatever Security Hub leaves out, the whole batch counts as processed."""
    every = SecurityHub._all

    def all_of(self: SecurityHub, action: Any, waiting: Sequence[Any], update: Any, *rest: Any) -> None:  # noqa: ANN401
        def updating(some: Sequence[Any]) -> Mapping[str, Any]:
            return {**update(some), "UnprocessedFindings": []}

        every(self, action, waiting, updating, *rest)

    patch.setattr(SecurityHub, "_all", all_of)


@caught_by(118, "wrong")
def missing_right_given_up(patch: Patch) -> None:
    """What a person has to mend makes a dead letter of every change meanwhile."""

    def final(*arguments: Any) -> BridgeError:  # noqa: ANN401 (passed on)
        error = as_error(*arguments)
        return PermanentError(error.message, action=error.action) if isinstance(error, HeldError) else error

    patch.setattr(inbox, "as_error", final)


@caught_by(119, "wrong")
def gone_finding_waited_for(patch: Patch) -> None:
    """A finding that Security Hub does not know is taken for one that it left out."""
    patch.setattr(securityhub, "_GONE", ())


@caught_by(119, "wrong")
def any_deployment_followed(patch: Patch) -> None:
    """A change of whichever deployment is followed."""

    def change(body: str, **_: str) -> RecordChange:
        return change_in(body, deployment=json.loads(body)["detail"]["deployment"])

    patch.setattr(inbox, "change_in", change)


@caught_by(120, "wrong")
def throttled_picture_given_up(patch: Patch) -> None:
    """What is not there at once is never added."""
    worth = Runner._is_worth_another_try
    patch.setattr(Runner, "_is_worth_another_try", lambda *arguments: worth(*arguments) and False)


@caught_by(120, "wrong")
def anything_taken_for_a_picture(patch: Patch) -> None:
    """Whatever CloudWatch sends is attached."""
    patch.setattr(graph, "_picture", lambda data: Content("image/png", data))


@caught_by(121, "wrong")
def added_without_a_claim(patch: Patch) -> None:
    """Nobody writes down that something is about to be added."""
    patch.setattr(Claims, "take", lambda _self, _request, _kind, owner: Claim("", owner, 0))


@caught_by(121, "wrong")
def lost_answer_taken_for_a_refusal(patch: Patch) -> None:
    """An addition without an answer is taken for one that was not carried out."""
    write = Runner._write

    def writing(self: Runner, *arguments: Any) -> None:  # noqa: ANN401 (passed on)
        try:
            write(self, *arguments)
        except AmbiguousError as error:
            raise TransientError(error.message, action=error.action) from error

    patch.setattr(Runner, "_write", writing)


@caught_by(122, "wrong")
def claim_kept_after_a_refusal(patch: Patch) -> None:
    """A claim stays, though ServiceNow took nothing in."""
    patch.setattr(Claims, "give_back", lambda *_: None)


@caught_by(123, "wrong")
def unreadable_request_tried_again(patch: Patch) -> None:
    """A message that can't be read comes back."""
    read = Request.read

    def reading(body: str) -> Request:
        try:
            return read(body)
        except PermanentError as error:
            raise TransientError(error.message, action=error.action) from error

    patch.setattr(Request, "read", staticmethod(reading))
