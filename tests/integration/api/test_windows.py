"""Maintenance windows of callers: opened by the API, counted by the events function."""

import importlib
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

import pytest

from common.clock import SystemClock
from local.simulator import Simulator
from tests.integration.api.conftest import Running
from tests.integration.api.gateway import ALICE, BOB, Gateway
from tests.support.deployment import ACCOUNT, Context, Deployment, sqs_event

ALERT = {"dedup_key": "disk", "status": "firing", "summary": "The disk is full", "severity": "high"}
MATCH = "detail.dedup_key == 'disk'"
FOREIGN = "arn:aws:sts::111122223333:assumed-role/deploy/i-1"
ADMIN = f"arn:aws:sts::{ACCOUNT}:assumed-role/admin/i-1"

type Receive = Callable[[], list[str]]


@pytest.fixture
def settings() -> dict[str, str]:
    """Return the settings of a deployment that takes windows."""
    return {"API_WINDOWS": "account/2", "API_WIDE_ROLES": f"arn:aws:iam::{ACCOUNT}:role/admin"}


@pytest.fixture
def receive(stack: Deployment) -> Iterator[Receive]:
    """Provide a way to let a new environment of the events function see the queue; it returns what waits."""
    waiting: list[str] = []

    def once() -> list[str]:
        sys.modules.pop("handlers.events", None)
        events = importlib.import_module("handlers.events")
        batch = sqs_event([*waiting, *(message["Body"] for message in stack.queued())])
        answer = events.handler(batch, Context())
        events.bridge.transport.close()
        sys.modules.pop("handlers.events", None)
        stay = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        waiting[:] = [record["body"] for record in batch["Records"] if record["messageId"] in stay]
        return waiting

    yield once
    sys.modules.pop("handlers.events", None)


def test_what_begins_inside_waits_and_opens_when_the_window_is_ended(
    api: Gateway, servicenow: Simulator, receive: Receive
) -> None:
    """The record says where its problem began; the next environment sees the change. Windows end on whole seconds."""
    began = time.time()
    with patch.object(SystemClock, "now", lambda _: began - 5):
        opened = api.call("PUT", "/windows/deploy-shop", {"match": MATCH, "for": "30m"})
    assert opened.status == 200
    assert opened.json.items() >= {"name": "deploy-shop", "quiet": "hold", "account": ACCOUNT}.items()
    at = {"occurred_at": datetime.fromtimestamp(began - 3, UTC).isoformat()}
    api.call("POST", "/alerts", ALERT | at)
    api.call("POST", "/alerts", ALERT | {"dedup_key": "another", "summary": "Another"})

    assert len(receive()) == 1
    assert [row["short_description"] for row in servicenow.records("incident")] == ["Another"]

    assert api.call("DELETE", "/windows/deploy-shop").status == 200
    assert receive() == []
    [row] = [row for row in servicenow.records("incident") if row["short_description"] == "The disk is full"]
    [note] = servicenow.journal(row["sys_id"], "work_notes")
    assert note.startswith("Began inside the maintenance window deploy-shop (until ")


@pytest.mark.parametrize(("quiet", "records"), [("drop", []), ("note", [("The disk is full", "2", "3")]), ("hold", [])])
def test_the_kinds_of_quiet(
    api: Gateway, servicenow: Simulator, receive: Receive, quiet: str, records: list[tuple[str, str, str]]
) -> None:
    """Only what is held waits."""
    api.call("PUT", "/windows/w", {"rules": ["servicenow-*"], "for": "30m", "quiet": quiet})
    api.call("POST", "/alerts", ALERT)
    assert len(receive()) == (quiet == "hold")
    found = [(row["short_description"], row["impact"], row["urgency"]) for row in servicenow.records("incident")]
    assert found == records


@pytest.mark.attack
def test_a_caller_quiets_only_events_of_its_own_account(api: Gateway, servicenow: Simulator, receive: Receive) -> None:
    """Unless the deployment says `all`."""
    opened = api.call("PUT", "/windows/w", {"match": "`true`", "for": "30m"}, caller=FOREIGN)
    assert opened.json["account"] == "111122223333"
    api.call("POST", "/alerts", ALERT)
    assert receive() == []
    assert len(servicenow.records("incident")) == 1


@pytest.mark.attack
def test_nobody_changes_anothers_window(api: Gateway) -> None:
    """But the roles of ApiWideRoles. Who opened it may: sent again it ends later, and began when it did."""
    first = api.call("PUT", "/windows/w", {"match": MATCH, "for": "30m"})
    for method, body in (("PUT", {"match": MATCH, "for": "1s"}), ("DELETE", None)):
        refused = api.call(method, "/windows/w", body, caller=BOB)
        assert refused.problem == (403, "forbidden")
    again = api.call("PUT", "/windows/w", {"match": MATCH, "for": "90m"})
    assert again.json["from"] == first.json["from"]
    assert again.json["until"] > first.json["until"]
    assert api.call("GET", "/windows/w", caller=BOB).json == again.json
    assert api.call("GET", "/windows").json == {"windows": [again.json]}
    assert api.call("DELETE", "/windows/w", caller=ADMIN).status == 200
    assert api.call("GET", "/windows").json == {"windows": []}
    assert api.call("DELETE", "/windows/w").kind == "not-found"


