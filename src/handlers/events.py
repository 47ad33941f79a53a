"""The events function: a batch of EventBridge events from SQS."""

import os
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from common.bridge.events import build_bridge
from common.clock import Deadline
from common.queue import Message

bridge = build_bridge(os.environ)


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Handle a batch and return the ids of the messages that stay in the queue (a partial batch response)."""
    deadline = Deadline.after(bridge.clock, context.get_remaining_time_in_millis() / 1000)
    messages = [Message.of(record) for record in event["Records"]]
    try:
        stay = bridge.intake.process(messages, deadline)
    finally:
        bridge.follow_ups.send()
        bridge.tokens.report()
        bridge.telemetry.flush()
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in stay]}
