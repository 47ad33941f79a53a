"""Findings of Security Hub follow: their workflow status, and a note with the record's number and link.

Permission: securityhub:BatchUpdateFindings on the hub of the account and Region where the finding came from, for both
feeds: ASFF by BatchUpdateFindings, OCSF by BatchUpdateFindingsV2, which has no action of its own
(https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_BatchUpdateFindingsV2.html).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import batched
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from common.accounts import Accounts
from common.actions.decide import Action
from common.actions.refusals import NOTHING, refusal
from common.clock import Clock, Deadline
from common.errors import PermanentError, TransientError
from common.retry import full_jitter
from common.telemetry import Telemetry

MOST_FINDINGS = 100
"""How many findings one call takes, of either feed."""

STATUS_IDS: Mapping[str, int] = {"NEW": 1, "NOTIFIED": 2, "SUPPRESSED": 3, "RESOLVED": 4}
"""What a workflow status is in OCSF: New, In Progress, Suppressed, Resolved (https://schema.ocsf.io, status_id)."""

PERMISSION = "securityhub:BatchUpdateFindings"

_TRIES = 3
_LONGEST_NOTE = 512
_CALL_SECONDS = 8.0
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
        for some in batched(asff, MOST_FINDINGS, strict=False):

            def with_asff(waiting: Sequence[Any]) -> Sequence[Mapping[str, Any]]:
                answer: Mapping[str, Any] = hub.batch_update_findings(FindingIdentifiers=list(waiting), **update)
                return _unprocessed(answer)

            self._all(action, some, with_asff, lambda left: left["FindingIdentifier"], deadline)
        for more in batched(ocsf, MOST_FINDINGS, strict=False):

            def with_ocsf(waiting: Sequence[Any]) -> Sequence[Mapping[str, Any]]:
                answer: Mapping[str, Any] = hub.batch_update_findings_v2(MetadataUids=list(waiting), **comment)
                return _unprocessed(answer)

            self._all(action, more, with_ocsf, lambda left: left["MetadataUid"], deadline)

    def _all(
        self,
        action: Action,
        waiting: Sequence[Any],
        update: Callable[[Sequence[Any]], Sequence[Mapping[str, Any]]],
        identifier: Callable[[Mapping[str, Any]], Any],
        deadline: Deadline,
    ) -> None:
        gone = 0
        for attempt in range(_TRIES):
            if attempt:
                self._clock.sleep(full_jitter(attempt, base=0.2, cap=1.0))
            if deadline.remaining() < _CALL_SECONDS:
                break
            try:
                unprocessed = update(waiting)
            except (ClientError, BotoCoreError) as error:
                raise refusal(error, permission=PERMISSION, account=action.account, region=action.region) from None
            gone += sum(str(left.get("ErrorCode", "")) in _GONE for left in unprocessed)
            waiting = [identifier(left) for left in unprocessed if str(left.get("ErrorCode", "")) not in _GONE]
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


def _unprocessed(answer: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    found: Sequence[Mapping[str, Any]] = answer["UnprocessedFindings"]
    return found


def note_of(action: Action) -> str:
    """Return what stands beside a finding, in one line that both feeds take."""
    about = f" ({action.close_code})" if action.close_code and action.value in ("RESOLVED", "SUPPRESSED") else ""
    return f"ServiceNow {action.number}{about}: {action.link}"[:_LONGEST_NOTE]


def trials(hub: Any, accounts: Accounts) -> Iterator[Callable[[], Any]]:  # noqa: ANN401 (a boto3 client)
    """Yield calls that need the permission and change nothing: there is no such finding."""
    product = f"arn:{accounts.partition}:securityhub:{accounts.region}::product/aws/securityhub"
    finding = {"Id": NOTHING, "ProductArn": product}
    yield lambda: hub.batch_update_findings(FindingIdentifiers=[finding], Workflow={"Status": "NOTIFIED"})
