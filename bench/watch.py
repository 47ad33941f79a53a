"""A look at what changed among 100 000 open records, 500 of which did."""

import io
from typing import TYPE_CHECKING, cast

from bench import parts
from bench.result import Result
from common.clock import Deadline
from common.incidents.item import problem_of
from common.incidents.ledger import Ledger
from common.servicenow.client import ServiceNowClient
from common.servicenow.records import Records
from common.telemetry import Telemetry
from common.transport import Transport
from common.watch.decide import READ
from common.watch.memory import Memory
from common.watch.watcher import Watcher
from local.simulator import Simulator
from local.simulator.records import Row
from local.simulator.times import written
from tests.support.watch import Listener, Table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

_RECORDS = 100_000
_CHANGES = 500
_DEPLOYMENT = "bench"
_MINUTE = 60.0
_FUNCTION_SECONDS = 55.0
_LONG_AGO = "2026-01-01 00:00:00"


def measure() -> list[Result]:
    """Look once to begin, let some records change, look again, and once more when nothing has changed."""
    clock = parts.MovedClock()
    with Simulator(client_id=parts.CLIENT_ID, client_secret=parts.CLIENT_SECRET, seed=1, now=clock.now) as simulator:
        rows = _open_records(simulator)
        bus = Listener()
        watcher = _watcher(simulator, clock, bus)
        calls: list[int] = []
        told: list[list[tuple[str, int]]] = []
        for step in ("begin", "changes", "nothing"):
            if step == "changes":
                now = written(clock.now())
                for row in rows[:: _RECORDS // _CHANGES]:
                    row |= {"state": "2", "sys_updated_on": now, "sys_updated_by": "abel.tuter", "sys_mod_count": "1"}
            before = simulator.api_calls
            watcher.run(Deadline.after(clock, _FUNCTION_SECONDS))
            calls.append(simulator.api_calls - before)
            told.append(list(bus.told))
            clock.moved += _MINUTE
    once = set(told[-1])
    among = f"{_CHANGES} changes among {_RECORDS} open records"
    return [
        Result("watch_calls", calls[1], 2.0, f"{calls[1]} calls, {among}", "one for each thousand changes, and one"),
        Result("watch_calls_idle", calls[2], 1.0, f"{calls[2]} calls, nothing changed", "", exactly=True),
        Result("watch_missed", _CHANGES - len(once), 0.0, f"{len(once)} told", among, exactly=True),
        Result("watch_twice", len(told[-1]) - len(once), 0.0, f"{len(told[-1])} events", among, exactly=True),
    ]


def _open_records(simulator: Simulator) -> list[Row]:
    """Put records into the instance as they are stored, with what the watch asks for alone, and return them."""
    rows = simulator._instance.store._rows.setdefault("incident", {})  # noqa: SLF001 (by the API it takes minutes)
    for number in range(_RECORDS):
        sys_id = f"{number * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128:032x}"
        rows[sys_id] = {
            "sys_id": sys_id,
            "sys_class_name": "incident",
            "number": f"INC{number:07}",
            "state": "1",
            "active": "true",
            "correlation_id": f"{problem_of(_DEPLOYMENT, str(number))}-{'0' * 16}",
            "sys_created_by": "aws.bridge",
            "sys_updated_by": "aws.bridge",
            "sys_updated_on": _LONG_AGO,
            "sys_mod_count": "0",
        }
    return list(rows.values())


def _watcher(simulator: Simulator, clock: parts.MovedClock, bus: Listener) -> Watcher:
    telemetry = Telemetry("bench", stream=io.StringIO())
    transport = Transport(simulator.host, clock=clock, certificate_authorities=simulator.ca_pem)
    tokens = parts.token_source(simulator.host, simulator.ca_pem, clock)
    client = ServiceNowClient(transport, tokens, clock=clock, telemetry=telemetry)
    ledger = Ledger(cast("DynamoDBClient", Table(clock.now)), "ledger", clock=clock)
    return Watcher(
        Records(client, READ),
        Memory(ledger, deployment=_DEPLOYMENT, clock=clock),
        bus,
        deployment=_DEPLOYMENT,
        tables=["incident"],
        host=simulator.host,
        telemetry=telemetry,
    )
