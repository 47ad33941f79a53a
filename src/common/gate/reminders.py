"""Asks the actions function to look at a change that was there before somebody began to wait for it."""

import json
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from common.aws_errors import meaning
from common.servicenow.change_requests import TABLE

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient

_TYPE = "ServiceNow Record Changed"


class Reminders:
    """Puts messages into the queue of the actions function, in the shape of the watch's own events."""

    def __init__(self, sqs: "SQSClient", actions_queue_url: str, *, deployment: str) -> None:
        """Send to the queue at `actions_queue_url`."""
        self._sqs = sqs
        self._actions_queue_url = actions_queue_url
        self._deployment = deployment

    def send(self, dedup_key: str) -> None:
        """Ask for a look at the change of a problem; it changes nothing else.

        Raises TransientError where the queue did not take it: everything before may be repeated. Raises
        ConfigurationError where a right, a key or the queue itself is missing.
        """
        try:
            self._sqs.send_message(QueueUrl=self._actions_queue_url, MessageBody=reminder(self._deployment, dedup_key))
        except (ClientError, BotoCoreError) as error:
            raise meaning(
                error,
                refused="The queue of actions refuses a message",
                action="Check that ACTIONS_QUEUE_URL exists and that the function's role may use it and its key.",
                failed="The queue of actions did not take a message",
            ) from None


def reminder(deployment: str, dedup_key: str) -> str:
    """Return such a message."""
    texts = dict.fromkeys(("id", "number", "sys_id", "link", "by", "updated_by"), "")
    detail = {**texts, "deployment": deployment, "table": TABLE, "dedup_key": dedup_key, "updates": 0}
    return json.dumps({"detail-type": _TYPE, "detail": {**detail, "changes": {}, "record": {}}})
