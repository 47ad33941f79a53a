"""What a check-up found: steps, their outcomes, and the causes that each failure is compatible with."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from common.errors import BridgeError


class Outcome(StrEnum):
    """How a step ended. A step is skipped where an earlier one that it needs did not succeed."""

    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped"
    NOT_OBSERVABLE = "not observable"


@dataclass(frozen=True, slots=True)
class Cause:
    """One thing that can be wrong, and exactly what mends it."""

    what: str
    fix: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check that did not fail has to say. `observed` is False where nothing could be concluded."""

    detail: str
    observed: bool = True


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the report. `causes` are ordered, the most likely first."""

    name: str
    outcome: Outcome
    detail: str = ""
    causes: tuple[Cause, ...] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """A step to be taken: what it is called, which steps it needs, and what does it.

    `examine` returns what it saw, or raises a BridgeError.
    """

    name: str
    examine: Callable[[], Finding]
    needs: tuple[str, ...] = ()
    causes: Mapping[str, tuple[Cause, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Report:
    """A whole check-up."""

    steps: tuple[Step, ...]

    @property
    def healthy(self) -> bool:
        """Whether no step failed."""
        return all(step.outcome is not Outcome.FAILED for step in self.steps)

    def as_json(self) -> dict[str, Any]:
        """Return the report for programs."""
        return {"healthy": self.healthy, "steps": [asdict(step) for step in self.steps]}

    def as_text(self) -> str:
        """Return the report for people."""
        width = max(len(step.name) for step in self.steps)
        lines = []
        for step in self.steps:
            lines.append(f"{step.name:<{width}}  {step.outcome.upper():<14}  {step.detail}".rstrip())
            for number, cause in enumerate(step.causes, start=1):
                lines.append(f"{'':<{width}}    {number}. {cause.what}")
                lines.append(f"{'':<{width}}       {cause.fix}")
        return "\n".join(lines)


def examine(checks: Iterable[Check]) -> Report:
    """Take every step whose needs are met, in order, and return the report. Never raises."""
    steps: dict[str, Step] = {}
    for check in checks:
        missing = [name for name in check.needs if name in steps and steps[name].outcome is not Outcome.OK]
        if missing:
            steps[check.name] = Step(check.name, Outcome.SKIPPED, f"needs: {', '.join(missing)}")
        else:
            steps[check.name] = _take(check)
    return Report(tuple(steps.values()))


def failed(name: str, error: BridgeError, causes: tuple[Cause, ...] = ()) -> Step:
    """Return the step `name` as failed, with what `error` says where no causes are known."""
    return Step(name, Outcome.FAILED, error.message, causes or (Cause(error.message, error.action),))


def _take(check: Check) -> Step:
    try:
        finding = check.examine()
    except BridgeError as error:
        return failed(check.name, error, check.causes.get(error.code, ()))
    except Exception as error:  # noqa: BLE001 (whatever it is, the other steps are still worth taking)
        cause = Cause("A defect of the check-up, or of the account's set-up.", "Look at the function's log.")
        return Step(check.name, Outcome.FAILED, type(error).__name__, (cause,))
    return Step(check.name, Outcome.OK if finding.observed else Outcome.NOT_OBSERVABLE, finding.detail)
