"""The doctor function: checks the set-up from inside the account, step by step."""

import os
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from common.bridge.doctor import check_up

# What is left for the answer itself, in seconds.
_RESERVE_SECONDS = 2.0


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Return the report, with a readable form under `text`; `{"write": true}` also opens and resolves a record."""
    seconds = context.get_remaining_time_in_millis() / 1000 - _RESERVE_SECONDS
    report = check_up(os.environ, write=event.get("write") is True, seconds=seconds)
    return {**report.as_json(), "text": report.as_text()}
