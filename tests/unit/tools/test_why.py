"""`make why`: the answer to "why was I not woken"."""

import json
import re
from collections.abc import Mapping
from typing import Any, cast

import boto3
import pytest

from tools.deployed import DeployedStack, ToolError
from tools.why import told, why

KEY = '["123456789012","eu-west-1","aws.cloudwatch","cloudwatch-alarm","Disk full"]'
WAITS = "It waits until 2030-03-17 18:00 UTC: it began inside the maintenance window patching."
NOW = 1_900_000_000.0


class Log:
    """A stack whose log holds some lines, searched as CloudWatch Logs does."""

    def __init__(self) -> None:
        """Begin empty."""
        self.lines: list[Mapping[str, Any] | str] = []
        self.asked: list[dict[str, Any]] = []

    def answers(self, problem: str, hours: float = 24.0) -> list[str]:
        """Return what the command prints."""
        session = cast("boto3.Session", self)
        return why(DeployedStack({"EventsLogGroupName": "/aws/lambda/bridge/events"}, session), problem, hours, NOW)

    def client(self, _service: str, config: object = None) -> Any:  # noqa: ANN401 (a boto3 client)
        """Return a client that answers from the lines."""
        assert config is None
        client = boto3.client("logs", region_name="eu-west-1")
        client.meta.events.register(  # what answers is used instead of a call
            "before-call.cloudwatch-logs.FilterLogEvents",
            self._answer,  # type: ignore[arg-type] # the stubs know of no answer
        )
        return client

    def _answer(self, params: dict[str, Any], **_others: object) -> tuple[object, dict[str, Any]]:
        asked = json.loads(params["body"])
        self.asked.append(asked)
        events = [
            {
                "timestamp": 1_899_999_000_000 + number * 1000,
                "message": json.dumps(line),
            }
            for number, line in enumerate(self.lines)
            if not isinstance(line, str) and _matches(asked["filterPattern"], line)
        ]
        return _OK(), {"events": events}


class _OK:
    status_code = 200


def _matches(pattern: str, line: Mapping[str, Any]) -> bool:
    """Match a line as AWS's page on regular expressions in filter patterns says: two of them, ASCII, no groups."""
    terms = re.findall(r"\$\.(\w+) = %([^%]+)%", pattern)
    assert 1 <= len(terms) <= 2
    assert len(pattern) <= 1024
    assert pattern == f"{{ {' || '.join(f'$.{name} = %{expression}%' for name, expression in terms)} }}"
    assert all(re.fullmatch(r"[A-Za-z0-9\[\].+]+", expression) for _, expression in terms)
    return any(re.search(expression, str(line.get(name, ""))) for name, expression in terms)


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
    assert log.answers("nothing of it") == []
    assert log.asked[0] == {
        "logGroupName": "/aws/lambda/bridge/events",
        "startTime": round((NOW - 86_400) * 1000),
        "filterPattern": "{ $.dedup_key = %[Dd][Ii][Ss][Kk].[Ff][Uu][Ll][Ll]%"
        " || $.event_id = %[Dd][Ii][Ss][Kk].[Ff][Uu][Ll][Ll]% }",
    }


def test_the_number_of_a_record_leads_to_all_that_became_of_its_problem(log: Log) -> None:
    """And that of a storm, or of what covers others, to those that are told in it."""
    other = KEY.replace("Disk", "Tape")
    log.lines = [
        {"not_opened": "hold", "until": "18:00", "dedup_key": KEY},
        {"operation": "open", "record": "INC0010001", "dedup_key": KEY},
        {"not_opened": "covers", "because_of": "INC0010001", "dedup_key": other},
        {"operation": "open", "record": "INC0010002", "dedup_key": other},
        {"not_opened": "settle", "until": "18:30", "dedup_key": KEY},
    ]
    assert [line[25:] for line in log.answers("inc0010001", hours=2)] == [
        "It waits until 18:00: its rule opens a record only when it has lasted (hold).",
        "ServiceNow carried out: open INC0010001",
        "Nothing was opened: another problem that fires covers it, as INC0010001 says.",
        "Its recovery waits until 18:30: its rule resolves only when that has lasted (settle).",
    ]


@pytest.mark.parametrize("name", ["Straße 7%", KEY, 'a\\b (c) {d} $.e = "f"', "x" * 3000, "Ärger"])
def test_any_name_is_a_pattern_that_the_service_takes(log: Log, name: str) -> None:
    """Letters and digits are asked for, all else is any character; what comes is looked at once more."""
    log.lines = [{"dedup_key": f"[{name}]", "message": "It.", "action": "."}, {"dedup_key": "else"}]
    assert len(log.answers(name)) == 1


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        ("hold", "It waits until 18:00: its rule opens a record only when it has lasted (hold)."),
        ("settle", "Its recovery waits until 18:00: its rule resolves only when that has lasted (settle)."),
        ("window", "It waits until 18:00: it began inside the maintenance window night."),
        ("healed", "Nothing was opened: it was over before its hour had come."),
        ("storm", "It is told in the record of a storm, night, instead of in one of its own."),
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
