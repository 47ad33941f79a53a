"""Disks that are full or fine: events with a rule so lean that a message can be read a dozen times."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

from local.simulator import Simulator
from tests.support.clock import FakeClock
from tests.support.deployment import ACCOUNT, REGION, SECRET
from tests.support.function import Account, account

_RULE = """
[[rule]]
name = "disk"
source = "my.disks"
detail_type = "Disk"
key = ["detail.disk"]
firing = "detail.state == 'full'"
resolved = "detail.state == 'fine'"
fields = { short_description = "{{ detail.disk }}" }
"""


def disk(name: str, at: float, *, is_full: bool) -> dict[str, Any]:
    """Return the event of a disk at a time in seconds since the epoch."""
    return {
        "source": "my.disks",
        "detail-type": "Disk",
        "account": ACCOUNT,
        "region": REGION,
        "time": datetime.fromtimestamp(at, UTC).isoformat(),
        "detail": {"disk": name, "state": "full" if is_full else "fine"},
    }


def fill(aws: Account, name: str) -> None:
    """Put the event of a disk that becomes full now into the queue."""
    aws.put(json.dumps(disk(name, aws.clock.now(), is_full=True)))


@contextmanager
def account_with_disks(clock: FakeClock, servicenow: Simulator, folder: Path) -> Iterator[Account]:
    """Provide a stack whose one rule, in a file of `folder`, says nothing."""
    (folder / "disks.toml").write_text(_RULE)
    with patch("common.bridge.events.RULES", folder), account(clock, servicenow, SECRET) as made:
        yield made
