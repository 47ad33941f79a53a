"""What a check-up consists of and what it found: checks, steps, their outcomes, and the causes of each failure."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from common.clock import Deadline


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
class Check:
    """A step to be taken: what it is called, what does it, which steps it needs, and what its failures can mean.

    `examine` returns what it saw by the deadline, or raises a BridgeError. `causes` holds, by the error's code, what
    this step knows better than `meanings.ANYWHERE`.
    """

    name: str
    examine: Callable[[Deadline], Finding]
    needs: tuple[str, ...] = ()
    causes: Mapping[str, tuple[Cause, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the report. `causes` are ordered, the most likely first."""

    name: str
    outcome: Outcome
    detail: str = ""
    causes: tuple[Cause, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """A whole check-up."""

    steps: tuple[Step, ...]

    @property
    def failures(self) -> tuple[Step, ...]:
        """The steps that failed."""
        return tuple(step for step in self.steps if step.outcome is Outcome.FAILED)

    @property
    def healthy(self) -> bool:
        """Whether no step failed."""
        return not self.failures

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
