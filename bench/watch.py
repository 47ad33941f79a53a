"""A look at what changed among 100 000 open records, 500 of which did."""

import io
import time
import tracemalloc
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast, override

from bench import parts
from bench.result import Result
from common.clock import Deadline
from common.incidents.item import problem_of
from common.incidents.ledger import Ledger
from common.servicenow.client import ServiceNowClient
from common.servicenow.records import Page, Records
from common.telemetry import Telemetry
from common.transport import Transport
from common.watch.bus import Bus
from common.watch.decide import READ
from common.watch.event import Told
from common.watch.memory import Memory
from common.watch.watcher import Watcher
from local.simulator import Simulator
from local.simulator.records import Row
from local.simulator.times import written
from tests.support.watch import DEPLOYMENT, Listener, Table, row

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

_RECORDS = 100_000
_CHANGES = 500
_MINUTE = 60.0
_FUNCTION_SECONDS = 55.0
_LONG = 600.0
_LONG_AGO = "2026-01-01 00:00:00"


def measure() -> list[Result]:
    """Look once to begin, let some records change, look again, and once more when nothing has changed."""
    clock = parts.MovedClock()
    with Simulator(client_id=parts.CLIENT_ID, client_secret=parts.CLIENT_SECRET, seed=1, now=clock.now) as simulator:
        rows = _open_records(simulator)
        bus = Listener()
        watcher = _watcher(_records(simulator, clock), clock, bus, host=simulator.host)
        calls: list[int] = []
        told: list[list[tuple[str, int]]] = []
        for step in ("begin", "changes", "nothing"):
            if step == "changes":
                now = written(clock.now())
                for changed in rows[:: _RECORDS // _CHANGES]:
                    changed |= {
                        "state": "2",
                        "sys_updated_on": now,
                        "sys_updated_by": "abel.tuter",
                        "sys_mod_count": "1",
                    }
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
        _growth(),
    ]


def _growth() -> Result:
    """Compare the memory that looks at few and at many changes take at most."""
    few, many = (_peak(pages) for pages in (2, 20))
    return Result(
        "watch_memory_growth",
        many / few,
        1.1,
        f"{many / 1e6:.1f} MB at most for 20 000 changes",
        f"{few / 1e6:.1f} MB for 2 000",
    )


def _peak(pages: int) -> int:
    clock = parts.MovedClock()
    watcher = _watcher(_Endless(pages), clock, _Deaf(), host="example.service-now.com", table=_Forgetful(clock.now))
    watcher.run(Deadline.after(clock, _LONG))
    tracemalloc.start()
    try:
        watcher.run(Deadline.after(clock, _LONG))
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


class _Endless(Records):
    """Pages of records that all have just changed, none of which is kept; nothing at all at the first look."""

    def __init__(self, pages: int) -> None:
        self._pages = pages
        self._looked = False

    @override
    def page(self, table: str, query: str, deadline: Deadline, *, limit: int, offset: int = 0) -> Page:
        if not self._looked:
            self._looked = True
            return Page([], more=False)
        after = int(query.partition("sys_id>")[2].partition("^")[0] or "0", 16)
        rows = [row(after + number, at=time.time()) for number in range(1, limit + 1)]
        return Page(rows, more=after + limit < self._pages * limit)


class _Forgetful(Table):
    """A table that keeps the mark alone."""

    @override
    def put_item(self, *, TableName: str, Item: dict[str, Any], **condition: Any) -> Mapping[str, Any]:
        answer = super().put_item(TableName=TableName, Item=Item, **condition)
        if "/mark/" not in Item["pk"]["S"]:
            del self.items[Item["pk"]["S"]]
        return answer


class _Deaf:
    """A bus that takes everything and keeps nothing."""

    def put(self, events: Sequence[Told]) -> Sequence[bool]:
        return [True] * len(events)


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
            "correlation_id": f"{problem_of(DEPLOYMENT, str(number))}-{'0' * 16}",
            "sys_created_by": "aws.bridge",
            "sys_updated_by": "aws.bridge",
            "sys_updated_on": _LONG_AGO,
            "sys_mod_count": "0",
        }
    return list(rows.values())


def _records(simulator: Simulator, clock: parts.MovedClock) -> Records:
    transport = Transport(simulator.host, clock=clock, certificate_authorities=simulator.ca_pem)
    tokens = parts.token_source(simulator.host, simulator.ca_pem, clock)
    client = ServiceNowClient(transport, tokens, clock=clock, telemetry=Telemetry("bench", stream=io.StringIO()))
    return Records(client, READ)


def _watcher(records: Records, clock: parts.MovedClock, bus: Bus, *, host: str, table: Table | None = None) -> Watcher:
    ledger = Ledger(cast("DynamoDBClient", table or Table(clock.now)), "ledger", clock=clock)
    return Watcher(
        records,
        Memory(ledger, deployment=DEPLOYMENT, clock=clock),
        bus,
        deployment=DEPLOYMENT,
        tables=["incident"],
        host=host,
        telemetry=Telemetry("bench", stream=io.StringIO()),
    )
