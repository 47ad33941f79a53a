"""Many alarms that share one incident."""

import pytest

from local.simulator import Simulator
from tests.integration.rules.conftest import Start
from tests.support.deployment import alarm
from tests.support.own_events import minutes

GROUPED = """
[[override]]
rules = ["cloudwatch-alarm"]
match = "contains(detail.alarmName, '/')"
group = ["split(detail.alarmName, '/')[0]"]
"""


def test_a_group_is_one_incident_until_its_last_member_recovers(start: Start, servicenow: Simulator) -> None:
    """Two calls, however many members."""
    function = start(GROUPED)
    function(*(alarm(f"shop/{number}", "ALARM", at=minutes(0)) for number in range(5)))
    function(*(alarm(f"shop/{number}", "ALARM", at=minutes(0)) for number in range(5, 12)))
    [incident] = servicenow.records("incident")
    assert incident["short_description"].endswith(" (5 at first)")
    function(*(alarm(f"shop/{number}", "OK", at=minutes(1)) for number in range(11)))
    assert [row["state"] for row in servicenow.records("incident")] == ["1"]
    function(alarm("shop/11", "OK", at=minutes(1)), alarm("shop/11", "ALARM", at=minutes(0)))
    [incident] = servicenow.records("incident")
    assert incident["state"] == "6"
    assert "fire now: 0" in incident["close_notes"]
    assert servicenow.api_calls == 2


def test_an_older_recovery_of_one_member_says_nothing_of_the_others(start: Start, servicenow: Simulator) -> None:
    """Order is kept for each member of its own."""
    function = start(GROUPED)
    function(alarm("shop/a", "ALARM", at=minutes(1)), alarm("shop/b", "ALARM", at=minutes(2)))
    function(alarm("shop/a", "OK", at=minutes(3)))
    function(alarm("shop/b", "OK", at=minutes(1)))
    assert [row["state"] for row in servicenow.records("incident")] == ["1"]
    function(alarm("shop/b", "OK", at=minutes(4)))
    assert [row["state"] for row in servicenow.records("incident")] == ["6"]


def test_a_note_of_a_group_tells_how_many_fire(start: Start, servicenow: Simulator) -> None:
    """In the same call that brings the note."""
    function = start(GROUPED + 'policy = { on_repeat = "note" }\n')
    function(alarm("shop/a", "ALARM", at=minutes(0)))
    function(alarm("shop/b", "ALARM", at=minutes(1)))
    [incident] = servicenow.records("incident")
    assert incident["short_description"].endswith(" (2 firing)")
    [note] = servicenow.journal(incident["sys_id"], "work_notes")
    assert note.endswith("fire now: 2.")
    assert servicenow.api_calls == 2


def test_groups_and_single_alarms_stay_apart(start: Start, servicenow: Simulator) -> None:
    """Another value of the group is another record; an alarm without one has its own."""
    function = start(GROUPED)
    function(alarm("shop/a", "ALARM"), alarm("wiki/a", "ALARM"), alarm("shop", "ALARM"))
    assert len(servicenow.records("incident")) == 3


def test_a_group_that_is_full_goes_on_in_further_records(
    start: Start, servicenow: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each member recovers where it was counted."""
    monkeypatch.setattr("common.incidents.groups.MOST_MEMBERS", 3)
    function = start(GROUPED)
    for number in range(8):
        function(alarm(f"shop/{number}", "ALARM", at=minutes(0)))
    opened = servicenow.records("incident")
    assert 1 < len(opened) <= 6
    for number in range(8):
        function(alarm(f"shop/{number}", "OK", at=minutes(1)))
    assert {row["state"] for row in servicenow.records("incident")} == {"6"}
    assert len(servicenow.records("incident")) == len(opened)
