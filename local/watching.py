"""Somebody's rule on the local bus: what the watch tells comes to a queue."""

import json
from typing import Any

from local.clients import Clients

NAME = "record-changes"
"""Of the rule and of its queue."""


def listen(root: Clients, source: str, name: str = NAME) -> str:
    """Let a rule put every event of `source` into a queue, and return the queue's URL. Both get that name."""
    url = root.queues.create_queue(QueueName=name)["QueueUrl"]
    arn = root.queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events = root.client("events")
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [source]}))
    events.put_targets(Rule=name, Targets=[{"Id": name, "Arn": arn}])
    return url


def heard(root: Clients, name: str = NAME) -> list[dict[str, Any]]:
    """Take the events that came to the queue."""
    url = root.queues.get_queue_url(QueueName=name)["QueueUrl"]
    found: list[dict[str, Any]] = []
    while messages := root.queues.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            root.queues.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            found.append(json.loads(message["Body"]))
    return found
