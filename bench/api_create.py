"""A warm `POST /incidents` through the API, beside a function that validates the same model and makes the same POST."""

import json
import ssl
import time
from collections.abc import Callable, Mapping
from itertools import count
from types import ModuleType
from typing import Any, cast

import urllib3
from aws_lambda_powertools.event_handler import APIGatewayRestResolver

from bench.fixed_server import fixed_server
from bench.functions import TOKEN, Handler, give_token, post, started
from bench.result import Result
from bench.timing import seconds_per_call
from common.api.models import NewIncident
from common.incidents.item import Operation, Pending
from common.incidents.ledger import Ledger
from tests.support.clock import FakeClock
from tests.support.ledger import InMemoryDynamoDB

_ROUNDS = 201
_CALLS = 10
_WARM_UP = 20
_NOW = 1_900_000_000.0
_TARGET = "/api/now/v2/table/incident?sysparm_exclude_reference_link=true&sysparm_fields=sys_id%2Cnumber%2Cstate"
_BODY = json.dumps(
    {
        "short_description": "The import of orders failed",
        "description": "Step 3 of 7: the file of the 14th is empty. " * 8,
        "impact": "2",
        "urgency": "2",
    }
)
_numbers = count(1)


def measure() -> list[Result]:
    """Compare the two, each on its own kept connection to a server that sends one fixed answer."""
    ledger = _TimedDynamoDB()
    # The record shows what was written, as ServiceNow's would. Its marker is known: the ledger's clock stands still.
    marker = Pending(Operation.OPEN, {"-": int(_NOW * 1000) * 10 + 1}, 0, "").marker
    written = {name: text.strip() for name, text in json.loads(_BODY).items()} | {"correlation_display": marker}
    with (
        fixed_server(written) as (host, authorities),
        started("api", SERVICENOW_INSTANCE_HOST=host, CERTIFICATE_AUTHORITIES=authorities) as function,
    ):
        _prepare(function, ledger)
        bare = _Bare(host, authorities)
        measured = seconds_per_call(
            {
                "here": lambda: _create(function.handler),
                "bare": lambda: _create(bare.handler),
            },
            rounds=_ROUNDS,
            calls=_CALLS,
            warm_up=_WARM_UP,
            clock=lambda: time.perf_counter() - ledger.seconds,
        )
    ours, yardstick = measured["here"], measured["bare"]
    asked = ledger.calls // ((_ROUNDS + _WARM_UP) * _CALLS)
    return [
        Result(
            "api_create_vs_bare_resolver",
            ours / yardstick,
            1.5,
            f"{ours * 1e6:.0f} µs, without the time in {asked} calls of DynamoDB",
            f"ten lines with the same resolver, model and POST {yardstick * 1e6:.0f} µs",
        )
    ]


class _TimedDynamoDB:
    """DynamoDB in memory, and the time that is spent in it."""

    def __init__(self) -> None:
        self._table = InMemoryDynamoDB(lambda: _NOW)
        self.seconds = 0.0
        self.calls = 0

    def get_item(self, **arguments: Any) -> Mapping[str, Any]:  # noqa: ANN401 (DynamoDB's own)
        """Read one item."""
        return self._timed(self._table.get_item, arguments)

    def put_item(self, **arguments: Any) -> Mapping[str, Any]:  # noqa: ANN401 (DynamoDB's own)
        """Write one item under a condition."""
        return self._timed(self._table.put_item, arguments)

    def _timed(self, call: Callable[..., Mapping[str, Any]], arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        began = time.perf_counter()
        try:
            return call(**arguments)
        finally:
            self.seconds += time.perf_counter() - began
            self.calls += 1


class _Bare:
    """The yardstick: no ledger, no token, no deadline, no problem details, no log."""

    def __init__(self, host: str, authorities: str) -> None:
        http = urllib3.PoolManager(ssl_context=ssl.create_default_context(cadata=authorities))
        url = f"https://{host}{_TARGET}"
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        app = APIGatewayRestResolver(enable_validation=True)

        @app.post("/incidents")
        def create_incident(incident: NewIncident) -> dict[str, str]:
            fields = json.dumps(incident.model_dump(exclude_unset=True))
            answer = http.request("POST", url, body=fields, headers=headers)
            record = answer.json()["result"]
            return {"sys_id": record["sys_id"], "number": record["number"]}

        self.handler = app.resolve


def _prepare(function: ModuleType, dynamodb: _TimedDynamoDB) -> None:
    """Give the function a token, and a ledger whose clock stands still."""
    give_token(function)
    creation = function.bridge.incidents._creation  # noqa: SLF001 (AWS is not there)
    ledger = Ledger(cast("Any", dynamodb), "ledger", clock=FakeClock(now=_NOW))
    creation.ledger = creation._desk.ledger = ledger  # noqa: SLF001 (the same)


def _create(handler: Handler) -> None:
    headers = {"Content-Type": "application/json", "Idempotency-Key": f"job-{next(_numbers)}"}
    post(handler, "/incidents", _BODY, headers, {"userArn": "arn:aws:iam::123456789012:user/bench"})
