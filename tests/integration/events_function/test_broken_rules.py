"""A package whose rules have a mistake, which `make build` refuses, and which came to be deployed all the same."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from common.bridge import events
from common.bridge.clients import RULES
from local.simulator import Simulator
from tests.support.deployment import Deployment, alarm


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Provide the file of one's own rules of the package; it has a mistake beside shipped rules that are sound."""
    directory = tmp_path / "rules"
    (directory / "own").mkdir(parents=True)
    for file in RULES.glob("*.toml"):
        (directory / file.name).write_text(file.read_text())
    monkeypatch.setattr(events, "RULES", directory)
    file = directory / "own" / "own.toml"
    file.write_text("[[override]]\nname = 'payments'\nfields = { impact = 7 }\n")
    return file


def test_every_event_is_held_and_the_mistake_is_named(
    own: Path,  # noqa: ARG001 (it is in the package)
    servicenow: Simulator,
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nothing is dropped, guessed or written; the log says which field of which file, and the metric is there."""
    function = request.getfixturevalue("function")

    answer = function(alarm("errors", "ALARM", at=datetime.now(UTC)))

    assert len(answer) == 1
    assert servicenow.records("incident") == []
    printed = capsys.readouterr().out
    assert "own/own.toml, override payments: fields.impact is none of 1, 2, 3" in caplog.text
    assert "Held" in printed


def test_the_same_event_is_applied_once_the_rules_are_mended(
    own: Path,
    stack: Deployment,  # noqa: ARG001 (its environment is read)
    servicenow: Simulator,
    request: pytest.FixtureRequest,
) -> None:
    """The next deployment finds it in the queue."""
    own.write_text("")

    assert request.getfixturevalue("function")(alarm("errors", "ALARM", at=datetime.now(UTC))) == []
    assert len(servicenow.records("incident")) == 1
