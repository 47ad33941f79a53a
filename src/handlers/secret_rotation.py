"""The secret_rotation function: replaces the client secret in ServiceNow and in the secret, as Secrets Manager asks."""

import os
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from common.bridge.rotation import build_rotation
from common.clock import Deadline

rotation = build_rotation(os.environ)

# What is left for reading and writing the secret: some calls of AWS, in seconds.
_RESERVE_SECONDS = 15.0


def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Take one step of the rotation.

    Raises whatever went wrong, so that Secrets Manager repeats the step, and the alarm tells somebody where it stays.
    """
    seconds = context.get_remaining_time_in_millis() / 1000 - _RESERVE_SECONDS
    try:
        rotation.take(event, Deadline.after(rotation.access.clock, seconds))
    finally:
        rotation.access.telemetry.flush()
