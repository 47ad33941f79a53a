"""Overrides and a catch-all, from the queue to the fields of an incident."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.simulator import Fault, Simulator
from tests.integration.rules.conftest import Start
from tests.support.deployment import Deployment, alarm
from tests.support.own_events import minutes
from tests.support.rules import PROJECT, sample

NOW = minutes(0).isoformat()


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
    assert (other["assignment_group"], other["category"]) == ("", "software")


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
        "Something New of aws.new",
        "y (123456789012, eu-west-1)",
    ]


def test_each_problem_of_one_event_opens_its_own_incident(start: Start, servicenow: Simulator) -> None:
    """Findings that a person sends by hand in one go, delivered twice."""
    event = sample("securityhub-custom-action-two-findings") | {"time": NOW}
    function = start()
    assert function(event) == []
    assert function(event) == []
    found = [finding["Id"] for finding in event["detail"]["findings"]]
    described = [row["description"] for row in servicenow.records("incident")]
    assert len(described) == 2
    assert [[name in text for name in found].count(True) for text in described] == [1, 1]


def test_a_part_that_is_refused_takes_no_neighbour_along_and_is_one_dead_letter(
    start: Start, servicenow: Simulator, stack: Deployment
) -> None:
    """While its neighbour waits the message comes back whole; the letter holds only what was refused."""
    event = sample("webhook-alertmanager-firing") | {"time": NOW}
    good = {**event["detail"]["alerts"][0], "startsAt": NOW}
    bad = {**good, "labels": {}, "fingerprint": ""}
    event["detail"]["alerts"] = [bad, good]
    function = start()
    servicenow.add_fault(Fault(on="api", status=429, times=1, headers={"Retry-After": "600"}))
    assert len(function(event)) == 1
    assert stack.dead_letters() == []
    assert function(event) == []
    [letter] = stack.dead_letters()
    assert json.loads(letter["body"])["detail"]["alerts"] == [bad]
    assert len(servicenow.records("incident")) == 1


TOOLS = sorted({path.name.rpartition("-")[0] for path in (PROJECT / "events").glob("webhook-*-resolved.json")})


def moved(name: str) -> dict[str, Any]:
    """Return a sample as if it were of yesterday."""
    text = (PROJECT / "events" / f"{name}.json").read_text()
    yesterday = datetime.now(UTC) - timedelta(days=1)
    return dict(json.loads(text.replace("2026-11-20", f"{yesterday:%Y-%m-%d}")))


@pytest.mark.parametrize("order", ["firing firing resolved", "resolved firing", "firing resolved firing"])
def test_what_a_tool_says_of_one_problem_meets_in_one_incident(
    start: Start, servicenow: Simulator, stack: Deployment, order: str
) -> None:
    """Repeated, out of order and delivered again, of each tool; what is over stays over."""
    function = start()
    for tool in TOOLS:
        before = len(servicenow.records("incident"))
        for status in order.split():
            assert function(moved(f"{tool}-{status}")) == []
        made = servicenow.records("incident")[before:]
        assert {row["state"] for row in made} <= {"6"}, tool
        assert len(made) == order.startswith("firing"), tool
    assert len(TOOLS) >= 10
    assert stack.dead_letters() == []


def test_a_problem_that_heals_within_its_hold_opens_nothing_and_one_that_lasts_is_opened(
    start: Start, servicenow: Simulator
) -> None:
    """The message waits in the queue; by its hour the ledger knows of the recovery."""
    ago = {count: datetime.now(UTC) - timedelta(minutes=count) for count in (1, 3, 4, 6)}
    function = start('[[override]]\nhold = "5m"\nsettle = "5m"\n')
    spike = alarm("spike", "ALARM", at=ago[4])
    assert len(function(spike)) == 1
    assert function(alarm("spike", "OK", at=ago[3])) == []
    assert function(alarm("lasts", "ALARM", at=ago[6])) == []
    assert [row["short_description"] for row in servicenow.records("incident")] == ["lasts (123456789012, eu-west-1)"]

    assert len(function(alarm("lasts", "OK", at=ago[1]))) == 1
    assert servicenow.records("incident")[0]["state"] == "1"
