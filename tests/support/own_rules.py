"""A few rules that stand for shipped ones, what a deployment adds to them, and the events that they meet."""

from pathlib import Path
from typing import Any

from common.incidents.alert import Alert
from common.incidents.rules import Rules, load_rules
from tests.support import rules as shipped

SHIPPED = """
[[rule]]
name = "disk-full"
source = "my.disks"
detail_type = "Disk"
key = ["detail.disk"]
firing = "detail.state == 'full'"
resolved = "detail.state == 'fine'"
severity = "detail.rank"
fields = { short_description = "Disk {{ detail.disk }}", category = "hardware" }

[[rule]]
name = "tape-torn"
source = ["my.tapes", "my.old.tapes"]
detail_type = "Tape"
key = ["detail.tape"]
firing = "`true`"
fields = { short_description = "Tape {{ detail.tape }}" }
"""
EVENT: dict[str, Any] = {
    "source": "my.disks",
    "detail-type": "Disk",
    "account": "111122223333",
    "region": "eu-west-1",
    "time": "2026-11-23T09:15:31Z",
    "id": "1",
    "resources": ["arn:aws:ec2:eu-west-1:111122223333:instance/i-1"],
    "detail": {"disk": "a", "state": "full", "rank": "low", "tags": [{"Key": "team", "Value": "data"}]},
}
TAPE = EVENT | {"source": "my.tapes", "detail-type": "Tape", "detail": {"tape": "t"}}


def load(directory: Path, *own: str, tables: tuple[str, ...] = ()) -> Rules:
    """Return the shipped rules with files of one's own."""
    (directory / "disks.toml").write_text(SHIPPED)
    (directory / "own").mkdir(exist_ok=True)
    for number, text in enumerate(own):
        (directory / f"own/{number}.toml").write_text(text)
    return load_rules(directory, tables)


def alert_of(rules: Rules, event: dict[str, Any] | None = None) -> Alert:
    """Return the alert of an event."""
    return shipped.alert_of(event or EVENT, rules)


def detail(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 (any JSON value)
    """Return the event with another detail."""
    return EVENT | {"detail": EVENT["detail"] | changes}


def catch_all(name: str, source: str, detail_type: str) -> str:
    """Return a rule of one's own."""
    return f"""
    [[rule]]
    name = "{name}"
    source = "{source}"
    detail_type = "{detail_type}"
    key = ["id"]
    firing = "`true`"
    fields = {{ short_description = "{name}" }}
    """
