"""The sheet of an acceptance: what counts as accepted, and what may be posted."""

import itertools
import json

from tests.support.aws_service import refused
from tools.accept.sheet import MissedError, Sheet, SkippedError, Verdict
from tools.deployed import ToolError


def _raise(error: Exception) -> str:
    raise error


def _sheet(*errors: Exception | None) -> Sheet:
    ticks = itertools.count()
    sheet = Sheet(lambda: float(next(ticks)))
    for number, error in enumerate(errors):
        sheet.take(f"step {number}", "well", lambda error=error: "INC0010001" if error is None else _raise(error))  # type: ignore[misc]
    return sheet


def test_a_step_that_missed_is_not_accepted_and_the_others_are_still_taken() -> None:
    """A skipped one does not count; a defect counts as missed, and its words are not shown."""
    sheet = _sheet(None, SkippedError("set it"), MissedError("nothing came"), ValueError("s3cr3t"), None)

    assert [line.verdict for line in sheet.lines] == [
        Verdict.PASSED,
        Verdict.SKIPPED,
        Verdict.FAILED,
        Verdict.FAILED,
        Verdict.PASSED,
    ]
    assert not sheet.accepted
    assert _sheet(None, SkippedError("set it")).accepted
    assert "s3cr3t" not in sheet.as_text()


def test_what_may_be_posted_holds_nothing_that_was_seen() -> None:
    """Numbers, hosts and groups are a company's; steps, verdicts and seconds are not."""
    sheet = _sheet(None, MissedError("no group Payments of example.service-now.com"))

    assert "INC0010001" in sheet.as_text()
    for seen in ("INC0010001", "Payments", "example"):
        assert seen not in sheet.to_post()
    assert "| step 1 | well | failed | 1.0 |" in sheet.to_post()


def test_what_a_command_would_end_with_is_shown_and_not_posted() -> None:
    """Such as the name of an output that the stack lacks, or what a function of the company's said."""
    sheet = _sheet(ToolError("The doctor function failed: no host acme"))

    assert [line.verdict for line in sheet.lines] == [Verdict.FAILED]
    assert "no host acme" in sheet.as_text()
    assert "acme" not in json.dumps(sheet.as_json()) + sheet.to_post()


def test_a_call_that_fails_is_told_by_the_code_of_aws() -> None:
    """One that is not allowed names the policy that allows it."""
    sheet = _sheet(refused("Throttling", "GetMetricData"), refused("AccessDenied", "Invoke"))

    assert [(line.verdict, line.why) for line in sheet.lines] == [
        (Verdict.FAILED, "GetMetricData: AWS refused the call (Throttling)"),
        (Verdict.SKIPPED, "Invoke: you may not call it (tools/accept/policy.json)"),
    ]
