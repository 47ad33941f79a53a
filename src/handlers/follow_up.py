"""The follow-up function: adds a graph, lines of a log and what else changed to records that are open."""

import os
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from common.bridge.follow_up import build_follow_ups
from common.clock import Deadline
from common.queue import Message

follow_ups = build_follow_ups(os.environ)


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Handle a batch and return the ids of the messages that come back (a partial batch response)."""
    deadline = Deadline.after(follow_ups.clock, context.get_remaining_time_in_millis() / 1000)
    try:
        stay = follow_ups.runner.run([Message.of(record) for record in event["Records"]], deadline)
    finally:
        follow_ups.tokens.report()
        follow_ups.telemetry.flush()
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in stay]}
