"""A webhook of 200 alerts, beside a function with the same resolver that only parses it and sends as many messages."""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import batched
from typing import Any

import boto3
from aws_lambda_powertools.event_handler import APIGatewayRestResolver

from bench.aws_server import aws_server
from bench.functions import SETTINGS, Handler, post, started
from bench.result import Result
from bench.timing import seconds_per_call
from common.doors.proof import SourceSecret, Way

_ROUNDS = 31
_ALERTS = 200
_SECRET = "s" * 43
_SETTINGS = {"WEBHOOK_SECRET_ID": "webhooks", "WEBHOOK_SOURCES": "alertmanager"}
_BODY = json.dumps(
    {
        "version": "4",
        "groupKey": "{}:{}",
        "status": "firing",
        "receiver": "bridge",
        "truncatedAlerts": 0,
        "groupLabels": {"alertname": "InstanceDown"},
        "commonLabels": {"alertname": "InstanceDown", "severity": "critical"},
        "commonAnnotations": {},
        "externalURL": "https://alertmanager.example.com",
        "alerts": [
            {
                "status": "firing",
                "labels": {"alertname": "InstanceDown", "severity": "critical", "instance": f"web-{number}:9100"},
                "annotations": {"summary": "Instance is down", "description": "No answer for 5 minutes. " * 8},
                "startsAt": "2026-11-20T10:00:00Z",
                "endsAt": "0001-01-01T00:00:00Z",
                "generatorURL": "https://prometheus.example.com/graph?g0.expr=up",
                "fingerprint": f"{number:016x}",
            }
            for number in range(_ALERTS)
        ],
    }
)


def measure() -> list[Result]:
    """Compare the two; both send the same messages to a server that takes them at once."""
    with (
        aws_server("{}") as address,
        started("api", AWS_ENDPOINT_URL_SQS=address, **_SETTINGS) as function,
    ):
        function.bridge.webhooks._secrets = _Secrets()  # noqa: SLF001 (as after their first read)
        bare = _Bare(address)
        measured = seconds_per_call(
            {"here": lambda: _post(function.handler), "bare": lambda: _post(bare.handler)},
            rounds=_ROUNDS,
            calls=1,
            warm_up=3,
        )
    ours, yardstick = measured["here"], measured["bare"]
    return [
        Result(
            "webhook_200_alerts_vs_bare_resolver",
            ours / yardstick,
            1.5,
            f"{ours * 1e3:.1f} ms: proven, split by its rule, sent in batches by eight threads",
            f"the same resolver, body, batches and threads, without proof and rules {yardstick * 1e3:.1f} ms",
        )
    ]


class _Secrets:
    """Knows the one secret."""

    def of(self, source: str) -> SourceSecret:  # noqa: ARG002 (of the real ones)
        """Return it."""
        return SourceSecret(way=Way.BEARER, current=_SECRET)


class _Bare:
    """The yardstick: no proof, no rules, no limits, no log."""

    def __init__(self, address: str) -> None:
        app = APIGatewayRestResolver(enable_validation=True)
        queue = boto3.client("sqs", endpoint_url=address, region_name="eu-west-1")

        def send(messages: Sequence[str]) -> None:
            entries: Any = [{"Id": str(number), "MessageBody": text} for number, text in enumerate(messages)]
            queue.send_message_batch(QueueUrl=SETTINGS["QUEUE_URL"], Entries=entries)

        @app.post("/webhooks/<source>")
        def receive(source: str) -> dict[str, int]:
            body = json.loads(app.current_event.decoded_body or "")
            alerts = body.pop("alerts")
            messages = [json.dumps({"source": source, "detail": {**body, "alerts": [alert]}}) for alert in alerts]
            with ThreadPoolExecutor(8) as senders:
                list(senders.map(send, batched(messages, 10, strict=False)))
            return {"accepted": len(messages)}

        self.handler = app.resolve


def _post(handler: Handler) -> None:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {_SECRET}"}
    post(handler, "/webhooks/alertmanager", _BODY, headers, {})
