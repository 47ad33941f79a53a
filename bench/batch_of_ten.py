"""Ten new problems in one warm batch: what the events function adds to the calls that it has to make."""

import json
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

import boto3
import urllib3

from bench.aws_server import aws_server
from bench.fixed_server import fixed_server
from bench.functions import Context, give_token, started
from bench.result import Result
from bench.timing import seconds_per_call
from common.bridge.clients import QUICK_CONFIG
from common.incidents.alert import ONLY_MEMBER, order_key
from common.incidents.circuit import CIRCUIT_KEY
from common.incidents.item import Operation, Pending
from common.transport import Response, Transport

# Medians of short series, and the median of those: a busy moment of the machine spoils one series, not the result.
_SERIES = 21
_ROUNDS = 15
_PROBLEMS = 10
_EVENT = Path(__file__).resolve().parents[1] / "events" / "cloudwatch-alarm-metric-alarm.json"

type Call = Callable[[], None]


def measure() -> list[Result]:
    """Compare a batch with the very calls that it makes, each side on its own kept connections."""
    moment = int(time.time()) * 1000
    # All ten alarms fired at one moment, so that one answer shows the marker that each write left.
    marker = Pending(Operation.OPEN, {ONLY_MEMBER: order_key(moment, firing=True)}, 0, "").marker
    with (
        fixed_server({"correlation_display": marker}) as (host, authorities),
        aws_server("{}") as aws,
        started(
            "events", SERVICENOW_INSTANCE_HOST=host, CERTIFICATE_AUTHORITIES=authorities, AWS_ENDPOINT_URL=aws
        ) as function,
    ):
        give_token(function)
        event, context = _batch(moment), Context(60.0)

        def batch() -> None:
            if function.handler(event, context)["batchItemFailures"]:
                raise RuntimeError("a message was not handled")

        raw = _raw_calls(function, batch, host, authorities)

        def bare() -> None:
            for call in raw:
                call()

        series = [
            seconds_per_call({"here": batch, "raw": bare}, rounds=_ROUNDS, calls=1, warm_up=3) for _ in range(_SERIES)
        ]
    middle = sorted(series, key=lambda measured: measured["here"] / measured["raw"])[_SERIES // 2]
    ours, yardstick = middle["here"], middle["raw"]
    return [
        Result(
            "batch_of_ten_vs_raw_calls",
            ours / yardstick,
            1.3,
            f"{ours * 1e3:.1f} ms through the handler",
            f"the same {len(raw)} calls of urllib3 and boto3 {yardstick * 1e3:.1f} ms",
        )
    ]


def _batch(moment: int) -> dict[str, Any]:
    """Return ten messages with alarms that fired at that moment; the ledger knows none of them, however often."""
    stamp = datetime.fromtimestamp(moment / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")
    records = []
    for number in range(_PROBLEMS):
        event = json.loads(_EVENT.read_bytes())
        event["detail"]["alarmName"] = f"errors-{number}"
        event["detail"]["state"]["timestamp"] = stamp
        records.append(
            {
                "messageId": f"message-{number}",
                "receiptHandle": f"receipt-{number}",
                "body": json.dumps(event),
                "attributes": {"ApproximateReceiveCount": "1"},
            }
        )
    return {"Records": records}


def _raw_calls(function: ModuleType, batch: Call, host: str, authorities: str) -> Sequence[Call]:
    """Let the function handle a batch, and return the calls that it made, without the function."""
    calls: list[Call] = []
    dynamodb: Any = boto3.client("dynamodb", config=QUICK_CONFIG)
    pool = urllib3.HTTPSConnectionPool(
        "localhost",
        int(host.rpartition(":")[2]),
        ssl_context=ssl.create_default_context(cadata=authorities),
    )
    send = Transport.send

    def note_send(transport: Transport, method: str, target: str, **request: Any) -> Response:  # noqa: ANN401
        body, headers = request["body"], dict(request["headers"])
        calls.append(lambda: _post(pool, method, target, body, headers))
        return send(transport, method, target, **request)

    def note_call(params: Mapping[str, Any], event_name: str, **_: object) -> None:
        operation = {"GetItem": dynamodb.get_item, "PutItem": dynamodb.put_item}[event_name.rpartition(".")[2]]
        arguments = dict(params)
        if CIRCUIT_KEY not in json.dumps(arguments.get("Key")):
            calls.append(lambda: operation(**arguments))

    events = function.bridge.ledger._dynamodb.meta.events  # noqa: SLF001 (its own hook for looking on)
    events.register("provide-client-params.dynamodb", note_call)
    with patch.object(Transport, "send", note_send):
        batch()
    events.unregister("provide-client-params.dynamodb", note_call)
    return calls


def _post(pool: urllib3.HTTPSConnectionPool, method: str, target: str, body: bytes, headers: Mapping[str, str]) -> None:
    answer = pool.urlopen(method, target, body, headers, retries=False, redirect=False)
    if answer.status != HTTPStatus.CREATED or not answer.data:
        raise RuntimeError("no answer")
