"""What was reported to telemetry, as a test wants to read it."""

import json
from typing import Any

from tests.support.telemetry import readable_telemetry


class Reports:
    """A Telemetry of its own, at DEBUG, with everything that it logged and counted."""

    def __init__(self) -> None:
        self.telemetry, self.stream = readable_telemetry()
        self.telemetry.log.setLevel("DEBUG")

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The log lines, oldest first."""
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]

    @property
    def counts(self) -> dict[str, int]:
        """What was counted and not flushed yet."""
        return dict(self.telemetry.counts())

    def messages(self, level: str) -> list[str]:
        """Return the messages of one level."""
        return [line["message"] for line in self.lines if line["level"] == level]
