"""`make replay`: send the messages of the dead-letter queues back to where they came from, once their reason is mended.

SQS can't redrive them by itself: they were sent to the queue by the function and have no source to go back to. Each
is received, sent and then deleted; the ledger makes a message that is sent twice harmless.
"""

import time
from argparse import Namespace
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from common.incidents.own_events import RECORD_CHANGED
from common.strict_json import json_object
from common.text import one_line
from tools.deployed import DeployedStack, ToolError, find_stack, parser, run

_QUEUES = ("DeadLetterQueueUrl", "EventDeadLetterQueueUrl")
_HIDDEN_SECONDS = 120
# Answers in a row that hold nothing but messages that are newer or were sent: behind them an older one may still stand.
_MOST_IN_VAIN = 20
_DENIED = frozenset({"AccessDenied", "AccessDeniedException"})


def main() -> None:
    """Parse the command line and replay."""
    arguments = _arguments()
    run(lambda: _print_all(arguments))


def _arguments() -> Namespace:
    options = parser("Send the messages of the dead-letter queues back to the event queue.")
    options.add_argument("--show", action="store_true", help="show the messages and their reasons, move none")
    return options.parse_args()


def _print_all(arguments: Namespace) -> None:
    stack = find_stack(arguments)
    count = 0
    for reason in replay(stack, show_only=arguments.show):
        count += 1
        print(f"{count:6}  {reason}")
    print(f"{count} messages {'are waiting' if arguments.show else 'sent back'}.")


def replay(stack: DeployedStack, *, show_only: bool = False) -> Iterator[str]:
    """Yield the reason of each message as it goes back to the event queue.

    Messages that arrive after the beginning are left alone, so that one which is refused again is not sent for ever.
    Raises ToolError where some stay behind, once all others are sent.
    """
    sqs, started = stack.client("sqs"), time.time() * 1000
    homeless = 0
    for name in _QUEUES:
        source = stack.output(name)
        for message in _received(sqs, source, started):
            home = _home(message["Body"])
            if not show_only and home not in stack.outputs:
                homeless += 1
                continue
            if not show_only:
                _send(sqs, stack.output(home), message["Body"])
                sqs.delete_message(QueueUrl=source, ReceiptHandle=message["ReceiptHandle"])
            yield reason_of(message)
    if homeless:
        raise ToolError(
            f"{homeless} messages stay: the stack has a queue for {RECORD_CHANGED!r} only with RecordActions."
        )


def _home(body: str) -> str:
    """Return the output that has the queue of a message: that of actions for what a change in ServiceNow did."""
    detail_type = (json_object(body) or {}).get("detail-type")
    return "ActionQueueUrl" if detail_type == RECORD_CHANGED else "QueueUrl"


def _send(sqs: Any, url: str, body: str) -> None:  # noqa: ANN401 (a boto3 client)
    try:
        sqs.send_message(QueueUrl=url, MessageBody=body)
    except ClientError as error:
        if error.response["Error"]["Code"] not in _DENIED:
            raise
        raise ToolError(
            "The queue takes no message from you; this one and the rest stay where they are. Add the ARN of your role "
            "to the parameter ReplayRoleArns, deploy, and allow the role sqs:SendMessage on the queue."
        ) from None


def _received(sqs: Any, url: str, started: float) -> Iterator[dict[str, Any]]:  # noqa: ANN401 (a boto3 client)
    seen: set[str] = set()
    in_vain = 0
    while in_vain < _MOST_IN_VAIN:
        answer = sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=10,
            VisibilityTimeout=_HIDDEN_SECONDS,
            WaitTimeSeconds=1,
            MessageAttributeNames=["Reason"],
            AttributeNames=["SentTimestamp"],
        )
        messages = [message for message in answer.get("Messages", []) if message["MessageId"] not in seen]
        fresh = [message for message in messages if float(message["Attributes"]["SentTimestamp"]) <= started]
        yield from fresh
        seen.update(message["MessageId"] for message in messages)
        if not answer.get("Messages"):
            return
        in_vain = 0 if fresh else in_vain + 1


def reason_of(message: dict[str, Any]) -> str:
    """Return why a message of a dead-letter queue is there, on one line that a terminal can show."""
    attribute = message.get("MessageAttributes", {}).get("Reason", {})
    return one_line(str(attribute.get("StringValue", "EventBridge could not deliver it.")))


if __name__ == "__main__":
    main()
