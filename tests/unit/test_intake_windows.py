"""What becomes of messages that a maintenance window holds: how they come back, and what is told of it."""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, override

import pytest

from common.clock import Deadline
from common.errors import BridgeError, TransientError
from common.incidents.alert import Fold
from common.incidents.desk import Desk
from common.incidents.due import NotDueError
from common.incidents.rules import load_rules
from common.incidents.work import Applied
from common.intake import Intake
from common.queue import EventQueue, Message
from tests.support.clock import FakeClock
from tests.support.deployment import alarm
from tests.support.reports import Reports
from tests.support.rules import DIRECTORY

WINDOW = """
[[window]]
name = "night"
from = 2026-11-23T08:00:00Z
until = 2026-11-23T11:00:00Z
"""
BEGAN = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
END = datetime(2026, 11, 23, 11, 0, tzinfo=UTC).timestamp()
DOWN = TransientError("ServiceNow is down.", action="Wait.")


class Night(EventQueue, Desk):
    """An intake with a window, at whose beginning an alarm fires; the desk and the queue around it are this one."""

    def __init__(self, rules: Path) -> None:
        """Read the rules in a folder."""
        self.now = BEGAN.timestamp()
        self.reports = Reports()
        self.pauses: list[float] = []
        self.letters: list[str] = []
        self.trouble: BaseException = DOWN
        self.intake = Intake(
            load_rules(rules),
            self,
            self,
            telemetry=self.reports.telemetry,
            now=lambda: self.now,
            sample=lambda: 1.0,
        )

    def receive(self, receives: int = 1) -> list[str]:
        """Let the alarm's message be received for that many a time, and return what stays."""
        event: dict[str, Any] = alarm("a", "ALARM", at=BEGAN)
        message = Message("m", "receipt", json.dumps(event), receives, BEGAN.timestamp())
        return self.intake.process([message], Deadline.after(FakeClock(), 60.0))

    @override
    def apply(self, fold: Fold, deadline: Deadline) -> Applied:
        raise self.trouble

    @override
    def later(self, message: Message, seconds: float) -> None:
        self.pauses.append(seconds)

    @override
    def dead_letter(self, message: Message, error: BridgeError) -> bool:
        self.letters.append(error.message)
        return True


@pytest.fixture
def night(tmp_path: Path) -> Night:
    """Provide a night."""
    shutil.copytree(DIRECTORY, tmp_path / "rules")
    (tmp_path / "rules/own").mkdir(exist_ok=True)
    (tmp_path / "rules/own/night.toml").write_text(WINDOW)
    return Night(tmp_path / "rules")


@pytest.mark.parametrize(("receives", "lines"), [(1, 1), (2, 0), (15, 0), (16, 1)])
def test_what_a_window_holds_is_told_once_an_hour(night: Night, receives: int, lines: int) -> None:
    """With the window's name and its end, under the problem's key; the metric counts each look."""
    night.trouble = NotDueError(7200.0)
    assert night.receive(receives) == ["m"]
    assert night.reports.counts == {"EventsNotDue": 1, "EventsQuietHeld": 1}
    assert night.pauses == [240.0]
    told = [line for line in night.reports.lines if line.get("not_opened")]
    assert len(told) == lines
    for line in told:
        assert (line["not_opened"], line["because_of"]) == ("window", "night")
        assert line["until"] == "2026-11-23 11:00 UTC"
        assert json.loads(line["dedup_key"])[-1] == "a"


@pytest.mark.parametrize(("seconds", "pause"), [(0, 15), (10, 15), (15, 30), (45, 60), (105, 120), (100_000, 3600)])
def test_trouble_at_the_hour_is_not_made_worse_by_the_looks_before_it(night: Night, seconds: int, pause: float) -> None:
    """The pause grows from the end of the window on, whatever was received before."""
    night.now = END + seconds
    night.receive(31)
    assert night.pauses == [pause]


def test_a_defect_at_the_hour_gets_its_tries(night: Night) -> None:
    """The looks before it were none."""
    night.now = END + 1
    night.trouble = ZeroDivisionError()
    assert night.receive(31) == ["m"]
    assert night.letters == []


def test_what_waits_while_the_circuit_is_open_comes_back_in_time_for_its_hour(night: Night) -> None:
    """However often it was received."""
    night.now = END - 120
    night.receive(31)
    assert night.pauses == [120.0]


def test_nothing_waits_until_the_queue_deletes_it(night: Night) -> None:
    """It gets a dead letter that says so."""
    night.trouble = NotDueError(7200.0)
    night.now = BEGAN.timestamp() + 7 * 86_400.0 - 1210
    night.receive()
    assert "waited until the queue would have deleted it" in night.letters[0]