def test_a_wide_role_changes_anothers_window_in_its_openers_name(api: Gateway) -> None:
    """It stays the opener's, concerns the opener's account, and counts from when it was opened."""
    first = api.call("PUT", "/windows/w", {"match": MATCH, "for": "30m"}, caller=FOREIGN).json
    changed = api.call("PUT", "/windows/w", {"match": MATCH, "for": "90m"}, caller=ADMIN)
    assert changed.status == 200
    kept = ("account", "opened_by", "from")
    assert [changed.json[name] for name in kept] == [first[name] for name in kept]
    assert first["account"] == "111122223333"
    assert api.call("DELETE", "/windows/w", caller=FOREIGN).status == 200


@pytest.mark.attack
def test_no_window_is_prolonged_for_ever(api: Gateway) -> None:
    """It lasts two hours here, counted from when it was opened; for something else it is another window."""
    opened = 1_800_000_000.25
    asked = {"match": MATCH, "for": "90m"}
    with patch.object(SystemClock, "now", lambda _: opened):
        first = api.call("PUT", "/windows/w", asked)
    with patch.object(SystemClock, "now", lambda _: opened + 1800):
        again = api.call("PUT", "/windows/w", asked)
        assert (again.status, again.json["from"]) == (200, first.json["from"])
        assert again.json["until"] == "2027-01-15T10:00:00Z"
        assert api.call("GET", "/windows/w").json == again.json
    with patch.object(SystemClock, "now", lambda _: opened + 1802):
        refused = api.call("PUT", "/windows/w", asked)
        assert refused.problem == (400, "invalid-request")
        assert "longer than 2 hours, counted from 2027-01-15T08:00:00Z" in refused.text
        assert api.call("GET", "/windows/w").json == again.json
        other = api.call("PUT", "/windows/w", asked | {"match": "`true`"})
        assert (other.status, other.json["from"]) == (200, "2027-01-15T08:30:02Z")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"for": "30m"}, "Neither match nor rules say what is to be quiet."),
        ({"match": MATCH}, "Either for or until says when the window ends."),
        ({"match": MATCH, "for": "30m", "until": "2026-01-31T08:00:00Z"}, "Either for or until says"),
        ({"match": MATCH, "for": "121m"}, "The window lasts longer than 2 hours, counted from "),
        ({"match": MATCH, "until": "2026-01-31T08:00:00Z"}, "The window's end is not ahead."),
        ({"match": "a b", "for": "30m"}, "match is wrong: 'a b' is no JMESPath expression"),
        ({"match": "[@,@]" + "|[@,@][]" * 100, "for": "30m"}, "match is wrong: it builds values"),
        ({"match": "x" * 1001, "for": "30m"}, "match"),
        ({"match": MATCH, "for": "soon"}, "for"),
        ({"match": MATCH, "for": "30m", "quiet": "loud"}, "quiet"),
        ({"match": MATCH, "for": "30m", "rules": ["a b"]}, "rules"),
    ],
)
def test_what_is_wrong_is_said(api: Gateway, body: dict[str, Any], said: str) -> None:
    """In words that name what to change."""
    refused = api.call("PUT", "/windows/w", body)
    assert refused.problem == (400, "invalid-request")
    assert said in refused.text


def test_a_deployment_that_takes_no_windows_has_none(api: Gateway, running: Running) -> None:
    """Which it does not, unless a parameter says so."""
    running.function.bridge.windows()._reach = "off"
    for method, path in (("PUT", "/windows/w"), ("GET", "/windows/w"), ("DELETE", "/windows/w"), ("GET", "/windows")):
        refused = api.call(method, path, {"match": MATCH, "for": "30m"} if method == "PUT" else None)
        assert refused.problem == (404, "not-found")
        assert "ApiWindows" in refused.text


def test_who_opened_and_ended_a_window_stands_in_the_log(api: Gateway, caplog: pytest.LogCaptureFixture) -> None:
    """One line for each, whatever the log level."""
    api.call("PUT", "/windows/w", {"match": MATCH, "for": "30m"})
    api.call("DELETE", "/windows/w")
    lines = [line for line in caplog.records if hasattr(line, "route")]
    assert [tuple(getattr(line, name) for name in ("route", "caller", "status")) for line in lines] == [
        ("PUT /windows/w", ALICE, 200),
        ("DELETE /windows/w", ALICE, 200),
    ]
