"""The watch function on its schedule, with moto for AWS and the simulator over TLS."""

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from jsonschema import Draft202012Validator

from common.errors import BridgeError, ConfigurationError, TransientError
from common.incidents.item import deployment_prefix
from local.simulator import Fault, Simulator
from tests.integration.watch_function.conftest import SOURCE, Handle, Heard, Look
from tests.support.deployment import ACCOUNT, REGION, Deployment, alarm

PROJECT = Path(__file__).resolve().parents[3]
SCHEMA = Draft202012Validator(json.loads((PROJECT / "docs/schemas/record-changed.schema.json").read_text()))
OURS = f"{deployment_prefix('test')}{'0' * 24}-{'0' * 16}"


def only(servicenow: Simulator) -> dict[str, str]:
    """Return the one incident."""
    [incident] = servicenow.records("incident")
    return incident


def test_what_a_person_does_becomes_an_event(look: Look, heard: Heard, handle: Handle, servicenow: Simulator) -> None:
    """The bridge opens, somebody takes, the bridge resolves: each is told with old and new, and who it was."""
    look()
    handle(alarm("errors", "ALARM"))
    look()
    [opened] = heard()
    servicenow.update("incident", only(servicenow)["sys_id"], {"state": "In Progress", "assigned_to": "Abel Tuter"})
    look()
    [taken] = heard()
    handle(alarm("errors", "OK"))
    look()
    [resolved] = heard()

    for event in (opened, taken, resolved):
        SCHEMA.validate(event["detail"])
        assert (event["source"], event["detail-type"]) == (SOURCE, "ServiceNow Record Changed")
        assert event["detail"]["rule"] == "cloudwatch-alarm"
        assert (event["detail"]["account"], event["detail"]["region"]) == (ACCOUNT, REGION)
        assert event["resources"] == [f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:errors"]
        assert event["detail"]["number"] == only(servicenow)["number"]
    assert [event["detail"]["by"] for event in (opened, taken, resolved)] == ["bridge", "person", "bridge"]
    assert opened["detail"]["changes"]["state"] == {"old": None, "new": "1"}
    assert taken["detail"]["updated_by"] == "admin"
    assert taken["detail"]["changes"]["state"] == {"old": "1", "new": "2"}
    assert taken["detail"]["changes"]["assigned_to"]["new_name"] == "abel.tuter"
    assert resolved["detail"]["changes"]["state"] == {"old": "2", "new": "6"}
    assert resolved["detail"]["changes"]["close_code"] == {"old": "", "new": "Solution provided"}


def test_a_look_without_changes_is_one_call_for_each_table(look: Look, heard: Heard, servicenow: Simulator) -> None:
    """The events of Event Management are no records of ours, and other people's records are not shown."""
    servicenow.insert("incident", {"short_description": "of somebody else"})
    look()
    before = servicenow.api_calls
    look()

    asked = [call.path for call in servicenow.calls if call.path.startswith("/api/")][before:]
    assert [path.rpartition("/")[2] for path in asked] == ["incident", "problem"]
    assert heard() == []


def test_records_of_other_tables_are_watched_too(look: Look, heard: Heard, servicenow: Simulator) -> None:
    """Those that rules may write."""
    look()
    servicenow.insert("problem", {"short_description": "ours", "correlation_id": OURS})
    look()

    [event] = heard()
    SCHEMA.validate(event["detail"])
    assert event["detail"]["table"] == "problem"
    assert event["detail"]["dedup_key"] is None


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(status=503, times=None), TransientError),
        (Fault(status=429, times=None), TransientError),
        (Fault(body=b"<html>Instance Hibernating page</html>", content_type="text/html", times=None), TransientError),
        (Fault(connection="close", times=None), TransientError),
    ],
    ids=["down", "rate limit", "HTML", "no answer"],
)
def test_whatever_servicenow_answers_the_next_look_goes_on(
    look: Look, heard: Heard, servicenow: Simulator, fault: Fault, error: type[BridgeError]
) -> None:
    """Nothing moves in between; the failure is one of Lambda's, which the alarm counts."""
    look()
    servicenow.insert("incident", {"short_description": "ours", "correlation_id": OURS})
    servicenow.add_fault(fault)
    with pytest.raises(error):
        look()
    assert heard() == []
    servicenow.clear_faults()
    look()

    assert len(heard()) == 1


def test_a_field_that_may_not_be_read_is_named(look: Look, servicenow: Simulator) -> None:
    """Without the count of updates nobody can tell what is new."""
    servicenow.insert("incident", {"short_description": "ours", "correlation_id": OURS})
    servicenow.configure(unreadable_fields=("incident.sys_mod_count",))

    with pytest.raises(ConfigurationError, match="sys_mod_count"):
        look()


