"""Say how many attacks held: `python -m tests.attacks build/attacks.xml`, which pytest wrote (JUnit's format)."""

import sys
from pathlib import Path
from xml.etree import ElementTree as ET


def held(report: str) -> tuple[int, int]:
    """Return how many attacks held in a report, and how many there were. One that was skipped held nothing off."""
    cases = list(ET.fromstring(report).iter("testcase"))  # noqa: S314 (pytest's own)
    return sum(len(case.findall("*")) == len(case.findall("system-out")) for case in cases), len(cases)


def main(path: str) -> int:
    """Print the count and return the exit status: 0 where all held, and there were any."""
    holding, tried = held(Path(path).read_text(encoding="utf-8")) if Path(path).is_file() else (0, 0)
    sys.stdout.write(f"Attacks held: {holding} of {tried}.\n")
    return 0 if holding == tried > 0 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
