"""The sheet of an acceptance: step, what is expected, what was seen, and how long it took."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from botocore.exceptions import ClientError

from common.aws_errors import code_of
from tools.deployed import ToolError

_DENIED = ("AccessDenied", "Unauthorized", "NotAuthorized")


class Verdict(StrEnum):
    """How a step ended."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    NOT_POSSIBLE = "not possible here"


class _OtherwiseError(Exception):
    """A step that did not pass; the text says why. `private` where it may name something of the deployment."""

    verdict = Verdict.FAILED

    def __init__(self, why: str, *, private: bool = False) -> None:
        """Tell why."""
        super().__init__(why)
        self.private = private


class MissedError(_OtherwiseError):
    """What was seen is not what was expected; the text says what was seen."""


class SkippedError(_OtherwiseError):
    """The step is not taken; the text says why, and what to set."""

    verdict = Verdict.SKIPPED


class ImpossibleError(_OtherwiseError):
    """The step can't be decided here, whatever is set; the text says why."""

    verdict = Verdict.NOT_POSSIBLE


@dataclass(frozen=True, slots=True)
class Line:
    """One step that was taken. `public` is its name without names of a company, `why` what may be told of the rest."""

    step: str
    public: str
    expected: str
    verdict: Verdict
    seen: str
    why: str
    seconds: float


@dataclass(slots=True)
class Sheet:
    """All steps that were taken, in order. `clock` gives seconds."""

    clock: Callable[[], float]
    lines: list[Line] = field(default_factory=list)

    def take(self, step: str, expected: str, look: Callable[[], str], *, public: str = "") -> bool:
        """Take a step and tell whether it passed; `look` returns what it saw, or raises what the sheet is to say.

        A call that AWS does not allow to whoever calls skips the step, with the call's name.
        """
        begun = self.clock()
        verdict, why = Verdict.PASSED, ""
        try:
            seen = look()
        except _OtherwiseError as otherwise:
            verdict, seen = otherwise.verdict, str(otherwise)
            why = "" if otherwise.private else seen
        except ToolError as error:
            verdict, seen, why = Verdict.FAILED, str(error), type(error).__name__
        except ClientError as error:
            code = code_of(error)
            denied = any(word in code for word in _DENIED)
            verdict = Verdict.SKIPPED if denied else Verdict.FAILED
            reason = "you may not call it (tools/accept/policy.json)" if denied else f"AWS refused the call ({code})"
            seen = why = f"{error.operation_name}: {reason}"
        except Exception as error:  # noqa: BLE001 (whatever it is, the other steps are still worth taking)
            verdict, seen, why = Verdict.FAILED, type(error).__name__, type(error).__name__
        self.lines.append(Line(step, public or step, expected, verdict, seen, why, round(self.clock() - begun, 1)))
        return verdict is Verdict.PASSED

    @property
    def accepted(self) -> bool:
        """Whether something passed and nothing failed: a sheet of skipped steps accepts nothing."""
        verdicts = {line.verdict for line in self.lines}
        return Verdict.PASSED in verdicts and Verdict.FAILED not in verdicts

    @property
    def counts(self) -> dict[str, int]:
        """How many steps ended in which way."""
        counted = Counter(line.verdict for line in self.lines)
        return {verdict.value: counted[verdict] for verdict in Verdict}

    def as_json(self) -> dict[str, Any]:
        """Return the sheet for programs, without what was seen where something passed."""
        steps = [
            {
                "step": line.public,
                "expected": line.expected,
                "verdict": line.verdict.value,
                "why": line.why,
                "seconds": line.seconds,
            }
            for line in self.lines
        ]
        return {"accepted": self.accepted, "counts": self.counts, "steps": steps}

    def as_text(self) -> str:
        """Return the sheet for people, in Markdown."""
        rows = [
            f"| {line.step} | {line.expected} | {line.verdict}: {_cell(line.seen)} | {line.seconds:.1f} |"
            for line in self.lines
        ]
        told = ", ".join(f"{number} {verdict}" for verdict, number in self.counts.items() if number)
        return "\n".join(["| step | expected | seen | seconds |", "|---|---|---|---|", *rows, "", told])

    def to_post(self) -> str:
        """Return the sheet without anything that was seen: nothing of a company is in it, so that it can be posted."""
        rows = [f"| {line.public} | {line.expected} | {line.verdict} | {line.seconds:.1f} |" for line in self.lines]
        return "\n".join(["| step | expected | verdict | seconds |", "|---|---|---|---|", *rows])


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "/").split())
