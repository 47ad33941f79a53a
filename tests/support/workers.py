"""Workers that can be stopped at every call: the real intake, desk and ledger, played again from what they were told.

A worker's state is the list of answers that it has had so far. To take it one call further, its work is done anew from
the start: recorded answers are given again, and the first call without one is the next request. So a worker is a pure
function from its history to its next request, or to what became of its messages.
"""

import io
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast, override

from botocore.exceptions import ReadTimeoutError

from common.clock import Deadline
from common.errors import AmbiguousError, BridgeError, HeldError, PermanentError, TransientError
from common.incidents.alert import Alert
from common.incidents.desk import Desk
from common.incidents.item import problem_of
from common.incidents.ledger import Ledger
from common.incidents.rules import Rules
from common.intake import Intake
from common.queue import EventQueue, Message
from common.servicenow.client import RESERVE_SECONDS
from common.servicenow.records import Record, Records
from common.telemetry import Telemetry
from tests.support.clock import EPOCH
from tests.support.ledger import LOST_RACE, THROTTLED, Attributes, expected_version, metadata, refusal
from tests.support.requests import (
    Answer,
    Change,
    Clocks,
    Count,
    Create,
    Fate,
    Fates,
    Find,
    GetItem,
    Kind,
    PutItem,
    Read,
    Request,
    Run,
    Succeed,
    Update,
)
from tests.support.servicenow import Row
from tests.support.world import KEY

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient


class Workers:
    """Plays runs. Equal runs are played once."""

    def __init__(self, alerts: Sequence[Alert], clocks: Sequence[Clocks]) -> None:
        """Use one of `clocks` for each slot."""
        self._alerts = alerts
        self._clocks = clocks
        self._known: dict[Run, Request | Fates] = {}
        self._messages = [
            Message(str(event), "receipt", _BODY.replace("EVENT", str(event))) for event in range(len(alerts))
        ]
        self.telemetry = Telemetry("workers", stream=io.StringIO())
        self.telemetry.log.setLevel(logging.CRITICAL)

    def next(self, run: Run) -> Request | Fates:
        """Return the next request of a run, or what became of its messages."""
        known = self._known.get(run)
        if known is None:
            known = self._known[run] = self._play(run)
        return known

    def _play(self, run: Run) -> Request | Fates:
        tape = _Tape(run, self._clocks[run.slot])
        queue = NoQueue()
        desk = Desk(
            Ledger(cast("DynamoDBClient", _DynamoDB(tape)), "ledger", clock=tape),
            _Records(tape),
            deployment="deployment",
            close_code="Solution provided",
            telemetry=self.telemetry,
            new_owner=lambda: f"worker {run.slot} since {run.started}",
        )
        intake = Intake(cast("Rules", _Rules(self._alerts)), desk, queue, telemetry=self.telemetry, sample=lambda: 0.5)
        messages = [self._messages[event] for event in run.events]
        defects = self.telemetry.counts().get("Defects", 0)
        try:
            stay = set(intake.process(messages, Deadline(tape, float(run.killed_at))))
        except _Asked as asked:
            return asked.request
        fates = [_fate(str(event), stay, queue.dead) for event in run.events]
        return Fates(tuple(fates), self.telemetry.counts().get("Defects", 0) - defects)


_BODY = json.dumps(
    {"source": "test", "detail-type": "test", "time": "", "account": "", "region": "", "detail": {"event": "EVENT"}}
)


def _fate(message_id: str, stay: set[str], dead: set[str]) -> Fate:
    if message_id in stay:
        return "back"
    return "dead" if message_id in dead else "done"


class _Asked(BaseException):
    def __init__(self, request: Request) -> None:
        super().__init__()
        self.request = request


