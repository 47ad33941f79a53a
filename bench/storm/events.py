"""The events of a storm: alarms that flap, each of which fires in the end."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

from common.incidents.rules import Rules, load_rules

PROBLEMS = 100
EVENTS_A_PROBLEM = 100

_RULES = Path(__file__).resolve().parents[2] / "src" / "rules"
_ACCOUNT, _REGION = "123456789012", "eu-west-1"
_SECONDS_BETWEEN_EVENTS = 60.0
_MOST_DELIVERIES = 3
# Every event that says "still firing" leaves a note: so that a note written twice would be seen.
_NOTED = """
[[override]]
policy = { on_repeat = "note" }
"""


@dataclass(frozen=True, slots=True)
class Storm:
    """Events by problem, oldest first, and all deliveries of them in the order in which they arrive."""

    problems: dict[str, list[dict[str, Any]]]
    deliveries: Sequence[dict[str, Any]]


def storm(seed: int, now: float, *, events_a_problem: int = EVENTS_A_PROBLEM) -> Storm:
    """Return a storm that ended at `now`, in seconds since the epoch; each event is delivered one to three times."""
    dice = Random(seed)  # noqa: S311 (a storm that can be repeated, no secrets)
    problems = {}
    deliveries = []
    for number in range(PROBLEMS):
        name = f"storm-{number:03}"
        states = [dice.choice(("ALARM", "OK")) for _ in range(events_a_problem - 1)] + ["ALARM"]
        age = [(events_a_problem - index) * _SECONDS_BETWEEN_EVENTS + dice.random() for index in range(len(states))]
        problems[name] = [_alarm(name, state, now - seconds) for state, seconds in zip(states, age, strict=True)]
        for event in problems[name]:
            deliveries += [event] * dice.randint(1, _MOST_DELIVERIES)
    dice.shuffle(deliveries)
    return Storm(problems, deliveries)


def rules() -> Rules:
    """Return the shipped rule for alarms, which leaves a note for every repetition."""
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        (folder / "own").mkdir()
        (folder / "own" / "noted.toml").write_text(_NOTED, encoding="utf-8")
        (folder / "cloudwatch.toml").write_text((_RULES / "cloudwatch.toml").read_text("utf-8"), encoding="utf-8")
        return load_rules(folder, ())


def _alarm(name: str, state: str, at: float) -> dict[str, Any]:
    moment = datetime.fromtimestamp(at, UTC)
    stamp = moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"
    return {
        "version": "0",
        "id": f"{name} {stamp}",
        "detail-type": "CloudWatch Alarm State Change",
        "source": "aws.cloudwatch",
        "account": _ACCOUNT,
        "time": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": _REGION,
        "resources": [f"arn:aws:cloudwatch:{_REGION}:{_ACCOUNT}:alarm:{name}"],
        "detail": {
            "alarmName": name,
            "configuration": {"description": "A storm", "metrics": []},
            "previousState": {"value": "OK" if state == "ALARM" else "ALARM"},
            "state": {"value": state, "reason": f"{name} crossed its threshold at {stamp}", "timestamp": stamp},
        },
    }
