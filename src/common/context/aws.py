"""Calls of AWS's services where an event comes from, and what each refusal means: which permission is missing."""

from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from common.accounts import Accounts
from common.aws_errors import code_of, reason_of
from common.context.request import Place
from common.errors import BridgeError, ConfigurationError, PermanentError, TransientError

_PREFIXES = {"stepfunctions": "states"}
_TIMES = ("Throttl", "TooManyRequests", "LimitExceeded", "InternalServ", "InternalFailure", "ServiceUnavailable")


class Services:
    """Asks services in the account and the Region of an event."""

    def __init__(self, accounts: Accounts, makers: Mapping[str, Callable[..., Any]]) -> None:
        """Reach other accounts as `accounts` does; `makers` are constructors of clients by the names of services."""
        self._accounts = accounts
        self._makers = makers

    def ask(self, service: str, place: Place, operation: str, **arguments: Any) -> Mapping[str, Any]:  # noqa: ANN401
        """Make one call, such as `describe_alarms`, and return its answer.

        Raises what `refusal` returns, and ConfigurationError where another account can't be looked into.
        """
        client = self._accounts.client(service, self._makers[service], place.account, place.region)
        try:
            answer: Mapping[str, Any] = getattr(client, operation)(**arguments)
        except (ClientError, BotoCoreError) as error:
            raise refusal(error, permission(service, client.meta.method_to_api_mapping[operation])) from None
        return answer


def permission(service: str, operation: str) -> str:
    """Return the IAM action of a call, such as `cloudwatch:DescribeAlarms`. API Gateway's are HTTP methods."""
    return "apigateway:GET" if service.startswith("apigateway") else f"{_PREFIXES.get(service, service)}:{operation}"


def refusal(error: ClientError | BotoCoreError, permission: str) -> BridgeError:
    """Return what an error means.

    ConfigurationError: the permission is missing; PermanentError: what is asked for is not there, or can't be asked
    for; TransientError: it may work a little later.
    """
    code, reason = code_of(error), reason_of(error)
    if reason in ("aws_denied", "key_refused"):
        return ConfigurationError(
            f"AWS refuses {permission} ({code}).",
            action=f"Let the role of the follow-up function use {permission}, and look whether a boundary or a policy "
            "of the organisation forbids it; or take the entry out of FollowUps.",
            code=reason,
        )
    is_impossible = isinstance(error, ParamValidationError)  # nobody was asked
    if (reason == "aws_unreachable" and not is_impossible) or any(word in code for word in _TIMES):
        return TransientError(
            f"{permission} did not answer ({code}).", action="Nothing, unless it stays.", code="aws_busy"
        )
    return PermanentError(
        f"{permission} does not answer for this event ({code}).",
        action="Look whether what the event names is still there.",
        code=reason,
    )
