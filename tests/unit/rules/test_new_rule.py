"""`make rules NEW=…`: a first rule that takes the event that it was made from."""

import json
from pathlib import Path

import pytest

from common.incidents.alert import Status
from common.incidents.rules import load_rules
from local import rules
from tests.support.rules import PROJECT

SAMPLES = sorted(path.stem for path in (PROJECT / "events").glob("*.json") if not path.stem.startswith("servicenow-"))


@pytest.mark.parametrize("name", SAMPLES)
def test_a_first_rule_is_usable(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever the event holds, the rule loads without a mistake and is the one that the event meets."""
    file = PROJECT / "events" / f"{name}.json"
    assert rules.main(["--new", str(file)]) == 0
    (tmp_path / "new.toml").write_text(capsys.readouterr().out)
    assert load_rules(tmp_path).match(json.loads(file.read_text())) is not None


def test_a_first_rule_guesses_list_key_and_state(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From what fields are usually called."""
    for status, expected in (("firing", Status.FIRING), ("resolved", Status.RESOLVED)):
        file = PROJECT / "events" / f"webhook-alertmanager-{status}.json"
        assert rules.main(["--new", str(file)]) == 0
        text = capsys.readouterr().out
        assert 'each = "detail.alerts"' in text
        assert 'key = ["detail.alerts[0].fingerprint"]' in text
        (tmp_path / "new.toml").write_text(text)
        [rule] = load_rules(tmp_path)
        alert = rule.alert(json.loads(file.read_text()))
        assert alert is not None
        assert alert.status is expected


def test_what_is_no_event_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With what is wrong with it."""
    (tmp_path / "x.json").write_text("{}")
    assert rules.main(["--new", str(tmp_path / "x.json")]) == 1
    assert rules.main(["--new", str(tmp_path / "absent.json")]) == 1
    assert "its field source is missing or no string" in capsys.readouterr().out
