"""A new problem with everything looked up about it that can be, beside one without: warm, and from a cold start.

Servers in a process of their own answer after the time that the real ones take: ServiceNow's insert 300 ms, a look-up
of AWS 20 ms, the ledger 4 ms. Each alarm is a new one, so that the tags of the alarm are asked for every time; those of
its resource, and its configuration item, are known for ten minutes and an hour. What is added later, graph, log and
events, is noted with the record, and asked for in one message once the record is open.
"""

import contextlib
import json
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median
from types import ModuleType
from typing import Any, override
from unittest.mock import patch

from bench import start_up
from bench.api_start import built_package, runtime_of_lambda
from bench.aws_server import aws_server
from bench.fixed_server import fixed_server
from bench.functions import give_token, started
from bench.parts import CLIENT_ID, CLIENT_SECRET
from bench.result import Result
from bench.servers import Exchange, serve, served_by
from bench.timing import seconds_per_call
from common.clock import Deadline, SystemClock
from common.incidents.alert import ONLY_MEMBER, order_key
from common.incidents.item import Operation, Pending
from common.queue import Message

_ROUNDS = 31
_SERVICENOW_SECONDS = 0.3
_LOOK_UP_SECONDS = 0.02
_LEDGER_SECONDS = 0.004
_GROUP = "0123456789abcdef0123456789abcdef"
_QUEUE_URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/follow-ups"
_ADDS = {"FOLLOW_UPS": "graph,log,events", "FOLLOW_UP_QUEUE_URL": _QUEUE_URL}
_ON = {"LOOK_UPS": "accounts,true", **_ADDS}
_SOURCE = Path(__file__).resolve().parents[1]
_EVENT = _SOURCE / "events" / "cloudwatch-alarm-metric-alarm.json"
_OWN = '[[override]]\nfields = { assignment_group = "{{ tags.team }}" }\n'
_numbers = count()


def measure() -> list[Result]:
    """Compare both, in turns, against the same servers."""
    return [_opening(), _starting()]


def _opening() -> Result:
    moment = int(time.time()) * 1000
    marker = Pending(Operation.OPEN, {ONLY_MEMBER: order_key(moment, firing=True)}, 0, "").marker
    with (
        fixed_server({"correlation_display": marker}, _SERVICENOW_SECONDS) as (host, authorities),
        served_by("bench.enriched") as port,
        _rules() as rules,
        _function(host, authorities, f"http://127.0.0.1:{port}", {}, rules) as plain,
        _function(host, authorities, f"http://127.0.0.1:{port}", _ON, rules) as enriched,
    ):
        measured = seconds_per_call(
            {"plain": partial(_open, plain, moment), "enriched": partial(_open, enriched, moment)},
            rounds=_ROUNDS,
            calls=1,
            warm_up=3,
        )
        asking = _asking(enriched)
        # One may take too long on a busy machine; more would mean that nothing was looked up.
        if enriched.bridge.telemetry.counts().get("TagLookupsFailed", 0) > _ROUNDS // 10:
            raise RuntimeError("records were opened without their tags")
    ours, yardstick = measured["enriched"], measured["plain"]
    return Result(
        "open_enriched_vs_plain",
        ours / yardstick,
        1.10,
        f"{ours * 1e3:.0f} ms to the open record, owner and item included; asking for what is added later takes "
        f"{asking * 1e3:.0f} ms afterwards",
        f"without {yardstick * 1e3:.0f} ms; ServiceNow answers after 300 ms, look-ups after 20",
    )


