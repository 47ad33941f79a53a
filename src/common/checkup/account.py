"""What is looked at in the AWS account: secret, ledger and queues."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from common.aws_errors import code_of, reason_of
from common.checkup.report import Finding
from common.clock import Deadline
from common.errors import ConfigurationError, CredentialsError, TransientError
from common.incidents.alert import ONLY_MEMBER, order_key
from common.incidents.ledger import Ledger
from common.oauth.credentials import CredentialsReader

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient

_LEDGER_KEY = "doctor"


@dataclass(frozen=True, slots=True)
class Account:
    """The checks that ask AWS. How long a call may take is the business of the clients that are passed."""

    credentials: CredentialsReader
    ledger: Ledger
    sqs: "SQSClient"

    def secret(self, _: Deadline) -> Finding:
        """Read the client credentials."""
        credentials = self.credentials.read()
        return Finding(f"client id of {len(credentials.client_id)} characters; authenticates by {credentials.way}")

    def certificate(self, _: Deadline) -> Finding:
        """Look when the client's certificate ends."""
        shown = self.credentials.certificate
        if shown is None:
            return Finding("none is shown, which does unless something asks for one")
        now = self.ledger.now() / 1000
        if shown.ends <= now:
            raise CredentialsError(
                f"The client certificate ended on {shown.last_day}.",
                action="Store another with `make secret`.",
                code="client_certificate_ended",
            )
        hint = ": replace it now" if shown.is_ending(now) else ""
        return Finding(f"is shown where the server asks, and ends on {shown.last_day}{hint}")

    def ledger_answers(self, _: Deadline) -> Finding:
        """Read an item that is not there."""
        self.ledger.read("health", dedup_key="", table="incident")
        return Finding("an item can be read")

    def ledger_is_written(self, _: Deadline) -> Finding:
        """Read and write an item of the doctor's own."""
        item = self.ledger.read(_LEDGER_KEY, dedup_key=_LEDGER_KEY, table="incident")
        order = order_key(self.ledger.now(), firing=False)
        if self.ledger.write(item.settled({ONLY_MEMBER: order}, None)) is None:
            raise TransientError("Another check-up wrote at the same moment.", action="Try again.")
        return Finding("an item can be read and written")

    def queue(self, url: str) -> Callable[[Deadline], Finding]:
        """Return the check that asks how many messages the queue `url` holds."""

        def look(_: Deadline) -> Finding:
            try:
                attributes = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
            except (ClientError, BotoCoreError) as error:
                raise ConfigurationError(
                    f"The queue can't be looked at ({code_of(error)}).",
                    action="Check the queue's URL and the role's rights.",
                    code=reason_of(error),
                ) from None
            return Finding(f"{attributes['ApproximateNumberOfMessages']} messages wait")

        return look
