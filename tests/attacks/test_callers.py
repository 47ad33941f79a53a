"""Callers against each other: who did it is known, and where records are tied, nobody touches another's."""

import json
from types import ModuleType
from typing import Any

import pytest

from common.api.callers import on_behalf
from local.simulator import Simulator
from tests.integration.api.gateway import ALICE, BOB, DISK, Gateway, create
from tests.support.deployment import ACCOUNT

pytestmark = pytest.mark.attack

BILLING = f"arn:aws:sts::{ACCOUNT}:assumed-role/billing/i-1"
OPERATORS = f"arn:aws:sts::{ACCOUNT}:assumed-role/operators/i-1"


def opened(api: Gateway, caller: str = ALICE) -> str:
    """Open an incident and return its number."""
    return str(create(api, caller=caller).json["number"])


FACTS = ("caller", "route", "table", "record", "fields", "outcome", "status", "request_id")


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """Return the audit lines that were logged."""
    return [{name: getattr(line, name) for name in FACTS} for line in caplog.records if hasattr(line, "route")]


def attempts(number: str) -> list[tuple[str, str, object]]:
    """Return every way to change an incident."""
    return [
        ("PATCH", f"/incidents/{number}", {"category": "network"}),
        ("POST", f"/incidents/{number}/comments", {"text": "se%cret"}),
        ("POST", f"/incidents/{number}/work-notes", {"text": "se%cret"}),
        ("POST", f"/incidents/{number}/resolve", {"close_notes": "se%cret"}),
    ]


def test_each_write_says_who_did_what_to_which_record_and_no_value(
    caplog: pytest.LogCaptureFixture, api: Gateway
) -> None:
    """ServiceNow shows the integration user only; this line is what an investigation has."""
    number = opened(api, BILLING)
    for method, path, body in attempts(number):
        assert api.call(method, path, body, caller=BOB).status == 200
    api.call("GET", f"/incidents/{number}", caller=BOB)

    found = lines(caplog)

    assert [(line["caller"], line["route"], line["record"], line["fields"], line["outcome"]) for line in found] == [
        (f"arn:aws:sts::{ACCOUNT}:assumed-role/billing", "POST /incidents", number, ["short_description"], "done"),
        (BOB, "PATCH /incidents/{record}", number, ["category"], "done"),
        (BOB, "POST /incidents/{record}/comments", number, ["text"], "done"),
        (BOB, "POST /incidents/{record}/work-notes", number, ["text"], "done"),
        (BOB, "POST /incidents/{record}/resolve", number, ["close_notes"], "done"),
    ]
    assert all(line["request_id"] and line["status"] for line in found)
    assert "se%cret" not in json.dumps(found)
    assert DISK["short_description"] not in json.dumps(found)


def test_a_write_that_was_refused_is_told_too(caplog: pytest.LogCaptureFixture, api: Gateway) -> None:
    """Who tries leaves a line as well, whatever was sent as a name of a field or a path."""
    api.call("PATCH", "/incidents/INC9999999", {"state": "6", "4111 1111 1111 1111": "x"}, caller=BOB)
    api.call("POST", "/tables/sys_user/records", {"name": "x"}, key="k", caller=BOB)
    api.call("POST", "/nowhere\u202e", {"name": "x"}, caller=BOB)

    found = lines(caplog)

    assert [(line["caller"], line["table"], line["record"], line["fields"], line["status"]) for line in found] == [
        (BOB, "incident", "INC9999999", ["state"], 400),
        (BOB, "sys_user", "", ["name"], 403),
        (BOB, "", "", ["name"], 404),
    ]
    assert [line["outcome"] for line in found] == ["invalid-request", "forbidden", "not-found"]


def test_no_level_of_the_log_hides_who_did_it(
    caplog: pytest.LogCaptureFixture, api: Gateway, function: ModuleType
) -> None:
    """Otherwise whoever may set a parameter could work without a trace."""
    function.bridge.telemetry.log.setLevel("CRITICAL")
    opened(api)
    assert [line["caller"] for line in lines(caplog)] == [ALICE]


def test_the_record_says_on_whose_behalf(api: Gateway, servicenow: Simulator) -> None:
    """In its work notes, where a person who works on it reads."""
    number = opened(api, BILLING)
    for method, path, body in attempts(number):
        api.call(method, path, body, caller=BOB)
    again = api.call("PATCH", f"/incidents/{number}", {"category": "network"}, caller=BOB)
    assert again.status == 200

    [row] = servicenow.records("incident")
    notes = sorted(servicenow.journal(row["sys_id"], "work_notes"))

    bob = f"user bob of AWS account {ACCOUNT}"
    assert notes == [
        f"Changed through the AWS API for {bob}: category.",
        f"Commented through the AWS API for {bob}.",
        f"Opened through the AWS API for role billing of AWS account {ACCOUNT}.",
        f"Resolved through the AWS API for {bob}.",
        f"se%cret\n\nFor {bob}, through the AWS API.",
    ]
    assert servicenow.journal(row["sys_id"], "comments") == ["se%cret"], "a comment is for the incident's caller"


def test_whoever_another_authoriser_names_is_told_as_it_does() -> None:
    """On one line, without what nobody sees."""
    assert on_behalf("principal:bil\u202eling\n[x]") == "principal:billing [x]"


