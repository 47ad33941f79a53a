"""Overrides and a catch-all, from the queue to the fields of an incident."""

import pytest

from local.simulator import Simulator
from tests.integration.rules.conftest import Start
from tests.support.deployment import alarm
from tests.support.own_events import minutes


def test_an_override_routes_an_alarm_to_a_team_by_name(start: Start, servicenow: Simulator) -> None:
    """The names of group and item become sys_ids by one look-up each, which later alarms do without."""
    function = start(
        """
        [[override]]
        rules = ["cloudwatch-*"]
        match = "starts_with(detail.alarmName, 'payments-')"
        [override.fields]
        assignment_group = "cloud operations"
        cmdb_ci = "payments-api"
        caller_id = "aws.bridge"
        category = "software"
        """
    )
    assert function(alarm("payments-errors", "ALARM")) == []
    assert servicenow.api_calls == 4
    function(alarm("payments-latency", "ALARM"))
    assert servicenow.api_calls == 5
    function(alarm("orders-errors", "ALARM"))
    routed, also_routed, other = servicenow.records("incident")
    by_name = {
        row["name"]: row["sys_id"] for table in ("sys_user_group", "cmdb_ci") for row in servicenow.records(table)
    }
    assert routed["assignment_group"] == also_routed["assignment_group"] == by_name["Cloud Operations"]
    assert routed["cmdb_ci"] == by_name["payments-api"]
    assert routed["caller_id"]
    assert routed["category"] == "software"
    assert (other["assignment_group"], other["category"]) == ("", "inquiry")


def test_a_name_that_servicenow_does_not_know_costs_no_incident(
    start: Start, servicenow: Simulator, capsys: pytest.CaptureFixture[str]
) -> None:
    """The field is left out and counted, and looked up once."""
    function = start('[[override]]\nfields = { assignment_group = "Nobody", category = "network" }\n')
    function(alarm("a", "ALARM"))
    function(alarm("b", "ALARM"))
    assert [row["assignment_group"] for row in servicenow.records("incident")] == ["", ""]
    assert [row["category"] for row in servicenow.records("incident")] == ["network", "network"]
    assert '"NamesUnknown":[1.0]' in capsys.readouterr().out
    assert servicenow.api_calls == 3


def test_a_table_of_names_that_may_not_be_read_costs_no_incident(start: Start, servicenow: Simulator) -> None:
    """Roles for incidents alone are enough."""
    servicenow.configure(denied_operations=("sys_user_group.read",), read_denied_status=403)
    function = start('[[override]]\nfields = { assignment_group = "Cloud Operations" }\n')
    assert function(alarm("a", "ALARM")) == []
    assert [row["assignment_group"] for row in servicenow.records("incident")] == [""]


def test_an_override_drops_what_nobody_wants_but_not_its_recovery(
    start: Start, servicenow: Simulator, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was open before the override came is still resolved."""
    start()(alarm("noise", "ALARM", at=minutes(0)))
    function = start("[[override]]\nmatch = \"detail.alarmName == 'noise'\"\ndrop = true\n")
    function(alarm("noise", "ALARM", at=minutes(1)), alarm("noise", "OK", at=minutes(2)))
    function(alarm("noise", "ALARM", at=minutes(3)))
    assert '"EventsDropped":[1.0]' in capsys.readouterr().out
    assert [row["state"] for row in servicenow.records("incident")] == ["6"]


def test_a_catch_all_takes_what_no_rule_knows(start: Start, servicenow: Simulator) -> None:
    """After every rule that names the type of an event."""
    function = start(
        """
        [[rule]]
        name = "everything-else"
        source = "*"
        detail_type = "*"
        key = ['"detail-type"', "resources[0] || id"]
        firing = "`true`"
        [rule.fields]
        short_description = '{{ "detail-type" }} of {{ source }}'
        """
    )
    function({**alarm("x", "ALARM"), "source": "aws.new", "detail-type": "Something New"}, alarm("y", "ALARM"))
    assert sorted(row["short_description"] for row in servicenow.records("incident")) == [
        "CloudWatch alarm y in eu-west-1",
        "Something New of aws.new",
    ]
