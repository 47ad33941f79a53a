"""The sheet of an acceptance: step, what is expected, what was seen, and how long it took."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class Verdict(StrEnum):
    """How a step ended."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


class MissedError(Exception):
    """What was seen is not what was expected; the text says what was seen. It holds no name of the deployment."""


class SkippedError(Exception):
    """The step can't be taken here; the text says why, and what to set."""


@dataclass(frozen=True, slots=True)
class Line:
    """One step that was taken."""

    step: str
    expected: str
    verdict: Verdict
    seen: str
    seconds: float


@dataclass(slots=True)
class Sheet:
    """All steps that were taken, in order. `clock` gives seconds."""

    clock: Callable[[], float]
    lines: list[Line] = field(default_factory=list)

    def take(self, step: str, expected: str, look: Callable[[], str]) -> None:
        """Take a step; `look` returns what it saw, or raises MissedError or SkippedError."""
        begun = self.clock()
        try:
            verdict, seen = Verdict.PASSED, look()
        except MissedError as missed:
            verdict, seen = Verdict.FAILED, str(missed)
        except SkippedError as skipped:
            verdict, seen = Verdict.SKIPPED, str(skipped)
        except Exception as error:  # noqa: BLE001 (whatever it is, the other steps are still worth taking)
            verdict, seen = Verdict.FAILED, type(error).__name__
        self.lines.append(Line(step, expected, verdict, seen, round(self.clock() - begun, 1)))

    @property
    def accepted(self) -> bool:
        """Whether no step failed."""
        return all(line.verdict is not Verdict.FAILED for line in self.lines)

    def as_json(self) -> dict[str, Any]:
        """Return the sheet for programs."""
        return {"accepted": self.accepted, "steps": [asdict(line) for line in self.lines]}

    def as_text(self) -> str:
        """Return the sheet for people, in Markdown."""
        rows = [
            f"| {line.step} | {line.expected} | {line.verdict}: {line.seen} | {line.seconds:.1f} |"
            for line in self.lines
        ]
        return "\n".join(["| step | expected | seen | seconds |", "|---|---|---|---|", *rows])

    def to_post(self) -> str:
        """Return the sheet without anything that was seen: nothing of a company is in it, so that it can be posted."""
        rows = [f"| {line.step} | {line.expected} | {line.verdict} | {line.seconds:.1f} |" for line in self.lines]
        return "\n".join(["| step | expected | verdict | seconds |", "|---|---|---|---|", *rows])
