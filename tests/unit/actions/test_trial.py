"""Whether AWS would let its objects follow is found out without changing any."""

from typing import Any

import pytest

from common.actions.refusals import NOTHING
from common.actions.trial import try_out
from tests.support.changes import AwsService, accounts_at, refused
from tests.support.clock import FakeClock
from tools.doctor import told

SERVICES = {
    "securityhub": "securityhub",
    "opsitem": "ssm",
    "guardduty": "guardduty",
    "accessanalyzer": "accessanalyzer",
}
ABSENT: dict[str, dict[str, Any]] = {
    "securityhub": {"batch_update_findings": {"ProcessedFindings": [], "UnprocessedFindings": []}},
    "opsitem": {
        "get_ops_item": refused("OpsItemNotFoundException"),
        "update_ops_item": refused("OpsItemNotFoundException"),
    },
    "guardduty": {"list_detectors": {"DetectorIds": ["d-1"]}, "archive_findings": refused("BadRequestException")},
    "accessanalyzer": {"update_findings": refused("ResourceNotFoundException")},
}


def tried(kind: str, **answers: Any) -> tuple[dict[str, str], AwsService]:  # noqa: ANN401 (any answer)
    """Try one action, and return what keeps it from working, and what AWS was asked."""
    aws = AwsService(SERVICES[kind], **answers)
    return try_out(accounts_at(FakeClock()), {kind: aws.make})[kind], aws


@pytest.mark.parametrize("kind", SERVICES)
def test_that_there_is_no_such_object_shows_the_right(kind: str) -> None:
    """Each call is about an object that there is not, or about none at all."""
    trouble, aws = tried(kind, **ABSENT[kind])

    assert trouble == {}
    for operation, asked in aws.calls:
        assert operation == "list_detectors" or NOTHING in str(asked) or "oi-000000000000" in str(asked) or (
            asked["FindingIds"] == []
        )  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "operation"),
    [
        ("securityhub", "batch_update_findings"),
        ("opsitem", "get_ops_item"),
        ("opsitem", "update_ops_item"),
        ("guardduty", "list_detectors"),
        ("guardduty", "archive_findings"),
        ("guardduty", "update_findings_feedback"),
        ("accessanalyzer", "update_findings"),
    ],
)
def test_a_right_that_is_missing_is_named(kind: str, operation: str) -> None:
    """With what to allow; the doctor shows it as a step that failed."""
    trouble, _ = tried(kind, **ABSENT[kind] | {operation: refused("AccessDeniedException", 403)})

    assert "AccessDeniedException" in trouble["message"]
    assert "Let the role of the actions function" in trouble["action"]
    assert f"FAIL  {kind}: AWS refuses" in told({kind: trouble})


def test_a_service_that_is_off_is_named() -> None:
    """GuardDuty without a detector has no findings to archive."""
    trouble, _ = tried("guardduty", list_detectors={"DetectorIds": []})

    assert "no detector" in trouble["message"]
    assert told({"opsitem": {}}).endswith("ok    opsitem")
