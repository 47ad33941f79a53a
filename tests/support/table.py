"""The ledger's whole table in memory, for many threads: problems, and the item of the circuit breaker beside them."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

from botocore.exceptions import ClientError

from common.incidents.circuit import CIRCUIT_KEY
from common.incidents.covers import COVERS_KEY
from tests.support.ledger import LOST_RACE, Attributes, InMemoryDynamoDB, metadata, refusal

_ELECTION = (
    "(#state = :open AND attribute_not_exists(#half_open_owner) AND #opened_at = :expected_opened_at)"
    " OR (#state = :half_open AND #probe_lease_expiry <= :now)"
)
_BREAKER = "aws_lambda_powertools.utilities.circuit_breaker"


class SharedDynamoDB:
    """A table whose calls are atomic. `now` tells the server's time in seconds since the epoch.

    `counts`, a client of DynamoDB, does what is neither read nor written whole: the openings of storms are counted so,
    and what covers others is listed.
    """

    def __init__(self, now: Callable[[], float], counts: Any = None) -> None:  # noqa: ANN401 (a client of boto3)
        """Start with an empty table."""
        self._counts = counts
        self.ledger = InMemoryDynamoDB(now)
        self.circuits: dict[str, Attributes] = {}
        self._now = now
        self._lock = threading.Lock()

    def get_item(self, **arguments: Any) -> Mapping[str, Any]:  # noqa: ANN401 (DynamoDB's own)
        """Read one item."""
        key: str = arguments["Key"]["pk"]["S"]
        if self._counts is not None and key.startswith(COVERS_KEY):
            return {**self._counts.get_item(**arguments), "ResponseMetadata": metadata(self._now())}
        with self._lock:
            if not key.startswith(CIRCUIT_KEY):
                return self.ledger.get_item(**arguments)
            stored = self.circuits.get(key)
            answer: dict[str, Any] = {"ResponseMetadata": metadata(self._now())}
            return answer if stored is None else {**answer, "Item": dict(stored)}

    def put_item(self, **arguments: Any) -> Mapping[str, Any]:  # noqa: ANN401 (DynamoDB's own)
        """Write one item; that of the breaker under the condition by which it elects who probes, or under none."""
        key: str = arguments["Item"]["pk"]["S"]
        with self._lock:
            if not key.startswith(CIRCUIT_KEY):
                return self.ledger.put_item(**arguments)
            if "ConditionExpression" in arguments and not _is_elected(self.circuits.get(key, {}), arguments):
                raise refusal(LOST_RACE, "PutItem", self._now())
            self.circuits[key] = dict(arguments["Item"])
            return {"ResponseMetadata": metadata(self._now())}

    def update_item(self, **arguments: Any) -> Mapping[str, Any]:  # noqa: ANN401 (DynamoDB's own)
        """Change an item in place."""
        if arguments["Key"]["pk"]["S"].startswith(CIRCUIT_KEY):
            return self._update_circuit(**arguments)
        told = metadata(self._now())
        try:
            answer: Mapping[str, Any] = self._counts.update_item(**arguments)
        except ClientError as error:
            error.response["ResponseMetadata"] = told  # type: ignore[typeddict-item] # as much of it as is read
            raise
        return {**answer, "ResponseMetadata": told}

    def _update_circuit(
        self,
        *,
        TableName: str,  # noqa: N803
        Key: Attributes,  # noqa: N803
        UpdateExpression: str,  # noqa: N803
        ExpressionAttributeNames: Mapping[str, str],  # noqa: N803
        ExpressionAttributeValues: Attributes,  # noqa: N803
    ) -> Mapping[str, Any]:
        assert TableName
        sets, _, removes = UpdateExpression.removeprefix("SET ").partition(" REMOVE ")
        with self._lock:
            item = self.circuits.setdefault(Key["pk"]["S"], dict(Key))
            for pair in sets.split(", "):
                name, value = pair.split(" = ")
                item[ExpressionAttributeNames[name]] = ExpressionAttributeValues[value]
            for name in removes.split(", "):
                item.pop(ExpressionAttributeNames[name], None)
        return {"ResponseMetadata": metadata(self._now())}


def _is_elected(item: Attributes, arguments: Mapping[str, Any]) -> bool:
    if arguments["ConditionExpression"] != _ELECTION:
        message = f"unknown condition {arguments['ConditionExpression']!r}"
        raise ValueError(message)
    names, values = arguments["ExpressionAttributeNames"], arguments["ExpressionAttributeValues"]

    def stored(name: str) -> Any:  # noqa: ANN401 (an attribute)
        return item.get(names[name])

    if stored("#state") == values[":open"]:
        return stored("#half_open_owner") is None and stored("#opened_at") == values[":expected_opened_at"]
    lease = stored("#probe_lease_expiry")
    return (
        stored("#state") == values[":half_open"] and lease is not None and int(lease["N"]) <= int(values[":now"]["N"])
    )


class _Time:
    """Stands in for the `datetime` module inside the breaker."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.datetime = self

    def now(self) -> datetime:
        """Return the time of the clock."""
        return datetime.fromtimestamp(self._now(), UTC)


@contextmanager
def breaker_on(now: Callable[[], float]) -> Iterator[None]:
    """Let Powertools' breaker, which asks the machine for the time, go by another clock: seconds since the epoch."""
    time = _Time(now)
    with (
        patch(f"{_BREAKER}.base.dt", time),
        patch(f"{_BREAKER}.persistence.base.dt", time),
        patch(f"{_BREAKER}.persistence.dynamodb.dt", time),
    ):
        yield
