"""The watch function: asks ServiceNow which records changed, and puts an event for each change on a bus."""

import os
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from common.bridge.watch import build_watch
from common.clock import Deadline

watch = build_watch(os.environ)

# What is left for giving back what a run holds: two tries of DynamoDB, in seconds.
_RESERVE_SECONDS = 5.0


def handler(_event: dict[str, Any], context: LambdaContext) -> None:
    """Look at ServiceNow once.

    Raises whatever went wrong, so that the invocation counts as failed and the alarm tells somebody; the next run tells
    what this one did not.
    """
    seconds = context.get_remaining_time_in_millis() / 1000 - _RESERVE_SECONDS
    try:
        watch.watcher.run(Deadline.after(watch.clock, seconds))
    finally:
        watch.tokens.report()
        watch.telemetry.flush()