def test_a_bus_that_takes_a_part_gets_the_rest_later(
    look: Look, heard: Heard, servicenow: Simulator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """PutEvents says of each whether it was taken; no event is put twice."""
    look()
    for number in range(12):
        marked = f"{deployment_prefix('test')}{number:024x}-{'0' * 16}"
        servicenow.insert("incident", {"short_description": f"ours {number}", "correlation_id": marked})
    call = BaseClient._make_api_call  # type: ignore[attr-defined]  # every call goes through it
    throttled = {"ErrorCode": "ThrottlingException", "ErrorMessage": "slow down"}
    lasts = [3]

    def partly(client: BaseClient, name: str, arguments: dict[str, Any]) -> Any:  # noqa: ANN401 (an answer of AWS)
        if name != "PutEvents" or not lasts[0]:
            return call(client, name, arguments)
        lasts[0] -= 1
        taken = call(client, name, {"Entries": arguments["Entries"][:-1]}) if arguments["Entries"][1:] else None
        entries = (taken["Entries"] if taken else []) + [throttled]
        return {"FailedEntryCount": 1, "Entries": entries}

    monkeypatch.setattr(BaseClient, "_make_api_call", partly)
    with pytest.raises(TransientError, match="did not take everything"):
        look()
    assert '"WatchFailures"' in capsys.readouterr().out
    look()

    numbers = [event["detail"]["number"] for event in heard()]
    assert len(numbers) == len(set(numbers)) == 12


@pytest.mark.parametrize(
    ("code", "error"), [("AccessDeniedException", ConfigurationError), ("InternalException", TransientError)]
)
def test_a_bus_that_refuses_all_loses_nothing(
    look: Look, heard: Heard, servicenow: Simulator, code: str, error: type[BridgeError]
) -> None:
    """A right that is missing says what to look at."""
    look()
    servicenow.insert("incident", {"short_description": "ours", "correlation_id": OURS})
    with pytest.MonkeyPatch.context() as patch:
        call = BaseClient._make_api_call  # type: ignore[attr-defined]  # every call goes through it

        def refused(client: BaseClient, name: str, arguments: dict[str, Any]) -> Any:  # noqa: ANN401 (the same)
            if name == "PutEvents":
                raise ClientError({"Error": {"Code": code, "Message": ""}}, name)
            return call(client, name, arguments)

        patch.setattr(BaseClient, "_make_api_call", refused)
        with pytest.raises(error, match="event bus"):
            look()
    look()

    assert len(heard()) == 1


@pytest.mark.parametrize("stack", [{"SHADOW_MODE": "true"}], indirect=True)
def test_shadow_mode_logs_what_it_would_tell(
    look: Look, heard: Heard, stack: Deployment, servicenow: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    """Of the records that the deployment itself opened. What it remembers is not what a real look remembers."""
    look()
    servicenow.insert("incident", {"short_description": "ours", "correlation_id": OURS})
    look()

    assert "Shadow mode: this is what would be told." in caplog.messages
    assert heard() == []
    places = {item["pk"]["S"].split("/")[1] for item in stack.ledger_items()}
    assert places == {deployment_prefix("test/shadow")}


def test_a_look_tells_how_far_behind_it_is(look: Look, capsys: pytest.CaptureFixture[str]) -> None:
    """For the dashboard."""
    look()

    assert '"WatchAge"' in capsys.readouterr().out


def two_of_ours(servicenow: Simulator) -> list[str]:
    """Open two records of the deployment and return their sys_ids."""
    marks = [f"{deployment_prefix('test')}{number:024x}-{'0' * 16}" for number in range(2)]
    return [servicenow.insert("incident", {"short_description": "ours", "correlation_id": mark}) for mark in marks]


@pytest.mark.parametrize("stack", [{"RECORD_COMMENTS": "true"}], indirect=True)
def test_the_latest_comment_is_told_where_a_parameter_asks_for_it(
    look: Look, heard: Heard, servicenow: Simulator
) -> None:
    """Of each record that has one; one question for several."""
    look()
    silent, told = two_of_ours(servicenow)
    servicenow.update("incident", told, {"comments": "the first"})
    servicenow.clock_offset += 5
    servicenow.update("incident", told, {"comments": "we look into it", "work_notes": "for us alone"})
    look()

    events = {event["detail"]["sys_id"]: event["detail"] for event in heard()}
    for detail in events.values():
        SCHEMA.validate(detail)
    assert "comment" not in events[silent]
    assert events[told]["comment"]["text"] == "we look into it"


@pytest.mark.parametrize("stack", [{"RECORD_COMMENTS": "true"}], indirect=True)
def test_a_comment_is_told_beside_a_record_that_has_many_newer_ones(
    look: Look, heard: Heard, servicenow: Simulator
) -> None:
    """Comments of several records share one answer, which holds two hundred."""
    look()
    quiet, busy = two_of_ours(servicenow)
    servicenow.update("incident", quiet, {"comments": "the only one"})
    servicenow.clock_offset += 5
    for number in range(200):
        servicenow.update("incident", busy, {"comments": f"number {number}"})
    look()

    told = {event["detail"]["sys_id"]: event["detail"]["comment"]["text"] for event in heard()}
    assert told[quiet] == "the only one"
    assert told[busy].startswith("number ")


@pytest.mark.parametrize("stack", [{"RECORD_COMMENTS": "true"}], indirect=True)
def test_comments_that_may_not_be_read_are_named(look: Look, servicenow: Simulator) -> None:
    """Nothing is told without them until somebody mends it."""
    look()
    made = servicenow.insert("incident", {"short_description": "ours", "correlation_id": OURS})
    servicenow.update("incident", made, {"comments": "secret"})
    servicenow.configure(unreadable_fields=("sys_journal_field.value",))

    with pytest.raises(ConfigurationError, match="comments"):
        look()