def _starting() -> Result:
    secret = json.dumps({"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET})
    with tempfile.TemporaryDirectory() as directory, aws_server(secret) as address:
        folder = Path(directory)
        environment = start_up.environment_of(address, built_package(folder), runtime_of_lambda(folder))
        start_up.store_token(environment)
        ours, yardstick = start_up.in_turns(
            lambda: start_up.seconds_until_ready(start_up.HERE, environment | _ON),
            lambda: start_up.seconds_until_ready(start_up.HERE, environment),
        )
    return Result(
        "events_start_enriched_vs_plain",
        ours / yardstick,
        1.05,
        f"{ours * 1e3:.0f} ms from the start to a token, with look-ups",
        f"without {yardstick * 1e3:.0f} ms",
    )


def _open(function: ModuleType, moment: int) -> None:
    event = json.loads(_EVENT.read_bytes())
    name = f"errors-{next(_numbers)}"
    event["detail"]["alarmName"] = name
    event["resources"] = [f"arn:aws:cloudwatch:eu-west-1:123456789012:alarm:{name}"]
    event["account"], event["region"] = "123456789012", "eu-west-1"
    stamp = datetime.fromtimestamp(moment / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")
    event["detail"]["state"]["timestamp"] = stamp
    record = {"messageId": name, "body": json.dumps(event), "attributes": {"ApproximateReceiveCount": "1"}}
    bridge = function.bridge
    if bridge.intake.process([Message.of(record)], Deadline.after(bridge.clock, 60)):
        raise RuntimeError("a message was not handled")


def _asking(function: ModuleType) -> float:
    """Return the seconds that a message takes by which one record's additions are asked for."""
    queue = function.bridge.follow_ups
    requests = queue._waiting  # noqa: SLF001 (how many there are tells that each record was noted)
    if len(requests) < _ROUNDS:
        raise RuntimeError("records were opened for which nothing is asked")
    seconds = []
    for request in requests:
        queue._waiting = [request]  # noqa: SLF001
        began = time.perf_counter()
        queue.send()
        seconds.append(time.perf_counter() - began)
    if function.bridge.telemetry.counts().get("FollowUpsAsked") != len(requests):
        raise RuntimeError("a message was not sent")
    return median(seconds)


@contextlib.contextmanager
def _function(host: str, authorities: str, aws: str, chosen: Mapping[str, str], rules: Path) -> Iterator[ModuleType]:
    settings = {"SERVICENOW_INSTANCE_HOST": host, "CERTIFICATE_AUTHORITIES": authorities, "AWS_ENDPOINT_URL": aws}
    with patch("common.bridge.events.RULES", rules), started("events", **settings, **chosen) as function:
        give_token(function)
        item = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/checkout/6c1f0d6b2a4e8d37"
        known = (_GROUP, SystemClock().now() + 3600)
        function.bridge.records._names._known["cmdb_ci", item] = known  # noqa: SLF001 (asked before)
        yield function


@contextlib.contextmanager
def _rules() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as directory:
        rules = Path(directory) / "rules"
        shutil.copytree(_SOURCE / "src/rules", rules)
        (rules / "own").mkdir(exist_ok=True)
        (rules / "own/own.toml").write_text(_OWN)
        yield rules


def _cbor(value: Any) -> bytes:  # noqa: ANN401 (texts, and lists and objects of fewer than 24)
    if isinstance(value, str):
        text = value.encode()
        return bytes([0x60 + len(text)] if len(text) < 24 else [0x78, len(text)]) + text  # noqa: PLR2004 (of CBOR)
    if isinstance(value, list):
        return bytes([0x80 + len(value)]) + b"".join(map(_cbor, value))
    return bytes([0xA0 + len(value)]) + b"".join(_cbor(name) + _cbor(one) for name, one in value.items())


class _Exchange(Exchange):
    """Answers in JSON, or in CBOR: some services know both, and botocore chooses."""

    @override
    def answer(self, body: bytes) -> None:
        named = self.path.rpartition("/")[2]
        operation = named or self.headers.get("X-Amz-Target", "").rpartition(".")[2]
        is_look_up = operation in ("ListTagsForResource", "GetResources")
        time.sleep(_LOOK_UP_SECONDS if is_look_up else _LEDGER_SECONDS)
        tags = [{"Key": "team", "Value": _GROUP}]
        mapped = [{"ResourceARN": "arn:aws:sqs:eu-west-1:123456789012:x", "Tags": tags}]
        found = {"ResourceTagMappingList": mapped} if operation == "GetResources" else {"Tags": []}
        if named:
            self.send(_cbor(found), "application/cbor", smithy_protocol="rpc-v2-cbor")
        else:
            self.send(json.dumps(found if is_look_up else {}).encode(), "application/x-amz-json-1.0")


if __name__ == "__main__":
    serve(_Exchange)
