"""`make accept` against the deployed stack: by the front door in, and everything that it made is resolved again."""

from collections.abc import Mapping
from typing import Any, override

import boto3
from botocore.config import Config

from local.stack import LocalStack
from tests.e2e.incidents import RESOLVED
from tools.accept.__main__ import accept
from tools.accept.front_door import SOURCE
from tools.accept.sheet import Verdict
from tools.deployed import DeployedStack


class _Local(DeployedStack):
    """The stack on the local emulator."""

    clients: Mapping[str, Any]

    @override
    def client(self, service: str, config: Config | None = None) -> Any:
        return self.clients[service]


def _of(stack: LocalStack) -> _Local:
    local = _Local(stack.outputs, boto3.Session(region_name="eu-west-1"))
    root = stack.root
    clients = {
        "lambda": root.functions,
        "dynamodb": root.dynamodb,
        "events": root.events,
        "sqs": root.queues,
        "ssm": root.parameters,
    }
    object.__setattr__(local, "clients", clients)
    return local


def test_a_stack_that_works_is_accepted(stack: LocalStack) -> None:
    """No step fails, one incident came of the alert, all that was made is resolved, and no dead letter is left."""
    before = len(stack.simulator.records("incident"))

    sheet = accept(_of(stack), [SOURCE], patience=30.0)

    assert [line for line in sheet.lines if line.verdict is Verdict.FAILED] == []
    made = stack.simulator.records("incident")[before:]
    assert [row["state"] for row in made] == [RESOLVED, RESOLVED]
    assert sum("acceptance" in row["short_description"] for row in made) == 1
    assert stack.dead_letters() == []
    assert stack.simulator.host not in sheet.to_post()


def test_without_the_source_the_front_door_is_skipped_and_says_what_to_set(stack: LocalStack) -> None:
    """No alert of anybody's is taken unless its source is named."""
    sheet = accept(_of(stack), ["shop.checkout"], patience=5.0)

    skipped = [line for line in sheet.lines if "OwnEventSources" in line.seen]
    assert [line.verdict for line in skipped] == [Verdict.SKIPPED] * 4
