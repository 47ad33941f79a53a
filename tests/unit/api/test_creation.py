"""Creating a record once: what a request does that meets another one, at whatever moment."""

from collections.abc import Callable
from typing import override

import pytest

from common.api import creation
from common.api.creation import Creation
from common.api.requests import RequestKey, Sender
from common.clock import Deadline
from common.errors import (
    AmbiguousError,
    BridgeError,
    ChangedRequestError,
    HeldError,
    NotYetError,
    PermanentError,
    TransientError,
)
from common.incidents.desk import Desk
from common.incidents.ledger import Ledger
from common.servicenow.records import Record, Records
from common.telemetry import Telemetry
from tests.support.clock import FakeClock
from tests.support.ledger import InMemoryDynamoDB

FIELDS = {"short_description": "x"}


class FakeRecords(Records):
    """ServiceNow's incidents as a list. `before` and `after` are called around each insert and may raise."""

    def __init__(self) -> None:
        self.rows: list[Record] = []
        self.look_ups = 0
        self.before: Callable[[], None] = lambda: None
        self.after: Callable[[], None] = lambda: None
        self.finding: Callable[[], None] = lambda: None

    @override
    def create(self, table: str, fields: object, deadline: Deadline) -> Record:
        self.before()
        assert isinstance(fields, dict)
        number = f"INC{len(self.rows) + 1:07}"
        row = Record(f"{len(self.rows) + 1:032x}", {"number": number, "state": "1", "active": "true", **fields})
        self.rows.append(row)
        self.after()
        return row

    @override
    def find(self, table: str, query: str, deadline: Deadline, *, limit: int = 2) -> list[Record]:
        self.look_ups += 1
        self.finding()
        return [row for row in self.rows if query == f"correlation_id={row.fields['correlation_id']}"]


