"""The ledger in DynamoDB: one item a problem, changed by conditional writes only.

The `Date` header of the answers is the one clock by which locks are judged: the clocks of the functions may be an
hour apart.
"""

from collections.abc import Mapping
from copy import replace
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import BotoCoreError, ClientError

from common.aws_errors import code_of, needs_a_person, reason_of
from common.clock import Clock
from common.errors import ConfigurationError, TransientError
from common.incidents.episodes import Past, in_order
from common.incidents.item import Item, Operation, Pending, RecordReference

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

KEPT_AFTER_RECOVERY = 60 * 86_400
"""Seconds for which the item of a problem that is over is kept: twice the age at which events are refused."""

_LOST_RACE = "ConditionalCheckFailedException"
# The table's key is another than the bridge's, for example.
_OTHER_TABLE = "ValidationException"
CHECK_TABLE = "Check that LEDGER_TABLE exists and that the function's role may use it and its key."
_ACTION = "Nothing was lost; if this stays, look at the ledger table's throttling and at the AWS Health Dashboard."

type Attributes = dict[str, Any]


class Ledger:
    """Reads and writes items. Trouble of DynamoDB is a TransientError, missing rights are a ConfigurationError."""

    def __init__(self, dynamodb: "DynamoDBClient", table: str, *, clock: Clock) -> None:
        """Use the table named `table`; `clock` serves between two answers of DynamoDB."""
        self._dynamodb = dynamodb
        self.table = table
        self._clock = clock
        self._server_minus_monotonic: float | None = None

    def now(self) -> int:
        """Return DynamoDB's time in milliseconds since the epoch, at a grain of one second, never ahead of it."""
        if self._server_minus_monotonic is None:
            return int(self._clock.now() * 1000)
        return int((self._server_minus_monotonic + self._clock.monotonic()) * 1000)

    def read(self, problem: str, *, dedup_key: str, table: str) -> Item:
        """Return the item of a problem, or a new one of version 0 where the ledger has none."""
        stored = self.stored(problem)
        return _decode(stored) if stored else Item(problem=problem, dedup_key=dedup_key, table=table)

    def stored(self, key: str) -> Attributes:
        """Return the item of any key as it was written last; nothing in it where there is none."""
        return dict(self.call("get_item", Key={"pk": {"S": key}}, ConsistentRead=True).get("Item", {}))

    def write(self, item: Item) -> Item | None:
        """Write `item` where its version is still the stored one; return it with its new version.

        Returns None where another worker was first. A write that the AWS SDK repeated after a lost answer finds its
        own effect in its way, and counts as done.
        """
        written = replace(item, version=item.version + 1)
        attributes = _encode(written, expires_at=self.now() // 1000 + KEPT_AFTER_RECOVERY)
        try:
            self.put(item.problem, attributes, seen=item.version)
        except LostRaceError as lost:
            return written if lost.stored is not None and _decode(lost.stored) == written else None
        return written

    def put(self, key: str, attributes: Attributes, *, seen: int) -> None:
        """Put an item of any key, in its next version, where the stored one is `seen`, 0 for none; else LostRaceError.

        An item that names an `owner`, which is another for each attempt, is recognised where the AWS SDK repeated its
        write after a lost answer: that counts as done.
        """
        item = attributes | {"pk": {"S": key}, "version": {"N": str(seen + 1)}}
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(pk)"}
        if seen:
            condition = {
                "ConditionExpression": "#version = :seen",
                "ExpressionAttributeNames": {"#version": "version"},
                "ExpressionAttributeValues": {":seen": {"N": str(seen)}},
            }
        try:
            self.call("put_item", Item=item, ReturnValuesOnConditionCheckFailure="ALL_OLD", **condition)
        except LostRaceError as lost:
            if "owner" not in item or lost.stored != item:
                raise

    def call(self, operation: str, **arguments: Any) -> Mapping[str, Any]:  # noqa: ANN401 (DynamoDB's own arguments)
        """Make one call on the ledger's table. Raises LostRaceError where its condition does not hold."""
        return self.ask(operation, TableName=self.table, **arguments)

    def ask(self, operation: str, **arguments: Any) -> Mapping[str, Any]:  # noqa: ANN401 (DynamoDB's own arguments)
        """Do what `call` does for a call whose arguments name the table themselves."""
        try:
            answer: Mapping[str, Any] = getattr(self._dynamodb, operation)(**arguments)
        except ClientError as error:
            self._set_clock(error.response)
            code = code_of(error)
            if code == _LOST_RACE:
                raise LostRaceError(cast("dict[str, Any]", error.response).get("Item")) from None
            if needs_a_person(error) or code == _OTHER_TABLE:
                raise _refused(operation, error) from None
            raise TransientError(
                f"The ledger did not answer {operation} ({code}).", action=_ACTION, code=reason_of(error)
            ) from None
        except BotoCoreError as error:
            if needs_a_person(error):
                raise _refused(operation, error) from None
            name = code_of(error)
            raise TransientError(
                f"The ledger could not be reached ({name}).", action=_ACTION, code=reason_of(error)
            ) from None
        self._set_clock(answer)
        return answer

    def _set_clock(self, answer: Mapping[str, Any]) -> None:
        date = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
        if date is None:
            return
        server = _seconds(date)
        if server is not None:
            self._server_minus_monotonic = server - self._clock.monotonic()


def _refused(operation: str, error: ClientError | BotoCoreError) -> ConfigurationError:
    return ConfigurationError(
        f"The ledger table refuses {operation} ({code_of(error)}).",
        action=CHECK_TABLE,
        code=reason_of(error),
    )


@lru_cache(maxsize=4)
def _seconds(date: str) -> float | None:
    """Return an HTTP date in seconds since the epoch; most answers of one invocation have the same one."""
    try:
        return parsedate_to_datetime(date).timestamp()
    except ValueError:
        return None


def version_of(stored: Attributes) -> int:
    """Return the version of an item that is put under the condition of it, 0 where there is none."""
    return int(stored.get("version", {"N": "0"})["N"])


class LostRaceError(Exception):
    """Another was first: `stored` is the item as it is, None where there is none, or it was not asked for."""

    def __init__(self, stored: Attributes | None) -> None:
        """Keep what is stored."""
        super().__init__()
        self.stored = stored


def _encode(item: Item, *, expires_at: int) -> Attributes:
    attributes: Attributes = {
        "pk": {"S": item.problem},
        "version": {"N": str(item.version)},
        "dedup_key": {"S": item.dedup_key},
        "table": {"S": item.table},
        "orders": _encode_orders(item.orders),
    }
    if (record := item.record) is not None:
        attributes |= {"sys_id": {"S": record.sys_id}, "number": {"S": record.number}}
    if (pending := item.pending) is not None:
        attributes |= {
            "operation": {"S": pending.operation.value},
            "pending_orders": _encode_orders(pending.orders),
            "lock_until": {"N": str(pending.lock_until)},
            "owner": {"S": pending.owner},
        }
    # A request is over once it was answered, whatever becomes of its record.
    if item.fingerprint or (pending is None and not item.fires):
        attributes["expires_at"] = {"N": str(expires_at)}
    texts = {
        "correlation_id": item.correlation_id,
        "fingerprint": item.fingerprint,
        "joined": item.joined,
        "covered_in": item.covered_in,
    }
    attributes |= {name: {"S": text} for name, text in texts.items() if text}
    lists = {
        "resources": [{"S": arn} for arn in item.resources],
        "children": [{"S": problem} for problem in item.children],
        "objects": [{"M": {name: {"S": part} for name, part in each.items()}} for each in item.objects],
    }
    attributes |= {name: {"L": entries} for name, entries in lists.items() if entries}
    if item.is_child:
        attributes["is_child"] = {"BOOL": True}
    if any(item.past):
        attributes["past"] = {"M": _encode_past(item.past)}
    return attributes


def _encode_past(past: Past) -> Attributes:
    attributes = {
        "turns": {"L": [{"N": str(order)} for order in past.turns]},
        "since": {"N": str(past.since)},
        "former": _encode_orders(dict(past.former)),
        "flaps": {"N": str(past.flaps)},
    }
    return {name: attributes[name] for name, value in past._asdict().items() if value}


def _decode_past(attributes: Attributes) -> Past:
    return Past(
        turns=tuple(int(order["N"]) for order in attributes.get("turns", {"L": []})["L"]),
        since=int(attributes.get("since", {"N": "0"})["N"]),
        former=in_order(_decode_orders(attributes.get("former", {"M": {}}))),
        flaps=int(attributes.get("flaps", {"N": "0"})["N"]),
    )


def _encode_orders(orders: Mapping[str, int]) -> Attributes:
    return {"M": {member: {"N": str(order)} for member, order in orders.items()}}


def _decode(attributes: Attributes) -> Item:
    record = None
    if "sys_id" in attributes:
        record = RecordReference(attributes["sys_id"]["S"], attributes["number"]["S"])
    pending = None
    if "operation" in attributes:
        pending = Pending(
            operation=Operation(attributes["operation"]["S"]),
            orders=_decode_orders(attributes["pending_orders"]),
            lock_until=int(attributes["lock_until"]["N"]),
            owner=attributes["owner"]["S"],
        )
    return Item(
        problem=attributes["pk"]["S"],
        dedup_key=attributes["dedup_key"]["S"],
        table=attributes["table"]["S"],
        version=int(attributes["version"]["N"]),
        orders=_decode_orders(attributes["orders"]),
        record=record,
        correlation_id=attributes.get("correlation_id", {}).get("S"),
        fingerprint=attributes.get("fingerprint", {}).get("S", ""),
        resources=tuple(arn["S"] for arn in attributes.get("resources", {"L": []})["L"]),
        objects=objects_in(attributes),
        pending=pending,
        past=_decode_past(attributes.get("past", {"M": {}})["M"]),
        joined=attributes.get("joined", {}).get("S", ""),
        is_child="is_child" in attributes,
        covered_in=attributes.get("covered_in", {}).get("S", ""),
        children=tuple(problem["S"] for problem in attributes.get("children", {"L": []})["L"]),
    )


def objects_in(attributes: Attributes) -> tuple[Mapping[str, str], ...]:
    """Return the objects of AWS that the record of a stored item stands for."""
    stored = attributes.get("objects", {"L": []})["L"]
    return tuple({name: part["S"] for name, part in each["M"].items()} for each in stored)


def _decode_orders(attribute: Attributes) -> dict[str, int]:
    return {member: int(order["N"]) for member, order in attribute["M"].items()}
