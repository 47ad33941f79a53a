"""What rules can say beyond one alarm and one incident, from the queue to ServiceNow and back."""

import importlib
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from common.bridge import events as wiring
from local.simulator import Fault, Simulator
from tests.support.deployment import ACCOUNT, REGION, Context, Deployment, alarm, deployment, sqs_event

SHIPPED = wiring.RULES
SECRET = "s3cr3t+~[#,value"
START = datetime.now(UTC) - timedelta(minutes=10)

type Start = Callable[..., Callable[..., list[str]]]


@pytest.fixture
def stack(servicenow: Simulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    """Provide a stack that may write three tables besides incidents."""
    with deployment(servicenow.host, servicenow.ca_pem, ALLOWED_TABLES="problem,em_event,u_request") as stack:
        stack.put_credentials("bridge", SECRET)
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        for name, value in stack.environment.items():
            monkeypatch.setenv(name, value)
        yield stack


@pytest.fixture
def start(stack: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:  # noqa: ARG001
    """Provide what deploys the function with a rule file of one's own, and returns its handler.

    The handler returns how each message ended that stays in the queue.
    """
    modules = []

    def deploy(own: str = "") -> Callable[..., list[str]]:
        rules = tmp_path / "rules"
        shutil.copytree(SHIPPED, rules, dirs_exist_ok=True)
        (rules / "own").mkdir(exist_ok=True)
        (rules / "own/own.toml").write_text(own)
        monkeypatch.setattr(wiring, "RULES", rules)
        sys.modules.pop("handlers.events", None)
        modules.append(importlib.import_module("handlers.events"))

        def call(*bodies: Any) -> list[str]:  # noqa: ANN401 (events)
            answer = modules[-1].handler(sqs_event(bodies), Context())
            return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

        return call

    yield deploy
    for module in modules:
        module.bridge.transport.close()
    sys.modules.pop("handlers.events", None)


def own_event(detail_type: str, source: str = "shop.checkout", **detail: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return an event of an application."""
    return {
        "version": "0",
        "id": f"event-{json.dumps(detail)}",
        "detail-type": detail_type,
        "source": source,
        "account": ACCOUNT,
        "time": START.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": REGION,
        "resources": [],
        "detail": detail,
    }


def minutes(number: int) -> datetime:
    """Return a time after the start."""
    return START + timedelta(minutes=number)


# Overrides and names


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


def test_an_override_drops_what_nobody_wants_but_not_its_recovery(start: Start, servicenow: Simulator) -> None:
    """What was open before the override came is still resolved."""
    start()(alarm("noise", "ALARM", at=minutes(0)))
    function = start("[[override]]\nmatch = \"detail.alarmName == 'noise'\"\ndrop = true\n")
    function(alarm("noise", "ALARM", at=minutes(1)), alarm("noise", "OK", at=minutes(2)))
    function(alarm("noise", "ALARM", at=minutes(3)))
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


# Targets


def test_a_rule_may_open_records_of_another_table(start: Start, servicenow: Simulator) -> None:
    """Its own states stand for resolved and reopened."""
    function = start(
        """
        [[override]]
        rules = ["cloudwatch-alarm"]
        table = "problem"
        policy = { resolved_state = "6", reopened_state = "2", on_repeat = "note" }
        """
    )
    for number, state in enumerate(("ALARM", "ALARM", "OK")):
        function(alarm("x", state, at=minutes(number)))
    [problem] = servicenow.records("problem")
    assert problem["state"] == "6"
    assert problem["close_code"] == ""
    assert len(servicenow.journal(problem["sys_id"], "work_notes")) == 1
    function(alarm("x", "ALARM", at=minutes(4)))
    assert [row["state"] for row in servicenow.records("problem")] == ["2"]
    assert servicenow.records("incident") == []


def test_event_management_gets_one_alert_that_closes_and_reopens(start: Start, servicenow: Simulator) -> None:
    """One call for each change; ServiceNow folds the events by their message key."""
    function = start('[[override]]\ntable = "em_event"\n')
    function(alarm("x", "ALARM", at=minutes(0)))
    [alert] = servicenow.records("em_alert")
    assert (alert["state"], alert["severity"], alert["source"]) == ("Open", "3", "AWS")
    assert "CloudWatch alarm x" in alert["description"]
    assert (alert["node"], alert["type"]) == ("x", "CloudWatch Alarm State Change")
    assert json.loads(alert["additional_info"])["account"] == ACCOUNT
    function(alarm("x", "ALARM", at=minutes(0)))
    function(alarm("x", "OK", at=minutes(1)))
    [alert] = servicenow.records("em_alert")
    assert (alert["state"], alert["severity"], alert["event_count"]) == ("Closed", "0", "2")
    function(alarm("x", "ALARM", at=minutes(2)))
    [alert] = servicenow.records("em_alert")
    assert (alert["state"], alert["last_event_time"]) == ("Reopen", minutes(2).strftime("%Y-%m-%d %H:%M:%S"))
    assert servicenow.api_calls == 3


def test_two_deployments_or_problems_never_share_an_alert(start: Start, servicenow: Simulator) -> None:
    """The message key is the hash of the problem."""
    function = start('[[override]]\ntable = "em_event"\n')
    function(alarm("x", "ALARM"), alarm("y", "ALARM"))
    assert len(servicenow.records("em_alert")) == 2


@pytest.mark.parametrize("committed", [True, False], ids=["after the insert", "before the insert"])
def test_an_event_whose_answer_was_lost_is_looked_up(
    start: Start, servicenow: Simulator, stack: Deployment, *, committed: bool
) -> None:
    """Once the lock has ended, it is sent again only where it is not there."""
    function = start('[[override]]\ntable = "em_event"\n')
    servicenow.add_fault(Fault(status=500, commit=committed))
    event = alarm("x", "ALARM")
    assert len(function(event)) == 1
    release_locks(stack)
    assert function(event) == []
    assert len(servicenow.records("em_event")) == 1
    assert [row["state"] for row in servicenow.records("em_alert")] == ["Open"]


@pytest.mark.parametrize("committed", [True, False], ids=["after the insert", "before the insert"])
def test_a_closing_event_whose_answer_was_lost_closes_the_alert(
    start: Start, servicenow: Simulator, stack: Deployment, *, committed: bool
) -> None:
    """Whether it may be read back or not."""
    function = start('[[override]]\ntable = "em_event"\n')
    function(alarm("x", "ALARM", at=minutes(0)))
    servicenow.add_fault(Fault(status=500, commit=committed))
    servicenow.configure(denied_operations=("em_event.read",))
    recovery = alarm("x", "OK", at=minutes(1))
    assert len(function(recovery)) == 1
    release_locks(stack)
    assert function(recovery) == []
    assert [row["state"] for row in servicenow.records("em_alert")] == ["Closed"]


def release_locks(stack: Deployment) -> None:
    """Let the time pass that a write may take to be committed."""
    table = stack.environment["LEDGER_TABLE"]
    for item in stack.ledger_items():
        if "lock_until" in item:
            item["lock_until"] = {"N": "1"}
            stack.clients["dynamodb"].put_item(TableName=table, Item=item)


# Events of one's own


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
    assert incident["close_notes"].endswith("Mended.")


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
    assert "detail.table names a table that may not be written" in dead["Reason"]
    assert servicenow.api_calls == 0


# Groups


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
    assert incident["short_description"].endswith(" (5 firing)")
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
