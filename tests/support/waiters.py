"""What waits in Step Functions and CodePipeline: real clients of botocore, whose calls end here instead of in AWS."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import boto3
from botocore.exceptions import ClientError

from tests.support.deployment import REGION

_make_client: Any = boto3.client


@dataclass
class Waiters:
    """Tasks and approvals by their tokens: None while they wait, then how they were answered. Stands for boto3."""

    tasks: dict[str, Any] = field(default_factory=dict)
    approvals: dict[str, Any] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    fails_with: str = ""
    after_call: Callable[[], None] = field(default=lambda: None)

    def client(self, service: str, **options: Any) -> Any:  # noqa: ANN401 (boto3 makes its clients at run time)
        """Return a client, which checks what it is given against AWS's own model."""
        if service not in ("stepfunctions", "codepipeline"):
            return boto3.client(service, **options)  # type: ignore[call-overload] # the service is a variable
        keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
        client = _make_client(service, region_name=REGION, **keys)
        client.meta.events.register("before-call", self._answer)
        return client

    def _answer(self, model: Any, params: Mapping[str, Any], **_: Any) -> Any:  # noqa: ANN401 (botocore's own)
        self.calls.append(model.name)
        if self.fails_with:
            raise _error(model.name, self.fails_with)
        told = json.loads(params["body"])
        if model.name == "PutApprovalResult":
            self._put(self.approvals, told["token"], told["result"], "InvalidApprovalTokenException", model.name)
        elif model.name == "SendTaskHeartbeat":
            if self.tasks.get(told["taskToken"], "unknown") is not None:
                raise _error(model.name, "TaskDoesNotExist")
        else:
            token = told.pop("taskToken")
            self._put(self.tasks, token, {"call": model.name, **told}, "TaskTimedOut", model.name)
        self.after_call()
        return SimpleNamespace(status_code=200, headers={}, raw=None), {}

    def _put(self, waiting: dict[str, Any], token: str, answer: object, code: str, operation: str) -> None:
        if waiting.get(token, "unknown") is not None:
            raise _error(operation, code)
        waiting[token] = answer


def _error(operation: str, code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": ""}}, operation)
