"""Whether the API works: shallow for load balancers, deep for people."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from common.clock import Deadline
from common.errors import BridgeError

type Check = Callable[[Deadline], None]


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What came of one check: its name, and what to do where it failed (empty where it did not)."""

    name: str
    failure: str = ""


class Health:
    """Runs checks in their order. A check raises a BridgeError where something does not work."""

    def __init__(self, checks: Mapping[str, Check]) -> None:
        """Run these checks, by name."""
        self._checks = checks

    def examine(self, deadline: Deadline) -> list[CheckResult]:
        """Run the checks one after the other up to the first that fails, and return what came of each."""
        results = []
        for name, check in self._checks.items():
            try:
                check(deadline)
            except BridgeError as error:
                results.append(CheckResult(name, str(error)))
                break
            results.append(CheckResult(name))
        return results
