"""How much memory the processes of the functions hold, and how much it grows."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psutil

FROM, UNTIL = 30.0, 120.0
"""Seconds of the load between which memory may grow no further than `MOST_GROWTH`."""

MOST_GROWTH = 1.1

_WORKER = re.compile(r"ministack-lambda-(?:[^/]*-)?([A-Za-z]+Function)[^/]*/_worker\.py")


@dataclass(frozen=True, slots=True)
class Reading:
    """The resident memory of each worker in bytes, `second` seconds after the load began."""

    second: float
    workers: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Growth:
    """The resident memory of one worker in bytes at both ends."""

    first: int
    last: int

    @property
    def ratio(self) -> float:
        """The end as a multiple of the beginning."""
        return self.last / self.first


def worker_of(command: Sequence[str]) -> str:
    """Return the function that a process of the emulator runs, empty where it runs none."""
    found = _WORKER.search(" ".join(command))
    return found[1] if found else ""


def resident_memory(emulator: int) -> dict[str, int]:
    """Return the resident memory in bytes of every worker that the process `emulator` runs, by function and pid."""
    held = {}
    for process in psutil.Process(emulator).children(recursive=True):
        try:
            function = worker_of(process.cmdline())
            if function:
                held[f"{function} {process.pid}"] = process.memory_info().rss
        except psutil.Error:
            continue  # it ended meanwhile
    return held


def growth(readings: Sequence[Reading], *, start: float = FROM, end: float = UNTIL) -> dict[str, Growth]:
    """Return how the memory of every worker that was there at both ends has grown."""
    if not readings:
        return {}
    first = min(readings, key=lambda reading: abs(reading.second - start)).workers
    last = min(readings, key=lambda reading: abs(reading.second - end)).workers
    return {worker: Growth(first[worker], last[worker]) for worker in sorted(first.keys() & last.keys())}
