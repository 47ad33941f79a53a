"""A message that SNS put into the queue, in SNS's own envelope, becomes an event in the shape of EventBridge's: pure.

The envelope says which topic a message came by. Without it (raw delivery) nothing tells it from an event that
EventBridge delivered, and whoever may publish to the topic could speak for any source and any caller of the API.

Envelope: https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html
"""

import re
from collections.abc import Collection, Mapping
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from common.doors.webhook import parse
from common.errors import PermanentError

SOURCE = "sns."
"""What the source of an event from SNS begins with; the name of the topic follows."""

DETAIL_TYPE = "Notification"

_TOPIC = re.compile(r"arn:[a-z0-9-]+:sns:(?P<region>[a-z0-9-]+):(?P<account>[0-9]{12}):(?P<name>[A-Za-z0-9_.-]{1,256})")
_ALARM = re.compile(r"arn:[a-z0-9-]+:cloudwatch:(?P<region>[a-z0-9-]+):(?P<account>[0-9]{12}):alarm:.+", re.DOTALL)
_OF_AN_EVENT = ("source", "detail-type", "time", "account", "region")


def is_envelope(message: Mapping[str, Any]) -> bool:
    """Return whether a message of the queue is one of SNS; EventBridge's have no member `TopicArn`."""
    return "TopicArn" in message and "source" not in message


def sns_event(envelope: Mapping[str, Any], topics: Collection[str]) -> dict[str, Any]:
    """Return the event in an envelope that came by one of `topics`, which are ARNs.

    A CloudWatch alarm, and an event that an EventBridge rule sent to the topic, become what EventBridge would have
    delivered, so that the same alarm by two ways is one problem. Raises PermanentError for every other topic, and for
    an envelope without a message.
    """
    arn = str(envelope.get("TopicArn"))
    topic = _TOPIC.fullmatch(arn)
    if topic is None or arn not in topics:
        raise PermanentError(
            "A message came by an SNS topic that is not listed.",
            action="Add the topic to the parameter SnsTopics, or take its subscription away.",
        )
    if envelope.get("Type") == "SubscriptionConfirmation":
        raise PermanentError(
            f"The topic {topic['name']} asks whether this queue may be subscribed to it.",
            action="If this stack is what asked for it, open the SubscribeURL in the message. Delete the message.",
        )
    message = envelope.get("Message")
    if not isinstance(message, str) or not isinstance(envelope.get("Timestamp"), str):
        raise PermanentError(
            f"A message of the topic {topic['name']} has no text or no time.",
            action="Publish a text to the topic; SNS adds the time.",
        )
    try:
        document = parse(message)
    except ValueError:
        document = None
    content: Mapping[str, Any] = document if isinstance(document, dict) else {}
    name = str(envelope.get("MessageId") or message)
    return (
        _of_alarm(content, f"{arn}/{name}")
        or _of_eventbridge(content)
        or {
            "version": "0",
            "id": _id(f"{arn}/{name}"),
            "source": f"{SOURCE}{topic['name']}",
            "detail-type": DETAIL_TYPE,
            "account": topic["account"],
            "region": topic["region"],
            "time": envelope["Timestamp"],
            "resources": [arn],
            "detail": content or _plain(document, message, str(envelope.get("Subject") or "")),
        }
    )


def _plain(document: object, message: str, subject: str) -> dict[str, Any]:
    if isinstance(document, list):
        return {"items": document}
    return {"subject": subject, "text": message}


def _of_eventbridge(content: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return an event that a rule of EventBridge sent to the topic. Only those of AWS's services are taken as such."""
    is_event = isinstance(content.get("detail"), dict) and all(
        isinstance(content.get(name), str) for name in _OF_AN_EVENT
    )
    return dict(content) if is_event and content["source"].startswith("aws.") else None


def _of_alarm(content: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    """Return the event of an alarm's notification, which has names of its own for the same things."""
    arn = _ALARM.fullmatch(str(content.get("AlarmArn")))
    if arn is None or not all(
        isinstance(content.get(part), str) for part in ("AlarmName", "NewStateValue", "StateChangeTime")
    ):
        return None
    trigger = content.get("Trigger")
    configuration: dict[str, Any] = {
        "description": content.get("AlarmDescription"),
        "alarmRule": content.get("AlarmRule"),
        "metrics": _metrics(trigger if isinstance(trigger, dict) else {}),
    }
    return {
        "version": "0",
        "id": _id(name),
        "source": "aws.cloudwatch",
        "detail-type": "CloudWatch Alarm State Change",
        "account": arn["account"],
        "region": arn["region"],
        "time": content["StateChangeTime"],
        "resources": [content["AlarmArn"]],
        "detail": {
            "alarmName": content["AlarmName"],
            "state": {
                "value": content["NewStateValue"],
                "reason": content.get("NewStateReason"),
                "timestamp": content["StateChangeTime"],
            },
            "previousState": {"value": content.get("OldStateValue")},
            "configuration": {part: value for part, value in configuration.items() if value},
        },
    }


def _metrics(trigger: Mapping[str, Any]) -> list[dict[str, Any]]:
    if not isinstance(trigger.get("MetricName"), str):
        return []
    found = trigger.get("Dimensions")
    dimensions = [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
    metric = {
        "namespace": trigger.get("Namespace"),
        "name": trigger["MetricName"],
        "dimensions": {str(each.get("name")): each.get("value") for each in dimensions},
    }
    return [{"metricStat": {"metric": metric}}]


def _id(name: str) -> str:
    return str(uuid5(NAMESPACE_URL, name))
