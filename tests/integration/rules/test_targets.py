"""Records of other tables, and alerts of Event Management."""

import json

import pytest

from local.simulator import Fault, Simulator
from tests.integration.rules.conftest import Start
from tests.support.deployment import ACCOUNT, Deployment, alarm
from tests.support.own_events import minutes


def test_a_rule_may_open_records_of_another_table(start: Start, servicenow: Simulator) -> None:
    """A person moves a problem's state; the bridge notes what it has to say."""
    function = start(
        """
        [[override]]
        rules = ["cloudwatch-alarm"]
        table = "problem"
        policy = { on_recovery = "note", on_repeat = "note" }
        """
    )
    for number, state in enumerate(("ALARM", "ALARM", "OK")):
        function(alarm("x", state, at=minutes(number)))
    [problem] = servicenow.records("problem")
    assert problem["state"] == "101"
    assert len(servicenow.journal(problem["sys_id"], "work_notes")) == 2
    function(alarm("x", "ALARM", at=minutes(4)))
    assert len(servicenow.records("problem")) == 1
    assert len(servicenow.journal(problem["sys_id"], "work_notes")) == 3
    assert servicenow.records("incident") == []


def test_event_management_gets_one_alert_that_closes_and_reopens(start: Start, servicenow: Simulator) -> None:
    """One call for each change; ServiceNow folds the events by their message key."""
    function = start('[[override]]\ntable = "em_event"\n')
    function(alarm("x", "ALARM", at=minutes(0)))
    [alert] = servicenow.records("em_alert")
    assert (alert["state"], alert["severity"], alert["source"]) == ("Open", "3", "AWS")
    assert "x (123456789012, eu-west-1)" in alert["description"]
    assert alert["type"] == "CloudWatch Alarm State Change"
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
