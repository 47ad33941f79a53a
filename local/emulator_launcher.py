"""Starts MiniStack; runs with the Python of the emulator's own virtual environment, see `local/emulator.py`.

Six things differ from the command `ministack`:

- PutEvents takes events whose source starts with `aws.`. AWS takes those from its own services only, and so
  does MiniStack, whose CloudWatch sends none.
- MaximumConcurrency of a queue may be a text, which is what `!Ref` of a template's parameter gives; otherwise no
  message would ever reach the function.
- Saved queries of CloudWatch Logs Insights, which it does not know, are accepted and forgotten instead of stopping a
  deployment.
- A batch of messages needs the permission of one message: AWS knows no `sqs:SendMessageBatch`, and the emulator asks
  for it.
- It listens on the one port it was told, never on 443 beside it.
- It ends when its standard input is closed, so it can't outlive the process that started it.
"""

import os
import signal
import sys
import threading
from typing import Any

from ministack import app
from ministack.core import iam_actions
from ministack.services import eventbridge, lambda_svc
from ministack.services.cloudformation import provisioners


def accept_events_of_aws() -> None:
    """Let PutEvents take every source."""
    put_events = eventbridge._put_events  # noqa: SLF001 -- the only place where sources are refused

    def put_events_of_any_source(data: dict[str, Any], *_: object, **__: object) -> object:
        return put_events(data, allow_aws_source=True)

    eventbridge._put_events = put_events_of_any_source  # noqa: SLF001


def take_concurrency_as_number() -> None:
    """Read the limit of an event source mapping as CloudFormation does on AWS."""
    concurrency = lambda_svc._sqs_esm_concurrency  # noqa: SLF001 -- the only reader of the limit

    def concurrency_of_number(mapping: dict[str, Any], *arguments: object, **options: object) -> object:
        scaling = mapping.get("ScalingConfig") or {}
        if "MaximumConcurrency" in scaling:
            scaling["MaximumConcurrency"] = int(scaling["MaximumConcurrency"])
        return concurrency(mapping, *arguments, **options)

    lambda_svc._sqs_esm_concurrency = concurrency_of_number  # noqa: SLF001


def accept_saved_queries() -> None:
    """Let a template hold saved queries; none is stored, and nothing here would run them."""

    def create(logical_id: str, _properties: dict[str, Any], stack_name: str) -> tuple[str, dict[str, Any]]:
        return f"{stack_name}-{logical_id}", {}

    def delete(_physical_id: str, _properties: dict[str, Any]) -> None:
        return None

    provisioners._RESOURCE_HANDLERS["AWS::Logs::QueryDefinition"] = {"create": create, "delete": delete}  # noqa: SLF001


def ask_for_permissions_that_exist() -> None:
    """Let `sqs:SendMessage` cover SendMessageBatch, and so on, as AWS's service authorization reference says."""
    action_of = iam_actions.extract_iam_action

    def existing_action_of(service: str, *arguments: object, **options: object) -> str | None:
        action: str | None = action_of(service, *arguments, **options)
        return action.removesuffix("Batch") if action and service == "sqs" else action

    iam_actions.extract_iam_action = existing_action_of


def listen_on_one_port() -> None:
    """Do not open 443, which is done where permissions allow it."""
    app._port_is_bindable = lambda _host, _port: False  # noqa: SLF001


def end_with_standard_input() -> None:
    """Wait until standard input is closed, then end in good order."""
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    accept_events_of_aws()
    take_concurrency_as_number()
    accept_saved_queries()
    ask_for_permissions_that_exist()
    listen_on_one_port()
    threading.Thread(target=end_with_standard_input, daemon=True).start()
    app.main()
