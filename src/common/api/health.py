"""What a check-up is to a caller of the API: whether it works, and to those who mend it what is wrong with it."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from common.api.callers import as_caller
from common.api.problems import Kind, ProblemError
from common.telemetry import Telemetry

if TYPE_CHECKING:
    from common.checkup.report import Report

_RETRY_SECONDS = 60


class Health:
    """Answers with a report: to some callers with each check, to all others with the outcome alone.

    What the checks are called and what can be wrong tells of tables, roles and settings of the instance, which is for
    whoever runs the bridge. The log has it in any case.
    """

    def __init__(self, readers: Iterable[str], telemetry: Telemetry) -> None:
        """Show everything to the roles and users of `readers`, as ARNs of IAM."""
        self._readers = frozenset(map(as_caller, readers))
        self._telemetry = telemetry

    def answer_to(self, caller: str, report: "Report") -> dict[str, Any]:
        """Return what a caller gets to see of `report`. Raises ProblemError (503) where a step failed."""
        reads = caller in self._readers
        checks = _checks(report) if reads else []
        for step in report.failures:
            self._telemetry.log.error("A check of the API failed.", check=step.name, failure=step.detail)
        if not report.failures:
            return {"status": "ok", "checks": checks}
        if not reads:
            raise ProblemError(
                Kind.UNAVAILABLE,
                "The API can't do all of its work at present.",
                action="Repeat your requests later. The operators of the bridge see what is wrong: make doctor.",
                retry_after=_RETRY_SECONDS,
            )
        names = ", ".join(step.name for step in report.failures)
        raise ProblemError(
            Kind.UNAVAILABLE,
            f"These checks failed: {names}.",
            action="Mend what the causes of the first one say.",
            retry_after=_RETRY_SECONDS,
            checks=checks,
        )


def _checks(report: "Report") -> list[dict[str, Any]]:
    return [
        {
            "name": step.name,
            "outcome": step.outcome.value,
            "causes": [{"what": cause.what, "fix": cause.fix} for cause in step.causes],
        }
        for step in report.steps
    ]
