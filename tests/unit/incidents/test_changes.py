"""What each operation writes, on incidents, on other tables, into groups and to Event Management."""

import json
from copy import replace
from typing import Any

import pytest

from common.incidents.alert import Alert, Fold, OnReturn, Policy, Status
from common.incidents.changes import record_fields, seen
from common.incidents.event_management import event_fields, event_time
from common.incidents.item import Item, Operation, Pending, RecordReference
from common.incidents.steps import Condition, Seen
from common.servicenow.records import Record
from tests.support.problems import CORRELATION_ID, NOTES, NOW, PROBLEM, RECORD
from tests.support.world import KEY

EVENT: dict[str, Any] = {
    "source": "aws.cloudwatch",
    "detail-type": "CloudWatch Alarm State Change",
    "account": "111122223333",
    "region": "eu-west-1",
    "resources": ["arn:aws:ec2:eu-west-1:111122223333:instance/i-0123"],
    "detail": {"configuration": {"metrics": [{"metricStat": {"metric": {"name": "disk"}}}]}},
}
CLOSE_CODE = "Solution provided"


def alert(status: Status, *, member: str = "-", table: str = "incident", policy: Policy | None = None) -> Alert:
    """Return an alert with a note and two fields."""
    fields = {"short_description": "Disk full", "category": "hardware"}
    if table == "em_event":
        fields = event_fields({**fields, "description": "D"}, EVENT, "disk", "2")
    fields = fields if status is Status.FIRING or table == "em_event" else {}
    note = f"It is {status}."
    return Alert(KEY, status, NOW, fields, note, table, policy or Policy(), member)


def written(operation: Operation, *alerts: Alert, **orders: int) -> dict[str, str]:
    """Return what an operation that applies these alerts writes, without the marker."""
    fold = Fold.of(alerts)
    pending = Pending(operation, fold.orders(), NOW, "me")
    opens = operation is Operation.OPEN
    item = Item(
        PROBLEM, KEY, alerts[0].table, 3, orders, None if opens else RECORD, CORRELATION_ID if opens else None, pending
    )
    fields = record_fields(item, fold, CLOSE_CODE)
    assert fields.pop("correlation_display") == pending.marker
    assert fields.pop("correlation_id", "") == (CORRELATION_ID if opens else "")
    return fields


FIRING, RESOLVED = Status.FIRING, Status.RESOLVED


@pytest.mark.parametrize(
    ("operation", "status", "fields"),
    [
        (Operation.OPEN, FIRING, {"short_description": "Disk full", "category": "hardware"}),
        (Operation.NOTE, FIRING, {"work_notes": "It is firing."}),
        (Operation.REOPEN, FIRING, {"work_notes": "It is firing.", "state": "2"}),
        (Operation.REOPEN_STATE, FIRING, {"state": "2"}),
        (
            Operation.RESOLVE,
            RESOLVED,
            {"state": "6", "close_code": CLOSE_CODE, "close_notes": "It is resolved."},
        ),
        (Operation.RECOVERY_NOTE, RESOLVED, {"work_notes": "It is resolved."}),
    ],
)
def test_an_incident_gets_its_fields_its_notes_and_its_states(
    operation: Operation, status: Status, fields: dict[str, str]
) -> None:
    """Beside the marker by which the write is recognised."""
    assert written(operation, alert(status)) == fields


def test_a_policy_may_say_how_an_incident_is_closed() -> None:
    """Code, notes and states."""
    policy = Policy(close_code="Known error", close_notes="By itself.", resolved_state="7", reopened_state="1")
    resolved = written(Operation.RESOLVE, alert(RESOLVED, policy=policy))
    assert resolved == {"state": "7", "close_code": "Known error", "close_notes": "By itself."}
    assert written(Operation.REOPEN, alert(FIRING, policy=policy))["state"] == "1"
    assert written(Operation.REOPEN_STATE, alert(FIRING, policy=policy)) == {"state": "1"}


def test_a_resolution_always_has_notes() -> None:
    """ServiceNow's data policy demands them."""
    silent = replace(alert(RESOLVED), note="")
    assert written(Operation.RESOLVE, silent)["close_notes"] == "AWS reports that the problem is over."


def test_another_table_gets_only_states_and_codes_of_its_own() -> None:
    """An incident's mean something else there."""
    plain = alert(RESOLVED, table="problem")
    assert written(Operation.RESOLVE, plain) == {"close_notes": "It is resolved."}
    assert written(Operation.REOPEN_STATE, alert(FIRING, table="problem")) == {}
    chosen = Policy(resolved_state="106", reopened_state="104", close_code="Fix applied")
    fields = written(Operation.RESOLVE, alert(RESOLVED, table="problem", policy=chosen))
    assert fields == {"state": "106", "close_code": "Fix applied", "close_notes": "It is resolved."}
    assert written(Operation.REOPEN, alert(FIRING, table="problem", policy=chosen))["state"] == "104"


