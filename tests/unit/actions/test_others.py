"""OpsItems, findings of GuardDuty and of Access Analyzer follow; each call is held against botocore's model."""

from typing import Any

import pytest

from common.actions.accessanalyzer import AccessAnalyzer
from common.actions.decide import actions_of
from common.actions.follower import Performer
from common.actions.guardduty import GuardDuty
from common.actions.opsitem import OpsItems
from common.clock import Deadline
from common.errors import BridgeError, ConfigurationError, PermanentError, TransientError
from tests.support.changes import AwsService, accounts_at, change_of, refused
from tests.support.clock import FakeClock
from tests.support.rules import SHIPPED

RULES = {rule.name: rule for rule in SHIPPED}
OPS_ITEM = {"id": "oi-0123456789ab"}
FINDING = {"id": "16afba5c5c43e07c9e3e5e2e544e95df"}
ANALYZED = {"id": "f0f0", "analyzer_arn": "arn:aws:access-analyzer:eu-central-1:111122223333:analyzer/company"}
DETECTOR: dict[str, Any] = {"list_detectors": {"DetectorIds": ["d-1"]}}
PERFORMERS: dict[str, tuple[str, str, type[Any]]] = {
    "opsitem": ("ssm", "ssm-opsitem", OpsItems),
    "guardduty": ("guardduty", "guardduty-finding", GuardDuty),
    "accessanalyzer": ("accessanalyzer", "access-analyzer-finding", AccessAnalyzer),
}


def service_of(kind: str, **answers: Any) -> AwsService:  # noqa: ANN401 (any answer)
    """Return the service behind a kind of action."""
    return AwsService(PERFORMERS[kind][0], **answers)


def let_follow(  # noqa: PLR0913 (what a change can be)
    aws: AwsService,
    kind: str,
    old: str | None,
    new: str,
    *objects: dict[str, str],
    by: str = "person",
    close_code: str = "",
    seconds: float = 60,
) -> None:
    """Let objects follow a change within so many seconds."""
    _, rule, performer = PERFORMERS[kind]
    clock = FakeClock()
    acts: Performer = performer(accounts_at(clock), aws.make)
    for action in actions_of(
        change_of(old, new, by=by, close_code=close_code, rule=rule, objects=objects), RULES[rule], {kind}
    ):
        acts.perform(action, Deadline.after(clock, seconds))


def follow(
    kind: str,
    old: str | None,
    new: str,
    *objects: dict[str, str],
    by: str = "person",
    close_code: str = "",
    **answers: Any,  # noqa: ANN401 (any answer)
) -> list[tuple[str, dict[str, Any]]]:
    """Let objects follow a change, and return what AWS was asked."""
    aws = service_of(kind, **answers)
    let_follow(aws, kind, old, new, *objects, by=by, close_code=close_code)
    return aws.calls


def ops_item(status: str, known: str = "") -> dict[str, Any]:
    """Return the answer of Systems Manager about an OpsItem."""
    data = {"ServiceNow": {"Value": known, "Type": "SearchableString"}} if known else {}
    return {"get_ops_item": {"OpsItem": {"OpsItemId": OPS_ITEM["id"], "Status": status, "OperationalData": data}}}


@pytest.mark.parametrize(
    ("old", "new", "by", "before", "status"),
    [
        (None, "1", "bridge", "Open", None),
        ("1", "2", "person", "Open", "InProgress"),
        ("2", "3", "person", "InProgress", "Open"),
        ("2", "6", "person", "InProgress", "Resolved"),
        ("6", "7", "person", "Resolved", None),
        ("6", "7", "person", "Closed", None),
        ("1", "8", "person", "Open", "Resolved"),
        ("6", "2", "person", "Resolved", "InProgress"),
    ],
)
def test_the_status_of_an_opsitem_follows_where_it_contradicts(
    old: str | None, new: str, by: str, before: str, status: str | None
) -> None:
    """The number and the link of the record stand in its operational data, where people can search for them."""
    asked = follow("opsitem", old, new, OPS_ITEM, by=by, **ops_item(before))

    (_, update) = asked[1]
    assert [operation for operation, _ in asked] == ["get_ops_item", "update_ops_item"]
    assert update.get("Status") == status
    assert update["OperationalData"]["ServiceNow"]["Value"].startswith("INC0010001 https://")


def test_an_opsitem_that_says_it_all_is_left_alone() -> None:
    """A change that is told twice writes once."""
    known = follow("opsitem", "2", "6", OPS_ITEM, **ops_item("Open"))[1][1]["OperationalData"]["ServiceNow"]["Value"]

    asked = follow("opsitem", "2", "6", OPS_ITEM, **ops_item("Resolved", known))

    assert [operation for operation, _ in asked] == ["get_ops_item"]


@pytest.mark.parametrize(
    ("close_code", "feedback"), [("Solution provided", "USEFUL"), ("Known error", "NOT_USEFUL"), ("Duplicate", None)]
)
def test_a_finding_of_guardduty_is_archived_when_its_record_is_closed(close_code: str, feedback: str | None) -> None:
    """With the feedback that the close code stands for, by the detector of the account that is asked."""
    asked = follow("guardduty", "6", "7", FINDING, close_code=close_code, **DETECTOR)

    told = dict(asked)
    assert told["archive_findings"] == {"DetectorId": "d-1", "FindingIds": [FINDING["id"]]}
    assert told.get("update_findings_feedback", {}).get("Feedback") == feedback


