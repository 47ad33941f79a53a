"""Findings of Security Hub follow: their workflow status, and a note with the record's number and link.

Permission: securityhub:BatchUpdateFindings on the hub of the account and Region where the finding came from, for both
feeds: ASFF by BatchUpdateFindings, OCSF by BatchUpdateFindingsV2, which has no action of its own
(https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_BatchUpdateFindingsV2.html).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import batched
from typing import Any

from common.accounts import Accounts
from common.actions.decide import Action
from common.actions.refusals import CALL_SECONDS, NOTHING, meaning_of_refusals, need, try_all
from common.clock import Clock, Deadline
from common.errors import PermanentError, TransientError
from common.retry import tries
from common.telemetry import Telemetry

MOST_FINDINGS = 100
"""How many findings one call takes, of either feed."""

STATUS_IDS: Mapping[str, int] = {"NEW": 1, "NOTIFIED": 2, "SUPPRESSED": 3, "RESOLVED": 4}
"""What a workflow status is in OCSF: New, In Progress, Suppressed, Resolved (https://schema.ocsf.io, status_id)."""

PERMISSION = "securityhub:BatchUpdateFindings"

_TRIES = 3
_LONGEST_NOTE = 512
# Codes of single findings that will never be processed.
_GONE = ("FindingNotFound", "ResourceNotFoundException", "InvalidInput", "ValidationException")


class SecurityHub:
    """Sets the workflow status of findings."""

    def __init__(
        self,
        accounts: Accounts,
        make: Callable[..., Any],
        *,
        author: str,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        """Reach other accounts by `accounts`; `make` makes a client, and `author` signs the notes."""
        self._accounts = accounts
        self._make = make
        self._author = author[:_LONGEST_NOTE]
        self._clock = clock
        self._telemetry = telemetry

    def perform(self, action: Action, deadline: Deadline) -> None:
        """Set a status on all findings of an action; what Security Hub leaves out is tried again.

        Raises PermanentError where findings are gone, TransientError where some were never processed,
        ConfigurationError where a right is missing.
        """
        hub = self._accounts.client("securityhub", self._make, action.account, action.region)
        note = note_of(action)
        update = {"Note": {"Text": note, "UpdatedBy": self._author}, "Workflow": {"Status": action.value}}
        comment = {"Comment": note, "StatusId": STATUS_IDS[action.value]}
        asff = [
            {"Id": each["id"], "ProductArn": each["product_arn"]} for each in action.objects if "product_arn" in each
        ]
        ocsf = [each["metadata_uid"] for each in action.objects if "product_arn" not in each]

        def with_asff(waiting: Sequence[Any]) -> Any:  # noqa: ANN401 (AWS's own)
            return hub.batch_update_findings(FindingIdentifiers=list(waiting), **update)

        def with_ocsf(waiting: Sequence[Any]) -> Any:  # noqa: ANN401 (AWS's own)
            return hub.batch_update_findings_v2(MetadataUids=list(waiting), **comment)

        calls = [
            *((some, with_asff, "FindingIdentifier") for some in batched(asff, MOST_FINDINGS, strict=False)),
            *((some, with_ocsf, "MetadataUid") for some in batched(ocsf, MOST_FINDINGS, strict=False)),
        ]
        try_all(calls, lambda call: self._all(action, *call, deadline), goes_on_after=PermanentError)

    def _all(
        self,
        action: Action,
        waiting: Sequence[Any],
        update: Callable[[Sequence[Any]], Mapping[str, Any]],
        identifier: str,
        deadline: Deadline,
    ) -> None:
        """Update findings by one call, and again those that are `waiting` still, which an answer names `identifier`."""
        gone = 0
        for _ in tries(_TRIES, self._clock):
            need(CALL_SECONDS, deadline)
            with meaning_of_refusals(permission=PERMISSION, account=action.account, region=action.region):
                unprocessed = update(waiting)["UnprocessedFindings"]
            gone += sum(left.get("ErrorCode") in _GONE for left in unprocessed)
            waiting = [left[identifier] for left in unprocessed if left.get("ErrorCode") not in _GONE]
            if not waiting:
                break
            self._telemetry.count("FindingsUnprocessed", len(waiting))
        if waiting:
            raise TransientError(
                f"Security Hub left {len(waiting)} findings unprocessed.",
                action="Nothing is lost; if this stays, look at Security Hub's quotas.",
            )
        if gone:
            raise PermanentError(
                f"Security Hub does not know {gone} of the findings that {action.number} stands for.",
                action="Nothing is to be done where they were deleted: they last for 90 days after their last update.",
            )


def note_of(action: Action) -> str:
    """Return what stands beside a finding, in one line that both feeds take."""
    about = f" ({action.close_code})" if action.close_code and action.value in ("RESOLVED", "SUPPRESSED") else ""
    return f"ServiceNow {action.number}{about}: {action.link}"[:_LONGEST_NOTE]


def trials(hub: Any, accounts: Accounts) -> Iterator[Callable[[], Any]]:  # noqa: ANN401 (a boto3 client)
    """Yield calls that need the permission and change nothing: there is no such finding."""
    product = f"arn:{accounts.partition}:securityhub:{accounts.region}::product/aws/securityhub"
    finding = {"Id": NOTHING, "ProductArn": product}
    yield lambda: hub.batch_update_findings(FindingIdentifiers=[finding], Workflow={"Status": "NOTIFIED"})
