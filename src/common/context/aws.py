"""Calls of AWS's services where an event comes from, and what each refusal means: which permission is missing."""

from collections.abc import Callable, Mapping
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from common.aws_errors import code_of, reason_of
from common.context.request import Place
from common.errors import BridgeError, ConfigurationError, PermanentError, TransientError

CONFIG = Config(connect_timeout=1, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 2})
"""How long one of these calls may take, in seconds, and how often it is tried."""

_PREFIXES = {"monitoring": "cloudwatch", "apigatewayv2": "apigateway"}
_TIMES = ("Throttl", "TooManyRequests", "LimitExceeded", "InternalServer", "InternalFailure", "ServiceUnavailable")

_MAKERS: Mapping[str, Callable[..., Any]] = {
    "cloudwatch": lambda **options: boto3.client("cloudwatch", **options),
}


class Services:
    """Clients of services, made when first needed, in the function's own account and in whichever Region."""

    def __init__(self, account: str, makers: Mapping[str, Callable[..., Any]] = _MAKERS) -> None:
        """Reach what is in `account`, the function's own."""
        self._account = account
        self._makers = makers
        self._clients: dict[tuple[str, Place], Any] = {}

    def of(self, service: str, place: Place) -> Any:  # noqa: ANN401 (a client of that service)
        """Return a client. Raises ConfigurationError where the place is in another account."""
        if place.account != self._account:
            raise ConfigurationError(
                f"What would be added is in the account {place.account}, which is not looked into.",
                action="Take this entry out of `with` for events of other accounts, with an [[override]].",
                code="other_account",
            )
        key = (service, place)
        if key not in self._clients:
            self._clients[key] = self._makers[service](region_name=place.region, config=CONFIG)
        return self._clients[key]


def ask(client: Any, operation: str, **arguments: Any) -> Mapping[str, Any]:  # noqa: ANN401 (botocore's own)
    """Make one call. Raises what `refusal` returns."""
    try:
        answer: Mapping[str, Any] = getattr(client, operation)(**arguments)
    except (ClientError, BotoCoreError) as error:
        raise refusal(error, permission_of(client, operation)) from None
    return answer


def permission_of(client: Any, operation: str) -> str:  # noqa: ANN401 (the same)
    """Return the IAM action of a call, such as `cloudwatch:DescribeAlarms`."""
    service = client.meta.service_model
    prefix = _PREFIXES.get(service.endpoint_prefix, service.signing_name)
    return "apigateway:GET" if prefix == "apigateway" else f"{prefix}:{client.meta.method_to_api_mapping[operation]}"


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
    if reason == "aws_unreachable" or any(word in code for word in _TIMES):
        return TransientError(
            f"{permission} did not answer ({code}).", action="Nothing, unless it stays.", code="aws_busy"
        )
    return PermanentError(
        f"{permission} does not answer for this event ({code}).",
        action="Look whether what the event names is still there.",
        code=reason,
    )
