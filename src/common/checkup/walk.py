"""The walk: takes one check after the other, and finds out what each failure can mean."""

from collections.abc import Iterable, Mapping

from common.checkup import causes, meanings
from common.checkup.report import Cause, Check, Outcome, Report, Step
from common.clock import Deadline
from common.errors import BridgeError

STEP_SECONDS = 10.0
"""The longest that one step may take, as far as it asks ServiceNow."""

_FEWEST_SECONDS = 1.0


def examine(checks: Iterable[Check], deadline: Deadline) -> Report:
    """Take every step whose needs are met, in order, and return the report. Never raises.

    All steps share the deadline; those for which no time is left fail.
    """
    steps: dict[str, Step] = {}
    for check in checks:
        missing = [name for name in check.needs if name in steps and steps[name].outcome is not Outcome.OK]
        if missing:
            steps[check.name] = Step(check.name, Outcome.SKIPPED, f"needs: {', '.join(missing)}")
        elif deadline.remaining() < _FEWEST_SECONDS:
            steps[check.name] = Step(check.name, Outcome.FAILED, "No time was left.", (causes.NO_TIME,))
        else:
            steps[check.name] = _take(check, deadline)
    return Report(tuple(steps.values()))


def failed(name: str, error: BridgeError, known: Mapping[str, tuple[Cause, ...]] | None = None) -> Step:
    """Return the step `name` as failed, with what `error` says where no causes are known."""
    found = (known or {}).get(error.code) or meanings.ANYWHERE.get(error.code) or (Cause(error.message, error.action),)
    return Step(name, Outcome.FAILED, error.message, found)


def _take(check: Check, deadline: Deadline) -> Step:
    try:
        finding = check.examine(deadline.within(STEP_SECONDS))
    except BridgeError as error:
        return failed(check.name, error, check.causes)
    except Exception as error:  # noqa: BLE001 (whatever it is, the other steps are still worth taking)
        return Step(check.name, Outcome.FAILED, type(error).__name__, (causes.DEFECT,))
    return Step(check.name, Outcome.OK if finding.observed else Outcome.NOT_OBSERVABLE, finding.detail)
