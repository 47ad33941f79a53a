"""Windows of callers in the ledger's table, and changes of ServiceNow beside them: read seldom, never in the way."""

import json
from collections.abc import Sequence
from copy import replace
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import override

import pytest

from common.clock import DAY, Deadline
from common.errors import BridgeError, ConfigurationError, TransientError
from common.incidents.change_windows import ChangeWindow, ChangeWindows, change_of, merged
from common.incidents.ledger import Ledger
from common.incidents.open_windows import (
    MOST_OF_ONE,
    MOST_OPEN,
    CallersWindow,
    OpenWindows,
    TooManyWindowsError,
    ended,
    opened,
)
from common.incidents.schedule import Dates
from common.servicenow.records import Page, Record, Records
from tests.support.clock import FakeClock
from tests.support.ledger import THROTTLED, InMemoryDynamoDB, refusal
from tests.support.reports import Reports

HOUR = 3_600_000
WINDOW = CallersWindow(
    name="w", caller="alice", begin=0, end=HOUR, quiet="hold", rules=("disk-*",), match="account", account="1"
)


@dataclass
class World:
    """A table, a clock, and what ServiceNow shows of changes."""

    clock: FakeClock = field(default_factory=FakeClock)
    reports: Reports = field(default_factory=Reports)
    rows: list[Record] = field(default_factory=list)
    trouble: BridgeError | None = None
    asked: int = 0

    def __post_init__(self) -> None:
        self.dynamodb = InMemoryDynamoDB(self.clock.now)

    @property
    def ledger(self) -> Ledger:
        """The table, as a new environment sees it."""
        return Ledger(self.dynamodb, "ledger", clock=self.clock)  # type: ignore[arg-type] # two calls suffice

    def callers(self) -> OpenWindows:
        """Return what a new environment knows of callers' windows."""
        return OpenWindows(self.ledger, deployment="d", clock=self.clock, telemetry=self.reports.telemetry)

    def changes(self) -> ChangeWindows:
        """Return what a new environment knows of changes."""
        return ChangeWindows(
            self.ledger, Rows(self), deployment="d", clock=self.clock, telemetry=self.reports.telemetry
        )


class Rows(Records):
    """What ServiceNow shows."""

    def __init__(self, world: World) -> None:
        """Show the rows of the world."""
        self._world = world

    @override
    def page(self, table: str, query: str, deadline: Deadline, *, limit: int, offset: int = 0) -> Page:
        self._world.asked += 1
        if self._world.trouble is not None:
            raise self._world.trouble
        return Page(list(self._world.rows), more=False)


