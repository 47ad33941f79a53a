"""Telemetry whose log a test can read."""

from io import StringIO
from itertools import count

from common.telemetry import Telemetry

_numbers = count(1)


def readable_telemetry() -> tuple[Telemetry, StringIO]:
    """Return telemetry and what it logs. Each has a name of its own: Python keeps one logger for a name."""
    log = StringIO()
    return Telemetry(f"test-{next(_numbers)}", stream=log), log
