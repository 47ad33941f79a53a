"""Changes of ServiceNow as maintenance windows, read over TLS from the instance in which a person moves them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

import pytest

from local.simulator import Simulator
from tests.support.clock import FakeClock
from tests.support.deployment import alarm
from tests.support.function import Account, Handler, account

SECRET = "s3cr3t+~[#,value"
NEW, AUTHORIZE, SCHEDULED, IMPLEMENT, REVIEW = "-5", "-3", "-2", "-1", "0"
RULES = """
[[override]]
rules = ["cloudwatch-alarm"]
fields = { cmdb_ci = "db-1" }
"""


class World:
    """The events function with `ChangeWindows`, and an instance in which db-1 is changed."""

    def __init__(self, aws: Account, servicenow: Simulator) -> None:
        """Let the function begin."""
        self.aws, self.servicenow = aws, servicenow
        self.handler: Handler = aws.environment()
        self.change = ""

    def plan(self, **fields: str) -> None:
        """Write a change that lasts from an hour ago to in two hours."""
        now = datetime.fromtimestamp(self.aws.clock.now(), UTC)
        dates = {"start_date": now - timedelta(hours=1), "end_date": now + timedelta(hours=2)}
        texts = {name: moment.strftime("%Y-%m-%d %H:%M:%S") for name, moment in dates.items()}
        kind = {"type": "emergency", "assignment_group": "Network", "cmdb_ci": "db-1"}
        self.change = self.servicenow.insert("change_request", {**kind, **texts, **fields})

    def move(self, *states: str) -> None:
        """Move the change from state to state of its model, and let a good minute go by."""
        for state in states:
            self.servicenow.update("change_request", self.change, {"state": state})
        self.aws.clock.advance(80)

    def alarms(self, name: str) -> bool:
        """Let an alarm fire; return whether its record is open after all that is due was handled."""
        at = datetime.fromtimestamp(self.aws.clock.now(), UTC)
        self.aws.put(json.dumps(alarm(name, "ALARM", at=at)))
        self.aws.poll(self.handler)
        return self.has_record(name)

    def has_record(self, name: str) -> bool:
        """Return whether an incident tells of the alarm."""
        return any(name in row["short_description"] for row in self.servicenow.records("incident"))


@contextmanager
def _world(rules: Path, servicenow: Simulator, clock: FakeClock) -> Iterator[World]:
    with account(clock, servicenow, SECRET) as aws, patch("common.bridge.events.RULES", rules):
        aws.stack.environment["CHANGE_WINDOWS"] = "true"  # type: ignore[index] # a dictionary
        yield World(aws, servicenow)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Provide it all, with a configuration item db-1."""
    for path in Path("src/rules").glob("cloudwatch*.toml"):
        (tmp_path / path.name).write_text(path.read_text())
    (tmp_path / "zz.toml").write_text(RULES)
    clock = FakeClock()
    with Simulator(client_secret=SECRET, seed=1, now=clock.now) as servicenow:
        servicenow.insert("cmdb_ci", {"name": "db-1"})
        with _world(tmp_path, servicenow, clock) as world:
            yield world


def test_a_change_holds_what_it_concerns_from_implement_on_until_it_is_reviewed(world: World) -> None:
    """Before and after it people are told at once; what it held opens at its next look once it is over."""
    world.plan()
    assert world.alarms("planned")
    world.move(AUTHORIZE, SCHEDULED)
    assert world.alarms("scheduled")
    world.move(IMPLEMENT)
    assert not world.alarms("inside")

    world.move(REVIEW)
    assert world.alarms("after")
    world.aws.poll_until(world.handler, world.aws.clock.now() + 250)
    assert world.has_record("inside")
    [row] = [row for row in world.servicenow.records("incident") if "inside" in row["short_description"]]
    [note] = world.servicenow.journal(row["sys_id"], "work_notes")
    assert note.startswith("Began inside the maintenance window change CHG")


@pytest.mark.parametrize("fields", [{"cmdb_ci": ""}, {"start_date": ""}, {"cmdb_ci": "other"}])
def test_a_change_that_does_not_say_so_makes_nothing_quiet(world: World, fields: dict[str, str]) -> None:
    """Without what is changed, without dates, or about something else."""
    world.servicenow.insert("cmdb_ci", {"name": "other"})
    world.plan(**fields)
    world.move(AUTHORIZE, SCHEDULED, IMPLEMENT)
    assert world.alarms("inside")
