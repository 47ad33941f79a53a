"""Alerts and record requests that applications put on the bus."""

from typing import Any

import pytest

from local.simulator import Simulator
from tests.integration.rules.conftest import Start
from tests.support.deployment import Deployment, alarm
from tests.support.own_events import minutes, own_event


def test_an_application_opens_and_resolves_its_own_incident(start: Start, servicenow: Simulator) -> None:
    """With the severity, the texts and the fields that it sends."""
    function = start()
    function(
        own_event(
            "ServiceNow Alert",
            dedup_key="k",
            status="firing",
            summary="No payments",
            severity="critical",
            description="Nobody can pay.",
            fields={"category": "software", "assignment_group": "Network"},
        )
    )
    [incident] = servicenow.records("incident")
    assert (incident["short_description"], incident["priority"]) == ("No payments", "1")
    assert incident["description"].startswith("Nobody can pay.\n")
    assert incident["category"] == "software"
    assert incident["assignment_group"]
    later = minutes(1).isoformat(timespec="milliseconds")
    function(own_event("ServiceNow Alert", dedup_key="k", status="resolved", note="Mended.", occurred_at=later))
    [incident] = servicenow.records("incident")
    assert incident["state"] == "6"
    assert incident["close_notes"].endswith("Mended.\nIt lasted 1 minute.")


def test_nobody_resolves_anothers_problem(start: Start, servicenow: Simulator) -> None:
    """Fault 101: the key carries the event's source."""
    function = start()
    function(own_event("ServiceNow Alert", dedup_key="k", status="firing", summary="S"))
    function(own_event("ServiceNow Alert", source="other.app", dedup_key="k", status="resolved"))
    assert [row["state"] for row in servicenow.records("incident")] == ["1"]


@pytest.mark.parametrize(
    ("detail", "reason"),
    [
        ({"status": "firing", "summary": "S"}, "detail.dedup_key is missing"),
        ({"dedup_key": "k", "status": "open", "summary": "S"}, "detail.status is none of firing, resolved"),
        ({"dedup_key": "k", "status": "firing"}, "detail.summary is missing"),
        (
            {"dedup_key": "k", "status": "firing", "summary": "S", "fields": {"state": "7"}},
            "detail.fields.'state' may not be set",
        ),
    ],
)
def test_a_malformed_alert_is_refused_with_the_name_of_the_field(
    start: Start, stack: Deployment, servicenow: Simulator, detail: dict[str, Any], reason: str
) -> None:
    """It goes to the dead letters at once, and its neighbour is unharmed."""
    start()(own_event("ServiceNow Alert", **detail), alarm("x", "ALARM"))
    [dead] = stack.dead_letters()
    assert reason in dead["Reason"]
    assert len(servicenow.records("incident")) == 1


def test_a_record_request_makes_one_record_however_often_it_comes(
    start: Start, servicenow: Simulator, stack: Deployment
) -> None:
    """Another content under the same key is refused; another key is another record."""
    function = start()
    servicenow.declare_table("u_request", {"u_what": "string", "u_count": "integer"}, extends="task")
    request: dict[str, Any] = {"table": "u_request", "fields": {"u_what": "Disk", "u_count": 3}}
    for _ in range(2):
        function(own_event("ServiceNow Record Request", key="1", **request))
    function({**own_event("ServiceNow Record Request", key="1", **request), "time": minutes(1).isoformat()})
    function(own_event("ServiceNow Record Request", key="2", **request))
    assert [(row["u_what"], row["u_count"]) for row in servicenow.records("u_request")] == [("Disk", "3")] * 2
    assert servicenow.api_calls == 2
    changed = own_event("ServiceNow Record Request", key="1", table="u_request", fields={"u_what": "Tape"})
    function({**changed, "time": minutes(2).isoformat()})
    [dead] = stack.dead_letters()
    assert "used before, for something else" in dead["Reason"]


@pytest.mark.parametrize("table", ["sys_user", "em_event"])
def test_a_record_request_for_another_table_is_refused(
    start: Start, servicenow: Simulator, stack: Deployment, table: str
) -> None:
    """Whatever the integration user might be able to write; events have keys and states of their own."""
    start()(own_event("ServiceNow Record Request", key="1", table=table, fields={"user_name": "eve"}))
    [dead] = stack.dead_letters()
    assert f"fields of {table} that it may not write: user_name." in dead["Reason"]
    assert servicenow.api_calls == 0


@pytest.mark.parametrize(
    ("table", "field"),
    [
        ("incident", "state"),
        ("incident", "opened_by"),
        ("incident", "priority"),
        ("u_request", "state"),
        ("u_request", "u_other"),
        ("problem", "short_description"),
    ],
)
def test_a_record_request_writes_only_what_a_caller_of_the_api_may_write(
    start: Start, servicenow: Simulator, stack: Deployment, table: str, field: str
) -> None:
    """Nobody opens a record that is resolved, urgent or somebody else's, by putting an event on the bus."""
    start()(own_event("ServiceNow Record Request", key="1", table=table, fields={field: "1"}))
    [dead] = stack.dead_letters()
    assert f"fields of {table} that it may not write: {field}." in dead["Reason"]
    assert "ApiIncidentFields or ApiTables" in dead["Action"]
    assert servicenow.api_calls == 0