def test_a_finding_of_guardduty_comes_back_with_its_record() -> None:
    """Somebody opened it again."""
    assert follow("guardduty", "7", "2", FINDING, **DETECTOR)[1][0] == "unarchive_findings"


def test_fifty_findings_of_guardduty_take_one_call() -> None:
    """And one more another."""
    asked = follow("guardduty", "6", "7", *({"id": str(number)} for number in range(51)), **DETECTOR)

    assert [len(arguments["FindingIds"]) for name, arguments in asked if name == "archive_findings"] == [50, 1]


def test_findings_of_access_analyzer_are_archived_by_analyzer() -> None:
    """And active again once the record is opened again."""
    other = ANALYZED | {"id": "f1f1"}

    closed = follow("accessanalyzer", "6", "7", ANALYZED, other)
    opened = follow("accessanalyzer", "7", "1", ANALYZED)

    asked = {"analyzerArn": ANALYZED["analyzer_arn"], "ids": ["f0f0", "f1f1"], "status": "ARCHIVED"}
    assert closed == [("update_findings", asked)]
    assert opened[0][1]["status"] == "ACTIVE"


@pytest.mark.parametrize(
    ("kind", "objects", "answers", "error"),
    [
        ("opsitem", OPS_ITEM, {"get_ops_item": refused("OpsItemNotFoundException")}, PermanentError),
        ("opsitem", OPS_ITEM, {"get_ops_item": refused("OpsItemAccessDeniedException")}, ConfigurationError),
        ("opsitem", OPS_ITEM, {"get_ops_item": refused("ThrottlingException")}, TransientError),
        ("opsitem", OPS_ITEM, {**ops_item("Open"), "update_ops_item": refused("InternalServerError")}, TransientError),
        ("guardduty", FINDING, {"list_detectors": {"DetectorIds": []}}, ConfigurationError),
        ("guardduty", FINDING, {**DETECTOR, "archive_findings": refused("BadRequestException")}, PermanentError),
        ("guardduty", FINDING, {"list_detectors": refused("AccessDeniedException", 403)}, ConfigurationError),
        ("accessanalyzer", ANALYZED, {"update_findings": refused("ResourceNotFoundException")}, PermanentError),
        ("accessanalyzer", ANALYZED, {"update_findings": refused("ThrottlingException", 429)}, TransientError),
    ],
)  # fmt: skip
def test_what_becomes_of_a_refusal_follows_from_its_reason(
    kind: str, objects: dict[str, str], answers: dict[str, Any], error: type[BridgeError]
) -> None:
    """As for Security Hub."""
    with pytest.raises(error):
        follow(kind, "6", "7", objects, **answers)


def opsitem_gone(arguments: dict[str, Any]) -> Any:  # noqa: ANN401 (an answer)
    """Answer that the first OpsItem is gone, and another open."""
    if arguments["OpsItemId"] == OPS_ITEM["id"]:
        raise refused("OpsItemNotFoundException")
    return ops_item("Open")["get_ops_item"]


def analyzer_gone(arguments: dict[str, Any]) -> Any:  # noqa: ANN401 (an answer)
    """Answer that the first analyzer is gone."""
    if arguments["analyzerArn"] == ANALYZED["analyzer_arn"]:
        raise refused("ResourceNotFoundException")
    return {}


@pytest.mark.parametrize(
    ("kind", "gone", "other", "answers", "asked"),
    [
        ("opsitem", OPS_ITEM, {"id": "oi-ffffffffffff"}, {"get_ops_item": opsitem_gone}, "update_ops_item"),
        ("accessanalyzer", ANALYZED, ANALYZED | {"analyzer_arn": f"{ANALYZED['analyzer_arn']}2"},
         {"update_findings": analyzer_gone}, "update_findings"),
    ],
    ids=["OpsItems", "findings of two analyzers"],
)  # fmt: skip
def test_an_object_that_is_gone_keeps_no_other_from_following(
    kind: str, gone: dict[str, str], other: dict[str, str], answers: dict[str, Any], asked: str
) -> None:
    """The message becomes a dead letter, so nobody would come back for the others."""
    aws = service_of(kind, **answers)

    with pytest.raises(PermanentError):
        let_follow(aws, kind, "6", "7", gone, other)

    assert aws.calls[-1][0] == asked
    assert other.get("analyzer_arn", other["id"]) in aws.calls[-1][1].values()


@pytest.mark.parametrize(
    ("kind", "objects", "answers"),
    [
        ("opsitem", OPS_ITEM, ops_item("Open")),
        ("guardduty", FINDING, DETECTOR),
        ("accessanalyzer", ANALYZED, {}),
    ],
)
def test_every_performer_leaves_what_it_has_no_time_for(
    kind: str, objects: dict[str, str], answers: dict[str, Any]
) -> None:
    """It comes back in a second, and what was done before is done no second time to any effect."""
    aws = service_of(kind, **answers)

    with pytest.raises(TransientError, match="Too little"):
        let_follow(aws, kind, "6", "7", objects, seconds=5)

    assert [operation for operation, _ in aws.calls if operation != "list_detectors"] == []
