"""`make why`: the answer to "why was I not woken"."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import boto3
import pytest
from botocore.stub import Stubber

from tools.deployed import DeployedStack, ToolError
from tools.why import told, why

KEY = '["123456789012","eu-west-1","aws.cloudwatch","cloudwatch-alarm","Disk full"]'
WAITS = "It waits until 2030-03-17 18:00 UTC: it began inside the maintenance window patching."
NOW = 1_900_000_000.0


@dataclass
class Log:
    """A stack whose log holds some lines."""

    lines: list[Mapping[str, Any] | str] = field(default_factory=list)

    def answers(self, problem: str, hours: float = 24.0) -> list[str]:
        """Return what the command prints."""
        client = boto3.client("logs", region_name="eu-west-1")
        events = [
            {
                "timestamp": 1_899_999_000_000 + number * 1000,
                "message": line if isinstance(line, str) else json.dumps(line),
            }
            for number, line in enumerate(self.lines)
        ]
        with Stubber(client) as stub:
            stub.add_response(
                "filter_log_events",
                {"events": events},
                {"logGroupName": "/aws/lambda/bridge/events", "startTime": round((NOW - hours * 3600) * 1000)},
            )
            session = cast("boto3.Session", _Session(client))
            stack = DeployedStack({"EventsLogGroupName": "/aws/lambda/bridge/events"}, session)
            return list(why(stack, problem, hours, NOW))


@dataclass
class _Session:
    made: object

    def client(self, _service: str, config: object = None) -> object:
        assert config is None
        return self.made


@pytest.fixture
def log() -> Log:
    """Provide a log."""
    return Log()


def test_what_the_log_says_of_a_problem_is_told_in_order(log: Log) -> None:
    """By part of its name, however it is written; other problems and other lines are left out."""
    waits = {"not_opened": "window", "because_of": "patching", "until": "2030-03-17 18:00 UTC"}
    log.lines = [
        {"message": "An event waits for its hour.", "dedup_key": KEY, **waits},
        {"message": "Another.", "dedup_key": KEY.replace("Disk", "Tape")},
        "START RequestId: 1",
        "[1]",
        {"message": "It is done.", "operation": "open", "record": "INC0010001", "dedup_key": KEY},
        {"message": "ServiceNow is down.", "action": "Wait.", "dedup_key": KEY},
    ]
    assert log.answers("disk FULL") == [
        f"2030-03-17 17:30:00 UTC  {WAITS}",
        "2030-03-17 17:30:04 UTC  ServiceNow carried out: open INC0010001",
        "2030-03-17 17:30:05 UTC  ServiceNow is down. Wait.",
    ]
    assert len(log.answers("inc0010001", hours=2)) == 1
    assert log.answers("nothing of it") == []


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        ("hold", "It waits until 18:00: its rule opens a record only when it has lasted (hold)."),
        ("settle", "Its recovery waits until 18:00: its rule resolves only when that has lasted (settle)."),
        ("window", "It waits until 18:00: it began inside the maintenance window night."),
        ("healed", "Nothing was opened: it was over before its hour had come."),
        ("covers", "Nothing was opened: another problem that fires covers it, as night says."),
        ("override", "Nothing was opened: the override night drops it."),
    ],
)
def test_each_reason_is_a_sentence(reason: str, sentence: str) -> None:
    """The words that the log's field stands for."""
    assert told({"not_opened": reason, "until": "18:00", "because_of": "night"}) == sentence


def test_what_a_window_drops_does_not_wait() -> None:
    """It has no hour."""
    dropped = told({"not_opened": "window", "because_of": "night"})
    assert dropped == "Nothing was opened: the window night drops it."


def test_a_name_that_says_nothing_is_refused(log: Log) -> None:
    """Everything would answer to it."""
    with pytest.raises(ToolError, match="at least 3 characters"):
        log.answers(" a ")