def test_a_group_that_is_noted_tells_how_many_fire() -> None:
    """In the short description and the note, whenever something is written."""
    others = {"b": NOW * 10 + 1, "c": NOW * 10}
    members = (alert(FIRING, member=member, policy=NOTES) for member in "ad")
    assert written(Operation.OPEN, *members, **others)["short_description"] == "Disk full (3 firing)"
    alone = written(Operation.OPEN, alert(FIRING, member="a", policy=NOTES))
    assert alone["short_description"] == "Disk full (1 firing)"
    noted = written(Operation.NOTE, alert(FIRING, member="a", policy=NOTES), **others)
    assert noted == {
        "short_description": "Disk full (2 firing)",
        "work_notes": "It is firing.\nAlarms of this group that fire now: 2.",
    }
    resolved = written(Operation.RESOLVE, alert(RESOLVED, member="b"), b=NOW * 10 - 9)
    assert resolved["close_notes"].endswith("fire now: 0.")


def test_a_group_whose_repeats_are_ignored_tells_how_many_fired_at_first() -> None:
    """Nobody would keep any other number up; of one alone nothing has to be said."""
    several = written(Operation.OPEN, *(alert(FIRING, member=member) for member in "abc"))
    assert several["short_description"] == "Disk full (3 at first)"
    assert written(Operation.OPEN, alert(FIRING, member="a"))["short_description"] == "Disk full"
    assert "short_description" not in written(Operation.REOPEN, alert(FIRING, member="a"))


def test_the_number_has_room_in_a_long_short_description() -> None:
    """It is cut before the number."""
    long = replace(alert(FIRING, member="a", policy=NOTES), fields={"short_description": "x" * 160})
    title = written(Operation.OPEN, long)["short_description"]
    assert len(title) == 160
    assert title.endswith("x… (1 firing)")


def test_the_number_has_room_below_a_long_note() -> None:
    """Which is cut before it, and no shorter than it has to be."""
    long = replace(alert(FIRING, member="a", policy=NOTES), note="x" * 5000)
    note = written(Operation.NOTE, long, b=NOW * 10 + 1)["work_notes"]
    assert len(note) == 4000
    assert note.endswith("x…\nAlarms of this group that fire now: 2.")


def test_a_group_without_a_short_description_has_none() -> None:
    """The number alone says nothing."""
    bare = replace(alert(FIRING, member="a"), fields={})
    assert written(Operation.OPEN, bare) == {}


def test_a_settled_item_has_nothing_to_write() -> None:
    """It would be a defect to ask."""
    with pytest.raises(ValueError, match="no operation"):
        record_fields(Item(PROBLEM, KEY, "incident"), Fold.of([alert(FIRING)]), CLOSE_CODE)


# Event Management


@pytest.mark.parametrize(
    ("operation", "status", "severity", "resolution_state"),
    [
        (Operation.OPEN, FIRING, "2", "New"),
        (Operation.NOTE, FIRING, "2", "New"),
        (Operation.REOPEN, FIRING, "2", "New"),
        (Operation.REOPEN_STATE, FIRING, "2", "New"),
        (Operation.REOPEN_STATE, RESOLVED, "2", "New"),
        (Operation.RESOLVE, RESOLVED, "0", "Closing"),
        (Operation.RECOVERY_NOTE, RESOLVED, "5", "New"),
    ],
)
def test_event_management_gets_a_whole_event_each_time(
    operation: Operation, status: Status, severity: str, resolution_state: str
) -> None:
    """Known by the hash of the problem."""
    fields = written(operation, alert(status, table="em_event"))
    assert (fields["severity"], fields["resolution_state"]) == (severity, resolution_state)
    assert fields["message_key"] == PROBLEM
    assert fields["time_of_event"] == event_time(NOW) == "2030-03-17 17:46:40"
    assert (fields["source"], fields["node"], fields["metric_name"]) == ("AWS", "i-0123", "disk")
    recovers = operation in (Operation.RESOLVE, Operation.RECOVERY_NOTE)
    assert fields["description"] == ("It is resolved." if recovers else "Disk full\nD")
    assert json.loads(fields["additional_info"]) == {
        "rule": "disk",
        "account": "111122223333",
        "region": "eu-west-1",
        "resource_arn": EVENT["resources"][0],
        "category": "hardware",
    }


def test_a_recovery_without_a_note_keeps_the_description() -> None:
    """An event without any text helps nobody."""
    silent = replace(alert(RESOLVED, table="em_event"), note="")
    assert written(Operation.RESOLVE, silent)["description"] == "Disk full\nD"


