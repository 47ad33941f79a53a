"""Findings of IAM Access Analyzer follow: archived or active.

Permission: access-analyzer:UpdateFindings on the analyzer, in the account and Region where the finding came from.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from common.accounts import Accounts
from common.actions.decide import Action
from common.actions.refusals import CALL_SECONDS, NOTHING, meaning_of_refusals, need, try_all
from common.clock import Deadline
from common.errors import PermanentError

PERMISSION = "access-analyzer:UpdateFindings"


class AccessAnalyzer:
    """Archives findings, or makes them active again."""

    def __init__(self, accounts: Accounts, make: Callable[..., Any]) -> None:
        """Reach other accounts by `accounts`; `make` makes a client."""
        self._accounts = accounts
        self._make = make

    def perform(self, action: Action, deadline: Deadline) -> None:
        """Set the status of the findings of an action, those of one analyzer together; raises as `OpsItems.perform`."""
        analyzer = self._accounts.client("accessanalyzer", self._make, action.account, action.region)
        findings: dict[str, list[str]] = defaultdict(list)
        for each in action.objects:
            findings[each["analyzer_arn"]].append(each["id"])

        def update(arn: str) -> None:
            need(CALL_SECONDS, deadline)
            with meaning_of_refusals(permission=PERMISSION, account=action.account, region=action.region):
                analyzer.update_findings(analyzerArn=arn, ids=findings[arn], status=action.value)

        try_all(findings, update, goes_on_after=PermanentError)


def trials(analyzer: Any, accounts: Accounts) -> Iterator[Callable[[], Any]]:  # noqa: ANN401 (a boto3 client)
    """Yield calls that need the permission and change nothing: there is no such analyzer."""
    arn = f"arn:{accounts.partition}:access-analyzer:{accounts.region}:{accounts.own}:analyzer/{NOTHING}"
    yield lambda: analyzer.update_findings(analyzerArn=arn, ids=[NOTHING], status="ARCHIVED")