class _Tape:
    """Gives recorded answers, and is the worker's clock: time passes while it waits for an answer."""

    def __init__(self, run: Run, clocks: Clocks) -> None:
        self._answers = iter(run.answers)
        self._seconds = run.started
        self._jump = clocks.local_offset
        self._date_lag = clocks.date_lag

    def ask(self, make: Callable[[], Request]) -> Answer:
        """Return the next answer; what is asked is made up only where there is none yet."""
        answer = next(self._answers, None)
        if answer is None:
            raise _Asked(make())
        self._seconds = answer.at
        self._jump = -self._jump
        return answer

    def server_time(self) -> float:
        return EPOCH + self._seconds - self._date_lag

    def now(self) -> float:
        return EPOCH + self._seconds + self._jump

    def monotonic(self) -> float:
        return float(self._seconds)

    def sleep(self, seconds: float) -> None:
        raise NotImplementedError(seconds)


class _DynamoDB:
    def __init__(self, tape: _Tape) -> None:
        self._tape = tape

    def get_item(self, *, TableName: str, Key: Attributes, ConsistentRead: bool) -> Mapping[str, Any]:  # noqa: N803
        assert (TableName, list(Key), ConsistentRead) == ("ledger", ["pk"], True)
        answer = self._tape.ask(lambda: GetItem(_other(Key)))
        if answer.kind == "throttled":
            raise refusal(THROTTLED, "GetItem", self._tape.server_time())
        response: dict[str, Any] = {"ResponseMetadata": metadata(self._tape.server_time())}
        return response if answer.item is None else {**response, "Item": json.loads(answer.item)}

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
        assert (TableName, ReturnValuesOnConditionCheckFailure) == ("ledger", "ALL_OLD")
        names, values = ExpressionAttributeNames or {}, ExpressionAttributeValues or {}
        answer = self._tape.ask(lambda: _put(Item, expected_version(ConditionExpression, names, values)))
        if answer.kind == "throttled":
            raise refusal(THROTTLED, "PutItem", self._tape.server_time())
        if answer.kind == "lost":
            raise ReadTimeoutError(endpoint_url="https://dynamodb.example")
        if answer.kind == "lost race":
            stored = None if answer.item is None else json.loads(answer.item)
            raise refusal(LOST_RACE, "PutItem", self._tape.server_time(), stored)
        return {"ResponseMetadata": metadata(self._tape.server_time())}

    def update_item(  # noqa: PLR0913 (the arguments are DynamoDB's own)
        self,
        *,
        TableName: str,  # noqa: N803
        Key: Attributes,  # noqa: N803
        UpdateExpression: str,  # noqa: N803
        ExpressionAttributeNames: Mapping[str, str],  # noqa: N803
        ExpressionAttributeValues: Attributes | None = None,  # noqa: N803
        ConditionExpression: str = "",  # noqa: N803
        ReturnValues: str = "",  # noqa: N803
        ReturnValuesOnConditionCheckFailure: str = "",  # noqa: N803
    ) -> Mapping[str, Any]:
        values = ExpressionAttributeValues or {}
        assert TableName == "ledger"
        if not ConditionExpression:
            return self._change(Key["pk"]["S"], UpdateExpression, ExpressionAttributeNames, values)
        if UpdateExpression == "SET #gathering = :new":
            answer = self._tape.ask(lambda: Succeed(Key["pk"]["S"], values[":old"]["S"], values[":new"]["S"]))
        else:
            assert (ReturnValues, ReturnValuesOnConditionCheckFailure) == ("ALL_NEW", "ALL_OLD")
            problem, more_than = values[":problem"]["SS"][0], int(values[":more_than"]["N"])
            answer = self._tape.ask(lambda: Count(Key["pk"]["S"], problem, more_than, values[":gathering"]["S"]))
        if answer.kind == "throttled":
            raise refusal(THROTTLED, "UpdateItem", self._tape.server_time())
        stored = json.loads(answer.item or "{}")
        attributes = {"gathering": {"S": stored.get("gathering", "")}}
        if "problems" in stored:
            attributes[ExpressionAttributeNames["#part"]] = {"SS": stored["problems"]}
        if answer.kind == "lost race":
            raise refusal(LOST_RACE, "UpdateItem", self._tape.server_time(), attributes)
        return {"ResponseMetadata": metadata(self._tape.server_time()), "Attributes": attributes}

    def _change(self, pk: str, expression: str, names: Mapping[str, str], values: Attributes) -> Mapping[str, Any]:
        changes = {
            "SET #entry = :entry": lambda: Change(pk, added=((names["#entry"], json.dumps(values[":entry"])),)),
            "REMOVE #entry, #noted": lambda: Change(pk, removed=tuple(names.values())),
            "ADD #noted :one": lambda: Change(pk, counted=names["#noted"]),
        }
        answer = self._tape.ask(changes[expression])
        if answer.kind == "throttled":
            raise refusal(THROTTLED, "UpdateItem", self._tape.server_time())
        return {
            "ResponseMetadata": metadata(self._tape.server_time()),
            "Attributes": json.loads(answer.item or "{}"),
        }


