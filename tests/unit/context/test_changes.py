"""What else changed there: who wrote, what was deployed, which other problems are open."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, override

import pytest

from common.clock import Deadline
from common.context.changes import BEFORE, DEPLOYMENTS, MOST_PROBLEMS, MOST_WRITES, Changes, names_of
from common.context.outside import Outside
from common.errors import ConfigurationError
from common.servicenow.records import Record, Records
from tests.support.aws_service import Service, refused
from tests.support.clock import FakeClock
from tests.support.context import BEGAN, SYS_ID, event, request, services_at
from tests.support.planted import SECRETS, lines_with

PREFIX = "a" * 8
FUNCTION = "checkout"
ROLE = "arn:aws:sts::111122223333:assumed-role/Deployer/pipeline-42"


def alarm() -> dict[str, Any]:
    """Return the event of an alarm on a function."""
    stat = {
        "metricStat": {
            "metric": {"namespace": "AWS/Lambda", "name": "Errors", "dimensions": {"FunctionName": FUNCTION}}
        }
    }
    return event("cloudwatch-alarm-metric-alarm", configuration={"metrics": [stat]})


def write(name: str, minutes: int, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 (any part of an event)
    """Return an event of CloudTrail, so many minutes before the alarm."""
    return {
        "EventId": f"{name}-{minutes}",
        "EventName": name,
        "ReadOnly": "false",
        "EventTime": datetime.fromtimestamp(BEGAN / 1000, UTC) - timedelta(minutes=minutes),
        "Username": "pipeline-42",
        "Resources": [{"ResourceName": FUNCTION}],
        "CloudTrailEvent": json.dumps({"userIdentity": {"type": "AssumedRole", "arn": ROLE}}),
        **changes,
    }


class Open(Records):
    """Open records of ServiceNow; every query finds all of them, as where its terms were dropped."""

    def __init__(self, *records: Record) -> None:
        """Show these."""
        self.shown = records
        self.queries: list[str] = []

    @override
    def read(self, table: str, sys_id: str, deadline: Deadline) -> Record | None:
        return Record(sys_id, {"assignment_group": "payments"})

    @override
    def find(self, table: str, query: str, deadline: Deadline, *, limit: int = 2) -> list[Record]:
        self.queries.append(query)
        return list(self.shown)


def problem(number: int, **fields: str) -> Record:
    """Return an open incident of this deployment."""
    found = {
        "active": "true",
        "correlation_id": f"{PREFIX}{number:024x}-x",
        "number": f"INC{number:07}",
        "description": "",
    }
    return Record(f"{number:032x}", found | fields)


def told(
    *events: Mapping[str, Any],
    records: Records | None = None,
    fault: Exception | None = None,
) -> tuple[str, Sequence[tuple[str, Mapping[str, Any]]]]:
    """Return the note, and what CloudTrail was asked: every look-up finds these events."""
    clock = FakeClock(BEGAN / 1000 + 60)
    service = Service("cloudtrail", lambda *_: fault or {"Events": list(events)})
    changes = Changes(services_at(clock, cloudtrail=service), records or Open(), PREFIX, Outside(), clock)
    notes = changes(request(alarm()), Deadline.after(clock, 60))
    return "\n".join(note.text for note in notes), service.calls


def test_writes_of_the_hour_before_are_told_with_who_did_them() -> None:
    """The newest first; what only read is left out."""
    note, calls = told(
        write("UpdateFunctionCode20150331v2", 12), write("GetFunction", 5, ReadOnly="true"), write("TagResource", 3)
    )

    lines = note.split("\n")
    assert lines[:3] == [
        "Writes on checkout in the hour before (CloudTrail, UTC):",
        "09:12:31 TagResource on checkout by assumed-role/Deployer/pipeline-42",
        "09:03:31 UpdateFunctionCode20150331v2 on checkout by assumed-role/Deployer/pipeline-42",
    ]
    assert "GetFunction" not in note
    asked = [told["LookupAttributes"][0] for _, told in calls]
    assert asked[0] == {"AttributeKey": "ResourceName", "AttributeValue": FUNCTION}
    assert [one["AttributeValue"] for one in asked[1:]] == list(DEPLOYMENTS)
    assert calls[0][1]["StartTime"] == datetime.fromtimestamp((BEGAN - BEFORE) / 1000, UTC)


def test_a_call_that_a_service_made_for_somebody_says_so() -> None:
    """CloudFormation, for example."""
    identity = {"userIdentity": {"arn": ROLE, "invokedBy": "cloudformation.amazonaws.com"}}
    note, _ = told(write("UpdateStack", 2, CloudTrailEvent=json.dumps(identity)))

    assert "by assumed-role/Deployer/pipeline-42 through cloudformation.amazonaws.com" in note


def test_a_busy_hour_stays_bounded() -> None:
    """The rest is counted."""
    note, _ = told(*(write("PutItem", 0, EventId=str(number)) for number in range(40)))

    assert f"and {40 - MOST_WRITES} more" in note
    assert len(note) < 4_000


def test_other_open_problems_are_named_by_number() -> None:
    """Of the same resource first, then of the same group; each once, and never the record itself."""
    records = Open(
        problem(1, description=f"FunctionName: {FUNCTION}", assignment_group="payments", short_description="slow"),
        problem(2, assignment_group="payments", short_description="full"),
        problem(3, assignment_group="others"),
        problem(4, description=FUNCTION, active="false", assignment_group="payments"),
        problem(5, description=FUNCTION, correlation_id="b" * 50, assignment_group="payments"),
        Record(SYS_ID, problem(6, description=FUNCTION, assignment_group="payments").fields),
    )
    note, _ = told(records=records)

    assert note.split("\n") == [
        f"Other open problems of {FUNCTION}:",
        "INC0000001 slow",
        "Other open problems of the same group:",
        "INC0000002 full",
    ]
    assert records.queries[0].startswith(
        f"active=true^correlation_idSTARTSWITH{PREFIX}^descriptionLIKE{FUNCTION}^ORDERBY"
    )


def test_many_open_problems_stay_bounded() -> None:
    """The rest is counted."""
    note, _ = told(records=Open(*(problem(number, assignment_group="payments") for number in range(1, 12))))

    assert f"and {11 - MOST_PROBLEMS} more" in note


def test_where_nothing_changed_nothing_is_added() -> None:
    """An empty note would only be read."""
    assert told()[0] == ""


def test_without_the_right_to_ask_cloudtrail_other_problems_are_told() -> None:
    """And where there are none either, the permission is named."""
    denied = refused("AccessDeniedException")

    assert told(fault=denied, records=Open(problem(2, assignment_group="payments")))[0].endswith("INC0000002")
    with pytest.raises(ConfigurationError, match="cloudtrail:LookupEvents"):
        told(fault=denied)


@pytest.mark.parametrize(
    ("about", "names"),
    [
        (alarm(), [FUNCTION]),
        (event("ecs-task-failed"), ["9fe01a1b0831002ee66e429ee5b7ae2e"]),
        (event("rds-storage-low"), ["orders"]),
        (event("lambda-invocation-failure"), ["price-import"]),
        ({**alarm(), "detail": {}}, []),
    ],
    ids=["alarm", "task", "database", "function", "nothing"],
)
def test_a_resource_is_known_by_its_name(about: dict[str, Any], names: list[str]) -> None:
    """Of an alarm by the dimensions of its metric, otherwise by the event's ARNs."""
    assert [name for name in names_of(request(about)) if name in names] == names


@pytest.mark.attack
def test_a_name_that_would_change_the_query_is_not_asked_for() -> None:
    """Whoever may make an alarm chooses its dimensions."""
    about = alarm()
    about["detail"]["configuration"]["metrics"][0]["metricStat"]["metric"]["dimensions"] = {
        "FunctionName": "x^ORactive=false"
    }

    assert names_of(request(about)) == []


@pytest.mark.attack
def test_nothing_secret_travels() -> None:
    """From names, roles and requests of CloudTrail's events, and from other records."""
    events = [
        write(
            "UpdateFunctionConfiguration",
            number,
            EventId=str(number),
            Username=line,
            Resources=[{"ResourceName": line}],
            CloudTrailEvent=json.dumps(
                {"userIdentity": {"arn": f"arn:aws:sts::1:assumed-role/A/{line}"}, "requestParameters": line}
            ),
        )
        for number, line in enumerate(lines_with())
    ]
    records = Open(
        *(
            problem(number, assignment_group="payments", short_description=line)
            for number, line in enumerate(lines_with(), 1)
        )
    )
    for some in ([one] for one in events):
        note, _ = told(*some, records=records)
        assert [secret for secret in SECRETS if secret in note] == []
