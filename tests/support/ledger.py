"""DynamoDB in memory: the two calls that the ledger makes, for one table, with a clock of its own."""

import json
from collections import deque
from collections.abc import Callable, Mapping
from email.utils import formatdate
from functools import lru_cache
from typing import Any

from botocore.exceptions import ClientError

from common.context.shared import CONTEXT_KEY
from tests.support.clock import EPOCH

type Attributes = dict[str, Any]

LOST_RACE = "ConditionalCheckFailedException"
THROTTLED = "ProvisionedThroughputExceededException"


def metadata(now: float) -> dict[str, Any]:
    """Return what boto3 adds to every answer; `now`, in seconds since the epoch, becomes its `Date` header."""
    return {"HTTPStatusCode": 200, "HTTPHeaders": {"date": _date(now)}, "RetryAttempts": 0}


@lru_cache(maxsize=1000)
def _date(now: float) -> str:
    return formatdate(now, usegmt=True)


def refusal(code: str, operation: str, now: float, item: Attributes | None = None) -> ClientError:
    """Return the exception that boto3 raises where DynamoDB refuses a call."""
    response: dict[str, Any] = {"Error": {"Code": code, "Message": code}, "ResponseMetadata": metadata(now)}
    if item is not None:
        response["Item"] = item
    return ClientError(response, operation)  # type: ignore[arg-type] # the stub lacks the item of a lost race


def expected_version(condition: str, names: Mapping[str, str], values: Attributes) -> int | None:
    """Return the version that a write demands, None where it demands that there is no item.

    Raises ValueError for any other condition: a ledger that writes without one must not pass here.
    """
    if condition == "attribute_not_exists(pk)" and not names and not values:
        return None
    if condition == "#version = :seen" and dict(names) == {"#version": "version"}:
        return int(values[":seen"]["N"])
    message = f"unknown condition {condition!r}"
    raise ValueError(message)


def version_of(item: Attributes | None) -> int | None:
    """Return the version of a stored item, None where there is none."""
    return None if item is None else int(item["version"]["N"])


class InMemoryDynamoDB:
    """One table. `now` tells the server's time in seconds since the epoch.

    Each call takes the next of `faults`: None lets it pass, an exception is raised before anything was written, and
    "repeated" lets a write happen twice, as the AWS SDK does after a lost answer.
    """

    def __init__(self, now: Callable[[], float] = lambda: EPOCH) -> None:
        """Start with an empty table."""
        self.items: dict[str, Attributes] = {}
        self.faults: deque[Exception | str | None] = deque()
        self.calls: list[str] = []
        self._now = now

    def get_item(
        self,
        *,
        TableName: str,  # noqa: N803
        Key: Attributes,  # noqa: N803
        ConsistentRead: bool = False,  # noqa: N803
    ) -> Mapping[str, Any]:
        """Read one item; what is only remembered may be read as it was a moment ago."""
        assert TableName
        assert ConsistentRead or Key["pk"]["S"].startswith(CONTEXT_KEY)
        self._begin("get_item")
        stored = self.items.get(Key["pk"]["S"])
        answer: dict[str, Any] = {"ResponseMetadata": metadata(self._now())}
        return answer if stored is None else {**answer, "Item": json.loads(json.dumps(stored))}

    def put_item(  # noqa: PLR0913 (the arguments are DynamoDB's own)
        self,
        *,
        TableName: str,  # noqa: N803
        Item: Attributes,  # noqa: N803
        ConditionExpression: str = "",  # noqa: N803
        ExpressionAttributeNames: Mapping[str, str] | None = None,  # noqa: N803
        ExpressionAttributeValues: Attributes | None = None,  # noqa: N803
        ReturnValuesOnConditionCheckFailure: str = "",  # noqa: N803
    ) -> Mapping[str, Any]:
        """Write one item under a condition; what is only remembered under none."""
        assert TableName
        if not ConditionExpression and Item["pk"]["S"].startswith(CONTEXT_KEY):
            self._begin("put_item")
            self.items[Item["pk"]["S"]] = json.loads(json.dumps(Item))
            return {"ResponseMetadata": metadata(self._now())}
        assert ReturnValuesOnConditionCheckFailure == "ALL_OLD"
        expected = expected_version(
            ConditionExpression, ExpressionAttributeNames or {}, ExpressionAttributeValues or {}
        )
        twice = self._begin("put_item") == "repeated"
        key = Item["pk"]["S"]
        for _ in range(2 if twice else 1):
            stored = self.items.get(key)
            if version_of(stored) != expected:
                raise refusal(LOST_RACE, "PutItem", self._now(), stored)
            self.items[key] = json.loads(json.dumps(Item))
        return {"ResponseMetadata": metadata(self._now())}

    def _begin(self, call: str) -> str | None:
        self.calls.append(call)
        fault = self.faults.popleft() if self.faults else None
        if isinstance(fault, Exception):
            raise fault
        return fault
