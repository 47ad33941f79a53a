"""The actions function: a batch of changes in ServiceNow from SQS, which objects of AWS follow."""

import os
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from common.bridge.actions import build_actions
from common.clock import Deadline
from common.queue import Message

actions = build_actions(os.environ)


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Handle a batch and return the ids of the messages that stay in the queue (a partial batch response).

    Without a batch, as the doctor calls it, return for each action what keeps it from working.
    """
    if "Records" not in event:
        return {"actions": actions.try_out()}
    deadline = Deadline.after(actions.clock, context.get_remaining_time_in_millis() / 1000)
    try:
        stay = actions.inbox.process([Message.of(record) for record in event["Records"]], deadline)
    finally:
        actions.telemetry.flush()
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in stay]}