class Bench:
    """A creation with everything that it needs, and a clock that moves by hand."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.dynamodb = InMemoryDynamoDB(self.clock.now)
        self.records = FakeRecords()
        telemetry = Telemetry("test")
        ledger = Ledger(self.dynamodb, "ledger", clock=self.clock)  # type: ignore[arg-type] # it has the two calls
        self.desk = Desk(ledger, self.records, deployment="test", close_code="", telemetry=telemetry)
        self.creation = Creation(self.desk, clock=self.clock)

    def create(self, *, seconds: float = 27.0, key: str = "k", **fields: str) -> creation.Created:
        """Create a record within some seconds."""
        values = FIELDS | fields
        request = RequestKey.of(Sender("alice", key), "POST /incidents", values)
        return self.creation.create(request, "incident", values, Deadline.after(self.clock, seconds))

    def fail_next(self, error: BridgeError, *, after: bool = False) -> None:
        """Let the next insert raise, before or after it was carried out."""

        def fail() -> None:
            self.records.before = self.records.after = lambda: None
            raise error

        if after:
            self.records.after = fail
        else:
            self.records.before = fail


@pytest.fixture
def bench() -> Bench:
    """Provide a new one."""
    return Bench()


def test_the_first_request_makes_the_record_and_the_next_ones_find_it(bench: Bench) -> None:
    """In the ledger: no call, and no write."""
    first = bench.create()
    written = bench.dynamodb.calls.count("put_item")

    again = bench.create()

    assert (first.repeated, again.repeated) == (False, True)
    assert again.record == first.record
    assert bench.dynamodb.calls.count("put_item") == written
    assert len(bench.records.rows) == 1


def test_93_another_content_under_the_key_is_refused_at_every_moment(bench: Bench) -> None:
    """While the first request is under way, and once it is done."""
    seen: list[type[BridgeError]] = []

    def ask_for_something_else() -> None:
        with pytest.raises(ChangedRequestError) as caught:
            bench.create(description="other")
        seen.append(type(caught.value))

    bench.records.before = ask_for_something_else
    bench.create()
    bench.records.before = lambda: None
    ask_for_something_else()

    assert len(seen) == 2
    assert len(bench.records.rows) == 1


@pytest.mark.parametrize(
    "error",
    [
        TransientError("429", action="wait", status=429, retry_after=60),
        PermanentError("no", action=""),
        HeldError("no", action=""),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_was_provably_not_carried_out_leaves_the_key_free(bench: Bench, error: BridgeError) -> None:
    """A rate limit or an outage costs the caller a repetition, a refusal has to be mended first."""
    bench.fail_next(error)
    with pytest.raises(type(error)):
        bench.create()

    assert bench.create().repeated is False
    assert len(bench.records.rows) == 1


def test_a_lost_answer_is_looked_for_while_there_is_time(bench: Bench) -> None:
    """The caller gets the record that was made, as the one who made it."""
    bench.fail_next(AmbiguousError("lost", action=""), after=True)

    made = bench.create()

    assert made.repeated is False
    assert made.record.sys_id == bench.records.rows[0].sys_id
    assert bench.records.look_ups == 1


def test_94_what_does_not_show_in_time_ends_in_a_doubt_and_is_never_sent_twice(bench: Bench) -> None:
    """Within the time in which the first request may still be carried out, repetitions only look."""
    bench.fail_next(AmbiguousError("lost", action=""))
    for _ in range(2):
        with pytest.raises(AmbiguousError) as caught:
            bench.create()
        assert 0 < (caught.value.retry_after or 0) <= 80
    assert bench.records.rows == []

    bench.clock.advance(100)

    assert bench.create().repeated is False
    assert len(bench.records.rows) == 1


def test_94_a_record_that_shows_late_is_the_answer_to_the_repetition(bench: Bench) -> None:
    """Long before the lock of the first request ends."""
    bench.fail_next(AmbiguousError("lost", action=""))
    with pytest.raises(AmbiguousError):
        bench.create()
    [item] = bench.dynamodb.items.values()
    correlation_id = item["correlation_id"]["S"]
    bench.records.rows.append(Record("a" * 32, {"number": "INC1", "correlation_id": correlation_id}))

    made = bench.create()

    assert (made.record.sys_id, made.repeated) == ("a" * 32, True)


def test_two_records_with_the_requests_own_name_are_no_answer(bench: Bench) -> None:
    """Which of them is the right one nobody knows; a person has to look."""
    bench.fail_next(AmbiguousError("lost", action=""), after=True)
    bench.records.finding = lambda: bench.records.rows.append(bench.records.rows[0])

    with pytest.raises(AmbiguousError):
        bench.create()


def test_a_look_up_that_fails_says_nothing(bench: Bench) -> None:
    """Neither that the record is there nor that it is not."""
    bench.fail_next(AmbiguousError("lost", action=""), after=True)

    def fail() -> None:
        raise TransientError("503", action="")

    bench.records.finding = fail

    with pytest.raises(AmbiguousError):
        bench.create()
    bench.records.finding = lambda: None
    assert bench.create().repeated is True


def test_whoever_comes_second_waits_for_the_first(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """And gets the same record, without a call."""
    results: list[creation.Created] = []
    item_while_pending: list[dict[str, object]] = []
    sleep = bench.clock.sleep

    def second() -> None:
        bench.records.before = lambda: None
        item_while_pending.extend(dict(item) for item in bench.dynamodb.items.values())

        def settle_meanwhile(seconds: float) -> None:
            # While the second request sleeps, the first one comes to its end.
            sleep(seconds)
            [pk] = bench.dynamodb.items
            settled = {name: value for name, value in bench.dynamodb.items[pk].items() if name not in PENDING}
            bench.dynamodb.items[pk] = settled | {"sys_id": {"S": "a" * 32}, "number": {"S": "INC1"}}

        monkeypatch.setattr(bench.clock, "sleep", settle_meanwhile)
        results.append(bench.create())
        raise TransientError("the first one ends here", action="")

    bench.records.before = second
    with pytest.raises(BridgeError):
        bench.create()

    assert [result.record.sys_id for result in results] == ["a" * 32]
    assert results[0].repeated is True
    assert "operation" in item_while_pending[0]
    assert bench.records.look_ups == 0


PENDING = {"operation", "pending_orders", "lock_until", "owner", "correlation_id"}


def test_a_request_that_cannot_wait_any_longer_asks_to_be_repeated(bench: Bench) -> None:
    """It ends well before the gateway gives up."""
    started = bench.clock.monotonic()
    seen: list[float] = []

    def second() -> None:
        bench.records.before = lambda: None
        with pytest.raises(AmbiguousError):
            bench.create(seconds=27)
        seen.append(bench.clock.monotonic() - started)

    bench.records.before = second
    bench.create(seconds=60)

    assert seen
    assert seen[0] < 27


def test_without_time_for_a_write_nothing_is_begun(bench: Bench) -> None:
    """A claim that could not be settled would block the key for a minute."""
    with pytest.raises(NotYetError):
        bench.create(seconds=8)

    assert bench.dynamodb.items == {}
    assert bench.create().repeated is False


def test_keys_of_callers_operations_and_names_are_apart() -> None:
    """However their parts are written."""
    keys = {
        RequestKey.of(Sender(caller, key), operation, {}).dedup_key
        for caller in ("a", "a,b", 'a","b')
        for operation in ("POST /x", "POST /y")
        for key in ("1", "2", 'b","1')
    }

    assert len(keys) == 18


def test_a_fingerprint_is_of_the_content_alone() -> None:
    """Not of the order in which it was written."""
    one = RequestKey.of(Sender("a", "k"), "x", {"b": "1", "a": "2"})
    other = RequestKey.of(Sender("a", "k"), "x", {"a": "2", "b": "1"})

    assert one == other
    assert one.fingerprint != RequestKey.of(Sender("a", "k"), "x", {"a": "2"}).fingerprint
