"""What `make contract` learns from the instance, appended to the sheet."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tools.accept.sheet import MissedError, Sheet, SkippedError

_HOST = "SERVICENOW_CONTRACT_HOST"
_FOUND = Path("build/contract.json")


def append(sheet: Sheet, environment: Mapping[str, str], learn: Callable[[], dict[str, Any]] | None = None) -> None:
    """Ask the instance that SERVICENOW_CONTRACT_HOST names, with its client (docs/testing.md), and add a line a fact.

    Without it nothing is asked: the simulator would confirm nothing.
    """
    learned: dict[str, Any] = {}

    def ask() -> str:
        if not environment.get(_HOST):
            raise SkippedError(f"set {_HOST}, and the client with it (docs/testing.md)")
        learned.update((learn or _learn)())
        return f"{len(learned['facts'])} facts"

    sheet.take("contract", "the instance was asked", ask)
    for fact in learned.get("facts", []):
        sheet.take(f"fact {fact['id']}", "as it is known", lambda fact=fact: _told(fact))  # type: ignore[misc]


def _told(fact: Mapping[str, str]) -> str:
    if fact["finding"] == "refuted":
        raise MissedError(f"refuted: {fact['why']}", private=True)
    if fact["finding"] != "confirmed":
        raise SkippedError(f"{fact['finding']}: {fact['why']}", private=True)
    return "confirmed"


def _learn() -> dict[str, Any]:
    _FOUND.unlink(missing_ok=True)
    subprocess.run([sys.executable, "-m", "tests.contract"], env=dict(os.environ), check=False)
    if not _FOUND.exists():
        raise MissedError("nothing was learned; what it printed says why")
    found: dict[str, Any] = json.loads(_FOUND.read_text(encoding="utf-8"))
    return found