def test_a_window_sent_again_ends_later_and_began_when_it_did() -> None:
    """Changed, it begins anew; what it held before was inside of the first."""
    first = opened((), WINDOW, 0)
    later = replace(WINDOW, begin=HOUR // 2, end=2 * HOUR)
    assert opened(first, later, HOUR // 2) == (replace(WINDOW, end=2 * HOUR),)
    other = replace(later, match="region")
    assert opened(first, other, HOUR // 2) == (replace(WINDOW, end=HOUR // 2), other)


def test_what_is_over_is_kept_while_something_may_still_wait_for_it() -> None:
    """Four days."""
    assert ended((WINDOW,), "w", HOUR // 2, HOUR // 2) == (replace(WINDOW, end=HOUR // 2),)
    assert ended((WINDOW,), "x", 4 * DAY + HOUR - 1, 4 * DAY + HOUR - 1) == (WINDOW,)
    assert ended((WINDOW,), "x", 4 * DAY + HOUR, 4 * DAY + HOUR) == ()


def test_so_many_are_open_and_no_more() -> None:
    """Each event is held against all of them."""
    many = tuple(replace(WINDOW, name=str(number), caller=str(number)) for number in range(MOST_OPEN))
    with pytest.raises(TooManyWindowsError):
        opened(many, WINDOW, 1)
    assert len(opened(many, replace(WINDOW, name="7", caller="7", end=2 * HOUR), 1)) == MOST_OPEN


@pytest.mark.attack
def test_no_caller_takes_all_windows() -> None:
    """Twenty of one caller are open at once, whatever others have; nor does any fill the item with long ones."""
    own = tuple(replace(WINDOW, name=str(number)) for number in range(MOST_OF_ONE))
    with pytest.raises(TooManyWindowsError, match="20 windows of this caller"):
        opened(own, WINDOW, 1)
    assert len(opened(own, replace(WINDOW, caller="bob"), 1)) == MOST_OF_ONE + 1
    long = tuple(replace(WINDOW, name=str(number), caller=str(number), match="\u00e9" * 1000) for number in range(49))
    with pytest.raises(TooManyWindowsError, match="49 windows"):
        opened(long, replace(WINDOW, match="\u00e9" * 1000), 1)


@pytest.mark.attack
def test_windows_that_are_over_push_out_none_that_is_open() -> None:
    """However often somebody opens and ends one; of what is over the newest are remembered, as many as fit."""
    windows: Sequence[CallersWindow] = (WINDOW,)
    for number in range(1, 500):
        other = replace(WINDOW, name="x", caller="bob", begin=number, match="\u00e9" * 1000)
        windows = ended(opened(windows, other, number), "x", number + 1, number + 1)
    windows = opened(windows, replace(WINDOW, name="last", begin=500), 500)
    assert WINDOW in windows
    assert windows[-1].name == "last"
    assert len(json.dumps([asdict(each) for each in windows])) < 300_100
    assert [each.begin for each in windows if each.name == "x"][-1] == 499


def test_what_one_environment_stores_another_sees_within_a_quarter_of_a_minute() -> None:
    """One read in that time, whatever comes."""
    world = World()
    reader = world.callers()
    assert reader.seen() == ()
    world.callers().change(lambda _: (WINDOW,))
    assert reader.seen() == ()
    world.clock.advance(15)
    [window] = reader.seen()
    assert (window.name, window.patterns, window.account) == ("w", ("disk-*",), "1")
    assert window.schedule == Dates(0, HOUR)
    reads = world.dynamodb.calls.count("get_item")
    for _ in range(50):
        reader.seen()
    assert world.dynamodb.calls.count("get_item") == reads


def test_a_table_that_does_not_answer_changes_nothing() -> None:
    """What was read last counts; who knows nothing yet opens what comes. Both are counted."""
    world = World()
    world.callers().change(lambda _: (WINDOW,))
    reader = world.callers()
    assert len(reader.seen()) == 1
    world.clock.advance(20)
    world.dynamodb.faults.append(refusal(THROTTLED, "GetItem", world.clock.now()))
    assert len(reader.seen()) == 1
    world.dynamodb.faults.append(refusal(THROTTLED, "GetItem", world.clock.now()))
    assert world.callers().seen() == ()
    assert world.reports.counts == {"WindowsUnread": 2}


def test_two_callers_at_once_lose_nothing() -> None:
    """The second starts anew from what the first stored."""
    world = World()
    windows = world.callers()

    def late(stored: Sequence[CallersWindow]) -> Sequence[CallersWindow]:
        if not stored:
            world.callers().change(lambda _: (WINDOW,))
        return (*stored, replace(WINDOW, name="late"))

    windows.change(late)
    assert [each.name for each in windows.stored()[0]] == ["w", "late"]


def test_an_item_that_is_none_is_named() -> None:
    """With what to do."""
    world = World()
    world.callers().change(lambda _: (WINDOW,))
    world.dynamodb.items["windows/d"]["windows"] = {"S": "[1]"}
    with pytest.raises(ConfigurationError, match="can't be understood"):
        world.callers().stored()


# Changes of ServiceNow


def row(number: str = "CHG1", **changes: str) -> Record:
    """Return a change that is being implemented for an hour from the clock's start."""
    fields = {
        "number": number,
        "state": "-1",
        "start_date": moment(0),
        "end_date": moment(3600),
        "cmdb_ci": "a" * 32,
        "cmdb_ci.name": "Payments-API",
        "business_service": "",
    }
    return Record("c" * 32, fields | changes)


def moment(seconds: int) -> str:
    """Return a time so many seconds after the clock's start, as ServiceNow writes it."""
    return datetime.fromtimestamp(int(FakeClock().now()) + seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def test_a_change_is_known_by_whatever_name_a_record_may_use() -> None:
    """In lower case: the sys_id, the name, the correlation id, the id of the cloud's resource."""
    change = change_of(row())
    assert change is not None
    assert (change.number, set(change.items)) == ("CHG1", {"a" * 32, "payments-api"})
    assert change.end - change.begin == HOUR


@pytest.mark.parametrize(
    "changes",
    [
        {"state": "0"},
        {"end_date": ""},
        {"start_date": "soon"},
        {"end_date": moment(-1)},
        {"cmdb_ci": "", "cmdb_ci.name": ""},
    ],
)
def test_what_is_no_window(changes: dict[str, str]) -> None:
    """Another state, though the query asked for this one; no begin or end; nothing that is changed."""
    assert change_of(row(**changes)) is None


def test_servicenow_is_asked_once_a_minute_by_all_together() -> None:
    """An answer counts for everybody."""
    world = World(rows=[row()])
    for _ in range(40):
        [window] = world.changes().seen()
        assert window.name == "change CHG1"
        world.clock.advance(1)
    assert world.asked == 1
    world.clock.advance(21)
    world.changes().seen()
    assert world.asked == 2


def test_a_change_that_is_over_before_its_time_ends_its_window() -> None:
    """What it held opens then, and still says where it began."""
    world = World(rows=[row()])
    world.changes().seen()
    world.rows = []
    world.clock.advance(61)
    [window] = world.changes().seen()
    at = int(world.clock.now()) * 1000
    assert window.schedule.span(at - 30_000) is not None
    assert window.schedule.span(at) is None


@pytest.mark.parametrize("trouble", [TransientError("Down.", action="-"), ConfigurationError("No.", action="-")])
def test_a_failing_look_up_is_no_window(trouble: BridgeError) -> None:
    """And is counted. Nobody asks more often for it."""
    world = World(rows=[row()])
    world.changes().seen()
    world.trouble = trouble
    world.clock.advance(61)
    at = int(world.clock.now()) * 1000
    assert [window.schedule.span(at) for window in world.changes().seen()] == [None]
    world.changes().seen()
    assert (world.asked, world.reports.counts) == (2, {"ChangesUnread": 1})


def test_an_environment_that_is_killed_while_it_asks_is_no_window_for_ever() -> None:
    """Others believe what was answered for three minutes, then nothing; a minute later the next one asks."""
    world = World(rows=[row()])
    world.changes().seen()
    world.clock.advance(10)
    world.dynamodb.items["windows/changes/d"]["answered"]["N"] = str(int(world.clock.now() - 181) * 1000)
    at = int(world.clock.now()) * 1000
    assert [window.schedule.span(at + 1000) for window in world.changes().seen()] == [None]
    assert world.asked == 1


def test_a_table_that_does_not_answer_is_no_window() -> None:
    """It is counted too."""
    world = World(rows=[row()])
    world.dynamodb.faults.append(refusal(THROTTLED, "GetItem", world.clock.now()))
    assert world.changes().seen() == ()
    assert world.reports.counts == {"ChangesUnread": 1}


def test_what_is_over_is_forgotten_after_a_day() -> None:
    """A change that never began is forgotten at once."""
    change = ChangeWindow(number="CHG1", begin=0, end=HOUR, items=("a",))
    assert merged((change,), (), HOUR // 2) == (replace(change, end=HOUR // 2),)
    assert merged((change,), (), HOUR + DAY) == ()
    assert merged((replace(change, begin=HOUR, end=2 * HOUR),), (), HOUR // 2) == ()
    assert merged((change,), (change,), 0) == (change,)
