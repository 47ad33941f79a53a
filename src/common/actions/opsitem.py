"""OpsItems of Systems Manager follow: their status, and the record's number and link as operational data.

Permissions: ssm:GetOpsItem and ssm:UpdateOpsItem on the OpsItem, in the account and Region where it came from. A
related item can only be an incident of Incident Manager or a document of Systems Manager
(https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_AssociateOpsItemRelatedItem.html), so the record
stands in the operational data, where people can search for it.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from common.accounts import Accounts
from common.actions.decide import Action
from common.actions.refusals import CALL_SECONDS, meaning_of_refusals, need, try_all
from common.clock import Deadline
from common.errors import PermanentError

KEY = "ServiceNow"
"""The entry of the operational data that names the record."""

PERMISSION = "ssm:GetOpsItem and ssm:UpdateOpsItem"

_ALIKE = (frozenset({"Resolved", "Closed"}),)
_NO_OPS_ITEM = "oi-000000000000"


class OpsItems:
    """Sets the status of OpsItems, where another one contradicts it."""

    def __init__(self, accounts: Accounts, make: Callable[..., Any]) -> None:
        """Reach other accounts by `accounts`; `make` makes a client."""
        self._accounts = accounts
        self._make = make

    def perform(self, action: Action, deadline: Deadline) -> None:
        """Set a status on each OpsItem of an action that has another one.

        Raises PermanentError where one is gone, once the others are done; TransientError where AWS does not answer;
        ConfigurationError where a right is missing.
        """
        ssm = self._accounts.client("opsitem", self._make, action.account, action.region)
        data = {KEY: {"Value": f"{action.number} {action.link}", "Type": "SearchableString"}}

        def update(ops_item: Mapping[str, str]) -> None:
            need(2 * CALL_SECONDS, deadline)
            with meaning_of_refusals(permission=PERMISSION, account=action.account, region=action.region):
                stored = ssm.get_ops_item(OpsItemId=ops_item["id"])["OpsItem"]
                difference = _difference(stored, action.value, data)
                if difference:
                    ssm.update_ops_item(OpsItemId=ops_item["id"], **difference)

        try_all(action.objects, update, goes_on_after=PermanentError)


def _difference(stored: Mapping[str, Any], status: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return what has to be changed of an OpsItem; what is not named stays as it is."""
    before = stored.get("Status", "")
    same = before == status or any({before, status} <= alike for alike in _ALIKE)
    wanted = {} if same else {"Status": status}
    known = stored.get("OperationalData", {}).get(KEY, {}).get("Value")
    return wanted if known == data[KEY]["Value"] else {**wanted, "OperationalData": data}


def trials(ssm: Any, _: Accounts) -> Iterator[Callable[[], Any]]:  # noqa: ANN401 (a boto3 client)
    """Yield calls that need the permissions and change nothing: there is no such OpsItem."""
    yield lambda: ssm.get_ops_item(OpsItemId=_NO_OPS_ITEM)
    yield lambda: ssm.update_ops_item(OpsItemId=_NO_OPS_ITEM, Status="Open")