def test_a_recovery_without_any_text_says_nothing() -> None:
    """It closes the alert all the same."""
    bare = replace(alert(RESOLVED, table="em_event"), note="", fields={})
    assert written(Operation.RESOLVE, bare)["description"] == ""


@pytest.mark.parametrize(("operation", "speaks"), [(Operation.NOTE, "fires"), (Operation.RESOLVE, "is over")])
def test_of_an_alarm_and_a_recovery_that_come_together_the_one_that_is_told_speaks(
    operation: Operation, speaks: str
) -> None:
    """Not simply the newest of a group."""
    fires = replace(alert(FIRING, table="em_event", member="a"), fields={"description": "It fires."}, note="It fires.")
    over = replace(alert(RESOLVED, table="em_event", member="b"), fields={}, note="It is over.", occurred_at=NOW + 1000)
    for one, other in ((fires, over), (replace(fires, occurred_at=NOW + 2000), over)):
        fields = written(operation, one, other)
        speaker = one if speaks == "fires" else other
        assert fields["description"] == f"It {speaks}."
        assert fields["time_of_event"] == event_time(speaker.occurred_at)


def test_a_rule_may_set_the_columns_of_an_event() -> None:
    """Each is cut to its length and made one line."""
    columns = {
        "source": "shop",
        "event_class": "c",
        "node": "n\nn",
        "resource": "r" * 200,
        "type": "t",
        "severity": "4",
    }
    fields = event_fields(columns, EVENT, "disk", "2")
    assert fields | {"source": "shop", "event_class": "c", "node": "n n", "type": "t", "severity": "4"} == fields
    assert fields["resource"] == "r" * 99 + "…"
    assert "description" not in fields


@pytest.mark.parametrize(
    ("resources", "node"),
    [([], None), (None, None), (7, None), (["arn:aws:s3:::bucket"], "bucket")],
)
def test_the_node_is_the_resource_never_the_account(resources: object, node: str | None) -> None:
    """Whatever the event holds there."""
    assert event_fields({}, EVENT | {"resources": resources}, "disk", "2").get("node") == node


def test_additional_info_fits_its_column() -> None:
    """What does not is left out, from the end; what names the origin stays."""
    fields = {f"u_{number}": "x" * 900 for number in range(9)}
    info = event_fields(fields, EVENT, "disk", "2")["additional_info"]
    assert len(info) <= 3700
    assert list(json.loads(info)) == ["rule", "account", "region", "resource_arn", "u_0", "u_1", "u_2"]


# Reading back


@pytest.mark.parametrize(
    ("table", "policy", "fields", "condition"),
    [
        ("incident", Policy(), {"state": "1", "active": "true"}, Condition.OPEN),
        ("incident", Policy(), {"state": "6", "active": "true"}, Condition.RESOLVED),
        ("incident", Policy(), {"state": "7"}, Condition.CLOSED),
        ("incident", Policy(resolved_state="7"), {"state": "7"}, Condition.CLOSED),
        ("incident", Policy(), {"state": "2", "active": "false"}, Condition.CLOSED),
        ("incident", Policy(), {}, Condition.OPEN),
        ("problem", Policy(), {"state": "6", "active": "true"}, Condition.OPEN),
        ("problem", Policy(), {"state": "7", "active": "true"}, Condition.OPEN),
        ("problem", Policy(), {}, Condition.OPEN),
        ("problem", Policy(resolved_state="106"), {"state": "106", "active": "true"}, Condition.RESOLVED),
        ("problem", Policy(resolved_state="3"), {"state": "3", "active": "false"}, Condition.RESOLVED),
        ("problem", Policy(resolved_state="106"), {"state": "107", "active": "false"}, Condition.CLOSED),
        ("em_event", Policy(), {"state": "6"}, Condition.RESOLVED),
    ],
)
def test_the_states_of_a_record_are_read_by_its_table(
    table: str, policy: Policy, fields: dict[str, str], condition: Condition
) -> None:
    """Only incidents have states that everybody knows."""
    record = Record("1" * 32, {**fields, "number": "N1", "correlation_id": "c", "correlation_display": "m"})
    found = seen(record, table, policy)
    assert found.condition is condition
    assert (found.reference.number, found.correlation_id, found.marker) == ("N1", "c", "m")


def test_a_record_is_read_as_an_incident_unless_said_otherwise() -> None:
    """With the default policy. What the integration's user may not read is empty."""
    assert seen(Record("1" * 32, {"state": "6"})) == Seen(RecordReference("1" * 32, ""), Condition.RESOLVED, "", "")
    assert Policy().on_return is OnReturn.REOPEN