_IN_ORDER = json.JSONEncoder(sort_keys=True)


def _put(item: Attributes, expected: int | None) -> PutItem:
    # The time to live is left out: it does nothing here but make equal states differ.
    lasting = {name: value for name, value in item.items() if name != "expires_at"}
    return PutItem(_IN_ORDER.encode(lasting), expected, _other(item))


def _other(key: Attributes) -> str:
    """Return the key of an item, empty where it is that of the problem that a scenario is about."""
    pk: str = key["pk"]["S"]
    return "" if pk == _MAIN else pk


_MAIN = problem_of("deployment", KEY)


class _Records(Records):
    """Records without a client: every request goes to the tape, as long as there is time to send it."""

    def __init__(self, tape: _Tape) -> None:
        self._tape = tape

    @override
    def create(self, table: str, fields: Mapping[str, str], deadline: Deadline) -> Record:
        return self._ask(Create(tuple(sorted(fields.items()))), deadline)[0].record()

    @override
    def update(self, table: str, sys_id: str, fields: Mapping[str, str], deadline: Deadline) -> Record:
        rows = self._ask(Update(sys_id, tuple(sorted(fields.items()))), deadline)
        if not rows:
            raise PermanentError("There is no such record.", action="-", status=404)
        return rows[0].record()

    @override
    def read(self, table: str, sys_id: str, deadline: Deadline) -> Record | None:
        rows = self._ask(Read(sys_id), deadline)
        return rows[0].record() if rows else None

    @override
    def find(self, table: str, query: str, deadline: Deadline, *, limit: int = 2) -> list[Record]:
        return [row.record() for row in self._ask(Find(query), deadline)[:limit]]

    def _ask(self, request: Request, deadline: Deadline) -> tuple[Row, ...]:
        if deadline.remaining() <= RESERVE_SECONDS:
            raise TransientError("There is no time left.", action="-")
        answer = self._tape.ask(lambda: request)
        if answer.kind != "done":
            raise _error(answer.kind)
        return answer.rows


def _error(kind: Kind) -> BridgeError:
    match kind:
        case "unknown":
            return AmbiguousError("No answer.", action="-")
        case "refused":
            return PermanentError("Refused.", action="-", status=400)
        case "forbidden":
            return PermanentError("Refused.", action="-", status=403)
        case "hidden":
            return PermanentError("No record.", action="-", status=404)
        case "held":
            return HeldError("Nobody may.", action="-", status=403)
        case _:
            return TransientError("Not done.", action="-", status=429)


class _Rules:
    """Knows one type of event, and finds its alert in a list."""

    name = "test"
    windows = ()

    def __init__(self, alerts: Sequence[Alert]) -> None:
        self._alerts = alerts

    def about(self, _event: Mapping[str, Any]) -> Sequence["_Rules"]:
        return ()

    def match(self, _event: Mapping[str, Any]) -> "_Rules":
        return self

    def alert(self, event: Mapping[str, Any]) -> Alert:
        return self._alerts[int(event["detail"]["event"])]


class NoQueue(EventQueue):
    """A queue whose messages are kept track of elsewhere; `dead` holds the ids of those that were given up."""

    def __init__(self) -> None:
        """Start empty."""
        self.dead: set[str] = set()

    @override
    def later(self, message: Message, seconds: float) -> None:
        """Do nothing."""

    @override
    def finish(self, message: Message) -> bool:
        """Do nothing."""
        return True

    @override
    def dead_letter(self, message: Message, error: BridgeError) -> bool:
        """Remember the message."""
        self.dead.add(message.message_id)
        return True
