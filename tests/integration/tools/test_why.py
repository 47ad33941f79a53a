"""`make why` reads what the events function really writes."""

import json
import logging
import time
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any, cast
from unittest.mock import patch

import boto3
import pytest

from local.simulator import Simulator
from tests.support.clock import FakeClock
from tests.support.deployment import SECRET, alarm
from tests.support.function import Account, account
from tools.deployed import DeployedStack
from tools.why import why

GROUP = "/aws/lambda/bridge/events"
RULES = """
[[override]]
match = "detail.alarmName == 'Disk full'"
hold = "2m"
"""


@pytest.fixture
def aws() -> Iterator[Account]:
    """Provide a stack; the clock is right, since the log is read by it."""
    clock = FakeClock(now=time.time())
    with Simulator(client_secret=SECRET, seed=1) as servicenow, account(clock, servicenow, SECRET) as aws:
        yield aws


def kept(output: str) -> DeployedStack:
    """Put what a function has written into a log."""
    logs = boto3.client("logs", region_name="eu-west-1")
    logs.create_log_group(logGroupName=GROUP)
    logs.create_log_stream(logGroupName=GROUP, logStreamName="1")
    start = round(time.time() * 1000) - 1000
    events: Any = [{"timestamp": start + at, "message": line} for at, line in enumerate(output.splitlines())]
    logs.put_log_events(logGroupName=GROUP, logStreamName="1", logEvents=events)
    return DeployedStack({"EventsLogGroupName": GROUP}, cast("boto3.Session", boto3))


def test_what_waited_and_was_opened_then_is_told_from_the_functions_own_log(
    aws: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the alarm's name, and by the number of its incident; of others nothing is told."""
    shipped = Path("src/rules")
    for path in shipped.glob("*.toml"):
        (tmp_path / path.name).write_text(path.read_text())
    (tmp_path / "zz.toml").write_text(RULES)
    output = StringIO()
    with (
        patch("common.bridge.events.RULES", tmp_path),
        patch.dict(aws.stack.environment, {"POWERTOOLS_LOG_LEVEL": "INFO"}),
    ):
        handler = aws.environment()
        [writer] = logging.getLogger("servicenow-bridge").handlers
        monkeypatch.setattr(writer, "stream", output)
        for name in ("Another", "Disk full"):
            aws.put(json.dumps(alarm(name, "ALARM")))
        aws.poll(handler)
        aws.clock.advance(125)
        aws.poll(handler)
    stack = kept(output.getvalue())
    for problem in ("disk full", "INC0010002"):
        waited, opened = (line[25:] for line in why(stack, problem, 24, time.time()))
        assert waited.startswith("It waits until ")
        assert waited.endswith(": its rule opens a record only when it has lasted (hold).")
        assert opened == "ServiceNow carried out: open INC0010002"
