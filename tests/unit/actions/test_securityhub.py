"""Findings follow, of both feeds; each call is held against botocore's model."""

from typing import Any

import pytest

from common.actions.decide import Action, actions_of
from common.actions.securityhub import SecurityHub
from common.clock import Deadline
from common.errors import BridgeError, ConfigurationError, PermanentError, TransientError
from tests.support.changes import FINDING, AwsService, accounts_at, change_of, refused
from tests.support.clock import FakeClock
from tests.support.rules import SHIPPED
from tests.support.telemetry import readable_telemetry

RULE = next(rule for rule in SHIPPED if rule.name == "securityhub-finding")
UID = {"metadata_uid": "5c2d3e4f"}
DONE: dict[str, Any] = {"ProcessedFindings": [], "UnprocessedFindings": []}


def left(code: str = "ConcurrentUpdateError", finding: dict[str, str] = FINDING) -> dict[str, Any]:
    """Return Security Hub's answer where it left out one finding."""
    named = {"Id": finding["id"], "ProductArn": finding["product_arn"]}
    return DONE | {"UnprocessedFindings": [{"FindingIdentifier": named, "ErrorCode": code, "ErrorMessage": "no"}]}


def perform(hub: AwsService, *objects: dict[str, str], close_code: str = "Solution provided") -> FakeClock:
    """Let findings follow a person who resolved their record, and return the clock."""
    clock = FakeClock()
    actions = actions_of(
        change_of("2", "6", close_code=close_code, objects=objects or [FINDING]), RULE, {"securityhub"}
    )
    performer = SecurityHub(
        accounts_at(clock), hub.make, author="bridge", clock=clock, telemetry=readable_telemetry()[0]
    )
    action: Action
    for action in actions:
        performer.perform(action, Deadline.after(clock, 60))
    return clock


def test_a_finding_of_asff_gets_a_workflow_status_and_a_note() -> None:
    """In the Region that it came from, with the number and the link of its record."""
    hub = AwsService("securityhub", batch_update_findings=DONE)

    perform(hub)

    ((operation, asked),) = hub.calls
    assert hub.places == [{"region_name": "eu-central-1"}]
    assert operation == "batch_update_findings"
    assert asked["Workflow"] == {"Status": "RESOLVED"}
    assert asked["Note"]["UpdatedBy"] == "bridge"
    assert asked["Note"]["Text"].startswith(
        "ServiceNow INC0010001 (Solution provided): https://example.service-now.com/"
    )


def test_a_finding_of_ocsf_gets_a_status_and_a_comment() -> None:
    """By the other call, in OCSF's own numbers."""
    hub = AwsService("securityhub", batch_update_findings_v2=DONE)

    perform(hub, UID, close_code="Duplicate")

    ((operation, asked),) = hub.calls
    assert operation == "batch_update_findings_v2"
    assert (asked["MetadataUids"], asked["StatusId"]) == (["5c2d3e4f"], 3)


def test_a_hundred_findings_take_one_call() -> None:
    """And the hundred and first another."""
    hub = AwsService("securityhub", batch_update_findings=DONE)

    perform(hub, *(FINDING | {"id": str(number)} for number in range(101)))

    assert [len(asked["FindingIdentifiers"]) for _, asked in hub.calls] == [100, 1]


def test_what_is_left_unprocessed_is_tried_again_alone() -> None:
    """After a pause; the others are not touched again."""
    other = FINDING | {"id": "2"}
    hub = AwsService("securityhub", batch_update_findings=[left(finding=other), DONE])

    clock = perform(hub, FINDING, other)

    assert [len(asked["FindingIdentifiers"]) for _, asked in hub.calls] == [2, 1]
    assert len(clock.slept) == 1


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (left(), TransientError),
        (left("FindingNotFound"), PermanentError),
        (refused("TooManyRequestsException", 429), TransientError),
        (refused("InternalException", 500), TransientError),
        (refused("LimitExceededException", 429), TransientError),
        (refused("AccessDeniedException", 403), ConfigurationError),
        (refused("InvalidAccessException", 401), ConfigurationError),
        (refused("InvalidInputException"), PermanentError),
    ],
)
def test_what_becomes_of_a_refusal_follows_from_its_reason(answer: object, kind: type[BridgeError]) -> None:
    """Later where it passes, held where a person has to mend it, a dead letter where the finding is gone."""
    with pytest.raises(kind):
        perform(AwsService("securityhub", batch_update_findings=answer))


def test_a_missing_permission_is_named_with_its_place() -> None:
    """Whoever reads the log knows what to allow, and where."""
    with pytest.raises(ConfigurationError) as caught:
        perform(AwsService("securityhub", batch_update_findings=refused("AccessDeniedException", 403)))

    assert "securityhub:BatchUpdateFindings" in caught.value.action
    assert "account 111122223333, Region eu-central-1" in caught.value.message
