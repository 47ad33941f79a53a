"""What version 1 opened is known by the same key now: else each open problem would get a second incident."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import version_1
from tests.support.rules import SHIPPED

_KEYS = """
import json, sys
from pathlib import Path
from common.incidents.rules import load_rules
rules, found = load_rules(Path("src/rules")), {}
for path in sorted(Path("events").glob("*.json")):
    event = json.loads(path.read_text())
    rule = rules.match(event)
    alert = rule and rule.alert(event)
    found[path.name] = alert and [alert.key, alert.member, alert.status.value, alert.occurred_at]
json.dump(found, sys.stdout)
"""


def test_every_sample_of_version_1_names_the_same_problem_at_the_same_time(tmp_path: Path) -> None:
    """By its own rules then, and by those that are shipped now: key, member, status and time."""
    try:
        version_1.unpack(tmp_path, "src", "events")
    except version_1.NoHistoryError as reason:
        pytest.skip(str(reason))
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    told = subprocess.run(
        [sys.executable, "-c", _KEYS], cwd=tmp_path, env=environment, check=True, capture_output=True, text=True
    ).stdout

    before = json.loads(told)
    now: dict[str, list[object] | None] = {}
    for name in before:
        event = json.loads((tmp_path / "events" / name).read_text())
        rule = SHIPPED.match(event)
        alert = rule.alert(event) if rule else None
        now[name] = [alert.key, alert.member, alert.status.value, alert.occurred_at] if alert else None

    assert len(before) > 150
    assert {name: found for name, found in now.items() if found != before[name]} == {}
