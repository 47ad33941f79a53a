"""Changes of records as the watch tells them, and services of AWS that hold each call against botocore's model."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import botocore.session
from botocore import xform_name
from botocore.exceptions import ClientError
from botocore.validate import ParamValidator

from common.accounts import Accounts, Member
from common.actions.change import RecordChange, change_in
from common.clock import Clock

DEPLOYMENT = "111122223333/eu-central-1/servicenow-bridge"
SAMPLE = json.loads((Path(__file__).parents[2] / "events/servicenow-record-changed.json").read_text(encoding="utf-8"))

FINDING = {
    "id": "arn:aws:securityhub:eu-central-1:111122223333:subscription/pci-dss/v/3.2.1/PCI.Lambda.2/finding/1",
    "product_arn": "arn:aws:securityhub:eu-central-1::product/aws/securityhub",
}


def message_of(  # noqa: PLR0913 (what a change can be)
    old: str | None,
    new: str,
    *,
    by: str = "person",
    rule: str = "securityhub-finding",
    close_code: str = "",
    objects: Sequence[object] = (FINDING,),
    table: str = "incident",
    time: str = SAMPLE["time"],
    **detail: Any,  # noqa: ANN401 (any JSON value)
) -> str:
    """Return the message of a record whose state was `old`, None where nobody knows, and is `new`."""
    changes = {} if old == new else {"state": {"old": old, "new": new}}
    record = SAMPLE["detail"]["record"] | {"state": new, "close_code": close_code}
    told = {"changes": changes, "record": record, "by": by, "rule": rule, "objects": list(objects), "table": table}
    return json.dumps(SAMPLE | {"time": time, "detail": SAMPLE["detail"] | told | detail})


def change_of(old: str | None, new: str, **given: Any) -> RecordChange:  # noqa: ANN401 (as `message_of`)
    """Return the same as what the actions function makes of it."""
    return change_in(message_of(old, new, **given), deployment=DEPLOYMENT)


class AwsService:
    """Stands for one service of AWS: holds each call against botocore's model, keeps it, and answers as told.

    `answers` are by the name of an operation: what it returns, an error to raise, or a function of the arguments.
    """

    def __init__(self, service: str, **answers: Any) -> None:  # noqa: ANN401 (any answer)
        """Stand for `service`, such as securityhub."""
        model = botocore.session.get_session().get_service_model(service)
        self._model = {xform_name(name): model.operation_model(name) for name in model.operation_names}
        self._answers = answers
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.places: list[dict[str, Any]] = []

    def make(self, **place: Any) -> "AwsService":  # noqa: ANN401 (what boto3.client takes)
        """Stand for boto3.client: note for which place, and return itself."""
        self.places.append(place)
        return self

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        """Return an operation of the service."""

        def call(**arguments: Any) -> Any:  # noqa: ANN401 (AWS's own)
            shape = self._model[operation].input_shape
            assert shape is not None
            report = ParamValidator().validate(arguments, shape)
            assert not report.has_errors(), report.generate_report()
            self.calls.append((operation, arguments))
            answer = self._answers.get(operation, {})
            if isinstance(answer, list):
                answer = answer.pop(0) if len(answer) > 1 else answer[0]
            if isinstance(answer, Exception):
                raise answer
            return answer(arguments) if callable(answer) else answer

        return call


def accounts_at(clock: Clock) -> Accounts:
    """Return the clients of an own account that no other one has let in."""
    return Accounts("111122223333", "eu-west-1", Member(), lambda: AwsService("sts"), clock=clock)  # type: ignore[arg-type,return-value]


def refused(code: str, status: int = 400) -> ClientError:
    """Return what boto3 raises where a service refuses a call."""
    answer: Any = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "Any")
