"""The token_refresh function: keeps the shared access token fresh, so that callers hardly ever have to wait for one."""

import os
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from common.bridge.access import build_access
from common.clock import Deadline

access = build_access(os.environ)

# What is left for writing the token down: two tries of Parameter Store, in seconds.
_RESERVE_SECONDS = 10.0


def handler(_event: dict[str, Any], context: LambdaContext) -> None:
    """Renew the shared token where it is old enough.

    Raises whatever went wrong, so that the invocation counts as failed and the alarm tells somebody.
    """
    seconds = context.get_remaining_time_in_millis() / 1000 - _RESERVE_SECONDS
    try:
        access.tokens.refresh(Deadline.after(access.clock, seconds))
    finally:
        access.tokens.report()
        access.telemetry.flush()
