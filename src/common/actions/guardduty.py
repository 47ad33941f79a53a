"""Findings of GuardDuty follow: archived or current, and whether they were useful.

Permissions: guardduty:ListDetectors, and guardduty:ArchiveFindings, guardduty:UnarchiveFindings and
guardduty:UpdateFindingsFeedback on the detector of the account and Region where the finding came from. That has to be
the administrator's where there is one: members may not archive
(https://docs.aws.amazon.com/guardduty/latest/APIReference/API_ArchiveFindings.html).
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import batched
from typing import Any

from common.accounts import Accounts
from common.actions.decide import Action
from common.actions.refusals import CALL_SECONDS, meaning_of_refusals, need, try_all
from common.clock import Deadline
from common.errors import ConfigurationError, PermanentError

MOST_FINDINGS = 50
"""How many findings one call takes."""

PERMISSION = "guardduty:ListDetectors, :ArchiveFindings, :UnarchiveFindings and :UpdateFindingsFeedback"

_LONGEST_COMMENT = 512


class GuardDuty:
    """Archives findings, or takes them out of the archive."""

    def __init__(self, accounts: Accounts, make: Callable[..., Any]) -> None:
        """Reach other accounts by `accounts`; `make` makes a client."""
        self._accounts = accounts
        self._make = make

    def perform(self, action: Action, deadline: Deadline) -> None:
        """Archive the findings of an action, or bring them back, and give feedback; raises as `OpsItems.perform`."""
        guardduty = self._accounts.client("guardduty", self._make, action.account, action.region)
        findings = [each["id"] for each in action.objects]
        refusals = partial(meaning_of_refusals, permission=PERMISSION, account=action.account, region=action.region)
        with refusals():
            # A finding of a member names that account's detector, and only the administrator's may archive it.
            detector = detector_of(guardduty, action.account, action.region)

        def update(some: Sequence[str]) -> None:
            need(2 * CALL_SECONDS, deadline)
            with refusals():
                _set(guardduty, action, detector, list(some))

        try_all(batched(findings, MOST_FINDINGS, strict=False), update, goes_on_after=PermanentError)


def _set(guardduty: Any, action: Action, detector: str, findings: Sequence[str]) -> None:  # noqa: ANN401 (a boto3 client)
    if action.feedback:
        about = f" ({action.close_code})" if action.close_code else ""
        guardduty.update_findings_feedback(
            DetectorId=detector,
            FindingIds=findings,
            Feedback=action.feedback,
            Comments=f"ServiceNow {action.number}{about}: {action.link}"[:_LONGEST_COMMENT],
        )
    if action.value == "ARCHIVED":
        guardduty.archive_findings(DetectorId=detector, FindingIds=findings)
    else:
        guardduty.unarchive_findings(DetectorId=detector, FindingIds=findings)


def detector_of(guardduty: Any, account: str, region: str) -> str:  # noqa: ANN401 (a boto3 client)
    """Return the detector of the account that the client is for. Raises ConfigurationError where it has none."""
    detectors: Sequence[str] = guardduty.list_detectors()["DetectorIds"]
    if not detectors:
        raise ConfigurationError(
            f"GuardDuty has no detector in account {account}, Region {region}.",
            action="Switch GuardDuty on there, or take guardduty out of the parameter RecordActions.",
        )
    return detectors[0]


def trials(guardduty: Any, accounts: Accounts) -> Iterator[Callable[[], Any]]:  # noqa: ANN401 (a boto3 client)
    """Yield calls that need the permissions and change nothing: they are about no finding at all."""
    detector = detector_of(guardduty, accounts.own, accounts.region)
    yield lambda: guardduty.archive_findings(DetectorId=detector, FindingIds=[])
    yield lambda: guardduty.unarchive_findings(DetectorId=detector, FindingIds=[])
    yield lambda: guardduty.update_findings_feedback(DetectorId=detector, FindingIds=[], Feedback="USEFUL")
