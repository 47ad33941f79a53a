"""What a check-up is to a caller of the API: outcomes, causes and their fixes. Details stay in the log."""

from typing import TYPE_CHECKING, Any

from common.api.problems import Kind, ProblemError
from common.telemetry import Telemetry

if TYPE_CHECKING:
    from common.checkup.report import Report

_RETRY_SECONDS = 60


def answer_of(report: "Report", telemetry: Telemetry) -> dict[str, Any]:
    """Return what a caller gets to see of `report`. Raises ProblemError (503) where a step failed."""
    checks = [
        {
            "name": step.name,
            "outcome": step.outcome.value,
            "causes": [{"what": cause.what, "fix": cause.fix} for cause in step.causes],
        }
        for step in report.steps
    ]
    for step in report.failures:
        telemetry.log.error("A check of the API failed.", check=step.name, failure=step.detail)
    if report.failures:
        names = ", ".join(step.name for step in report.failures)
        raise ProblemError(
            Kind.UNAVAILABLE,
            f"These checks failed: {names}.",
            action="Mend what the causes of the first one say.",
            retry_after=_RETRY_SECONDS,
            checks=checks,
        )
    return {"status": "ok", "checks": checks}
