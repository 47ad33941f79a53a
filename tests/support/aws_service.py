"""A client of AWS whose calls and answers are held against botocore's models, without a network."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import boto3
from botocore.exceptions import ClientError
from botocore.validate import validate_parameters

type Answer = Callable[[str, Mapping[str, Any]], Mapping[str, Any] | Exception]
"""Operation and arguments → what the service answers, or the exception that the call ends with."""


class Service:
    """One client, what it was asked, and what answers."""

    def __init__(self, name: str, answer: Answer) -> None:
        """Answer each call of the service `name` with what `answer` returns."""
        self.calls: list[tuple[str, Mapping[str, Any]]] = []
        self._answer = answer
        self.client = _client(name)
        self.client.meta.events.unregister("before-parameter-build", unique_id="asked")
        self.client.meta.events.register("before-parameter-build", self._ask, unique_id="asked")
        self.client.meta.events.unregister("before-call", unique_id="answered")
        self.client.meta.events.register("before-call", self._reply, unique_id="answered")

    def _ask(self, params: Mapping[str, Any], model: Any, **_: object) -> None:  # noqa: ANN401 (botocore's model)
        self.calls.append((model.name, dict(params)))

    def _reply(self, model: Any, **_: object) -> tuple[Any, Mapping[str, Any]]:  # noqa: ANN401 (the same)
        # By now botocore has checked the arguments against the model.
        operation, arguments = self.calls[-1]
        assert operation == model.name
        answer = self._answer(operation, arguments)
        if isinstance(answer, Exception):
            raise answer
        if model.output_shape is not None:
            validate_parameters(dict(answer), model.output_shape)
        return _Ok(), {**answer, "ResponseMetadata": {"HTTPStatusCode": 200}}


class _Ok:
    status_code = 200


@cache
def _client(name: str) -> Any:  # noqa: ANN401 (a client of that service)
    return boto3.client(name, region_name="eu-west-1", aws_access_key_id="none", aws_secret_access_key="none")  # type: ignore[call-overload]


def refused(code: str, operation: str = "Call") -> ClientError:
    """Return the exception that boto3 raises where AWS refuses a call."""
    return ClientError({"Error": {"Code": code, "Message": code}}, operation)