class TestHealth:
    """With one role that may see what deep health found."""

    @pytest.fixture
    def settings(self) -> dict[str, str]:
        """Return the setting that names it."""
        return {"API_TABLES": "cmdb_ci:name", "API_HEALTH_ROLES": f"arn:aws:iam::{ACCOUNT}:role/team/operators"}

    @pytest.mark.parametrize("denied", [False, True])
    @pytest.mark.parametrize("caller", [BOB, BILLING, OPERATORS.replace(ACCOUNT, "999999999999")])
    def test_whoever_calls_learns_whether_it_works_and_nothing_of_how(
        self, api: Gateway, servicenow: Simulator, caller: str, *, denied: bool
    ) -> None:
        """Neither names of tables nor which right the integration user lacks: a map for whoever attacks next."""
        servicenow.configure(api_denied=denied)
        reply = api.call("GET", "/health", query={"deep": "true"}, caller=caller)
        assert reply.status == (503 if denied else 200)
        assert not reply.json.get("checks")
        told = reply.text.lower()
        assert not [word for word in ("cmdb_ci", "token", "secret", "role", "queue", "acl", "property") if word in told]

    def test_the_roles_that_are_listed_see_what_to_mend(self, api: Gateway, servicenow: Simulator) -> None:
        """By any session."""
        servicenow.configure(api_denied=True)
        reply = api.call("GET", "/health", query={"deep": "true"}, caller=OPERATORS)
        assert "token usable" in reply.json["detail"]
        assert [check for check in reply.json["checks"] if check["causes"]]


class TestTied:
    """With ApiChanges=opener."""

    @pytest.fixture
    def settings(self) -> dict[str, str]:
        """Return the settings that tie records."""
        return {
            "API_CHANGES": "opener",
            "API_WIDE_ROLES": f"arn:aws:iam::{ACCOUNT}:role/team/operators",
            "API_TABLES": "problem:number,short_description",
        }

    def test_nobody_changes_anothers_incident(self, api: Gateway, servicenow: Simulator) -> None:
        """It can be read by all, and changed by its opener and by the roles that may do more."""
        number = opened(api, BILLING)
        before = servicenow.records("incident")
        for method, path, body in attempts(number):
            reply = api.call(method, path, body, caller=BOB)
            assert reply.problem == (403, "forbidden")
        query = {"file_name": "a.txt"}
        path = f"/incidents/{number}/attachments"
        assert (
            api.call("POST", path, b"x", headers={"Content-Type": "text/plain"}, query=query, caller=BOB).status == 403
        )
        assert servicenow.records("incident") == before
        assert api.call("GET", f"/incidents/{number}", caller=BOB).status == 200
        for method, path, body in attempts(number):
            assert api.call(method, path, body, caller=BILLING.replace("i-1", "i-2")).status == 200

    def test_wide_roles_change_everything(self, api: Gateway) -> None:
        """As far as their own permissions go."""
        for method, path, body in attempts(opened(api, BILLING)):
            assert api.call(method, path, body, caller=OPERATORS).status == 200

    def test_a_role_of_the_same_name_elsewhere_is_another(self, api: Gateway) -> None:
        """The account is part of who it is."""
        number = opened(api, BILLING)
        stranger = "arn:aws:sts::999999999999:assumed-role/operators/i-1"
        assert api.call("PATCH", f"/incidents/{number}", {"category": "x"}, caller=stranger).status == 403

    def test_a_record_that_only_looks_like_ones_own_is_not(self, api: Gateway, servicenow: Simulator) -> None:
        """Who copies the correlation id of an own incident into another one gains nothing."""
        opened(api, BOB)
        [own] = servicenow.records("incident")
        problem = own["correlation_id"].partition("-")[0]
        other = servicenow.insert("incident", {"short_description": "other", "correlation_id": f"{problem}-{'0' * 16}"})
        assert api.call("PATCH", f"/incidents/{other}", {"category": "x"}, caller=BOB).status == 403

    def test_records_of_tables_are_tied_too(self, api: Gateway, servicenow: Simulator) -> None:
        """What the API did not open belongs to nobody who calls it."""
        made = api.call("POST", "/tables/problem/records", DISK, key="k", caller=BILLING).json["sys_id"]
        foreign = servicenow.insert("problem", {"short_description": "foreign"})
        for sys_id, caller, status in (
            (made, BILLING, 200),
            (made, BOB, 403),
            (foreign, BILLING, 403),
            (foreign, OPERATORS, 200),
        ):
            path = f"/tables/problem/records/{sys_id}"
            assert api.call("PATCH", path, {"short_description": "x"}, caller=caller).status == status


def test_untied_every_caller_of_a_route_changes_every_incident(api: Gateway) -> None:
    """The default: IAM alone decides, by route."""
    for method, path, body in attempts(opened(api, BILLING)):
        assert api.call(method, path, body, caller=BOB).status == 200


def test_a_burst_of_refusals_is_counted_for_its_alarm(api: Gateway, function: ModuleType) -> None:
    """Of unsigned requests too, and of nothing else."""
    counted: list[str] = []
    count = function.bridge.telemetry.count

    def note(name: str, amount: int = 1) -> None:
        counted.append(name)
        count(name, amount)

    function.bridge.telemetry.count = note
    api.call("GET", "/tables/sys_user/records")
    api.call("POST", "/incidents", DISK, key="k", caller=None)
    api.call("GET", "/incidents/INC9999999")
    assert counted.count("CallersRefused") == 2
