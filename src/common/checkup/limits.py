"""What the account lets the stack do: how many functions run at once, and whether requests to the API are logged."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from common.aws_errors import code_of
from common.checkup.report import Finding
from common.clock import Deadline
from common.errors import ConfigurationError

if TYPE_CHECKING:
    from mypy_boto3_lambda.client import LambdaClient


@dataclass(frozen=True, slots=True)
class Limits:
    """The checks of `maximum_concurrency`, the share of the events function, and of the API's access logs."""

    functions: "LambdaClient"
    maximum_concurrency: int
    access_logging: bool

    def concurrency(self, _: Deadline) -> Finding:
        """Hold the share of the events function against the account's quota. Unread, nothing is concluded."""
        try:
            limit = self.functions.get_account_settings()["AccountLimit"]
        except (ClientError, BotoCoreError) as error:
            return Finding(f"the account's quota can't be read ({code_of(error)})", observed=False)
        quota, free = limit["ConcurrentExecutions"], limit["UnreservedConcurrentExecutions"]
        told = f"the account runs {quota} functions at once, {free} of them unreserved; MaximumConcurrency is"
        if free <= self.maximum_concurrency:
            raise ConfigurationError(
                f"{told[0].upper()}{told[1:]} {self.maximum_concurrency}.",
                action="Lower MaximumConcurrency, or raise the quota.",
                code="concurrency_short",
            )
        return Finding(f"{told} {self.maximum_concurrency}")

    def access_logs(self, _: Deadline) -> Finding:
        """Tell whether requests to the API are logged, and what it takes."""
        if self.access_logging:
            return Finding("on: each request to the API leaves a line")
        return Finding(
            "off, as by default, because API Gateway refuses them where its settings have no role for CloudWatch Logs; "
            "docs/setup.md has the commands that make it, then deploy with ApiAccessLogging=true",
            observed=False,
        )
