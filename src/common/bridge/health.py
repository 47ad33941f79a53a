"""Deep health of the API: the doctor's checks, as far as they only read, with what the API uses itself."""

from typing import TYPE_CHECKING

from common.api.caller_limit import CallerLimit
from common.bridge.access import Access, client_of
from common.checkup.account import Account
from common.checkup.checks import health_checks
from common.checkup.instance import Instance
from common.checkup.report import Report
from common.checkup.walk import examine
from common.clock import Deadline
from common.incidents.ledger import Ledger
from common.settings import ApiSettings

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient


def examine_api(  # noqa: PLR0913 (each is one part of what the API uses)
    settings: ApiSettings,
    access: Access,
    ledger: Ledger,
    sqs: "SQSClient",
    deadline: Deadline,
    *,
    limit: CallerLimit,
) -> Report:
    """Walk through what the API depends on, with the shared token, and return what was found; never raises."""
    account = Account(access.credentials, ledger, sqs)
    instance = Instance(settings.instance_host, access.transport, client_of(access), clock=access.clock)
    return examine(health_checks(settings, account, instance, access.tokens, prove_limit=limit.prove), deadline)
