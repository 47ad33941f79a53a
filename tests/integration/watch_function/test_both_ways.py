"""The whole way there and back: a finding opens an incident, people work on it, the finding follows, and that is all.

Security Hub is a stand-in behind botocore, since moto has no BatchUpdateFindings: it keeps the workflow status, and
sends the event that Security Hub sends for it. tests/unit/actions holds the calls against botocore's model.
"""

import importlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from local.simulator import Simulator
from tests.integration.watch_function.conftest import Handle, Heard, Look
from tests.support.deployment import ACCOUNT, REGION, Context, Deployment, sqs_event

EVENTS = Path(__file__).resolve().parents[3] / "events"
FAILED = json.loads((EVENTS / "securityhub-finding-failed.json").read_text())
ACTING = {"RECORD_ACTIONS": "securityhub", "OWN_PLACE": f"aws/{FAILED['account']}/{REGION}"}

type Act = Callable[[list[dict[str, Any]]], list[str]]


class Hub:
    """Security Hub with one finding. `event` is what it sends about it now."""

    def __init__(self) -> None:
        """Start with a finding that is new."""
        self.status = "NEW"
        self.asked: list[Mapping[str, Any]] = []
        self.refuses: list[str] = []
        self._at = datetime.now(UTC) - timedelta(minutes=5)

    def event(self) -> dict[str, Any]:
        """Return the event of the finding as it is."""
        self._at += timedelta(seconds=10)
        event: dict[str, Any] = deepcopy(FAILED) | {
            "time": self._at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "id": str(self._at.timestamp()),
        }
        event["detail"]["findings"][0]["Workflow"] = {"Status": self.status}
        return event

    def update(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Set the workflow status."""
        if self.refuses:
            raise ClientError({"Error": {"Code": self.refuses.pop(0), "Message": ""}}, "BatchUpdateFindings")
        finding = FAILED["detail"]["findings"][0]
        assert asked["FindingIdentifiers"] == [{"Id": finding["Id"], "ProductArn": finding["ProductArn"]}]
        self.asked.append(asked)
        self.status = asked["Workflow"]["Status"]
        return {"ProcessedFindings": [], "UnprocessedFindings": []}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Hub:
    """Provide Security Hub."""
    found, call = Hub(), BaseClient._make_api_call  # type: ignore[attr-defined]  # every call goes through it

    def answered(client: BaseClient, name: str, arguments: dict[str, Any]) -> Any:  # noqa: ANN401 (an answer of AWS)
        return found.update(arguments) if name == "BatchUpdateFindings" else call(client, name, arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", answered)
    return found


@pytest.fixture
def act(stack: Deployment) -> Iterator[Act]:  # noqa: ARG001 (its environment is read)
    """Provide the handler of a new environment of the actions function; returns which messages stay."""
    sys.modules.pop("handlers.actions", None)
    module = importlib.import_module("handlers.actions")

    def call(events: list[dict[str, Any]]) -> list[str]:
        answer = module.handler(sqs_event(events), Context(120_000))
        return [each["itemIdentifier"] for each in answer["batchItemFailures"]]

    yield call
    sys.modules.pop("handlers.actions", None)


def only(servicenow: Simulator) -> dict[str, str]:
    """Return the one incident."""
    [incident] = servicenow.records("incident")
    return incident


@pytest.mark.parametrize("stack", [ACTING], indirect=True)
@pytest.mark.parametrize(("close_code", "status"), [("Solution provided", "RESOLVED"), ("Duplicate", "SUPPRESSED")])
def test_a_finding_follows_and_nothing_goes_round(  # noqa: PLR0913 (both ends, and each function between them)
    look: Look,
    heard: Heard,
    handle: Handle,
    act: Act,
    hub: Hub,
    servicenow: Simulator,
    close_code: str,
    status: str,
) -> None:
    """Opened, told, notified, resolved by a person, set, told by Security Hub: the ledger knows it, nothing is written."""
    look()
    handle(hub.event())
    look()
    assert act(heard()) == []
    assert (hub.status, len(hub.asked)) == ("NOTIFIED", 1)
    handle(hub.event())
    assert only(servicenow)["number"] in hub.asked[0]["Note"]["Text"]

    solved = {"state": "Resolved", "close_code": close_code, "close_notes": "done"}
    servicenow.update("incident", only(servicenow)["sys_id"], solved)
    look()
    assert act(heard()) == []
    assert (hub.status, len(hub.asked)) == (status, 2)

    before = only(servicenow)
    for _ in range(3):
        handle(hub.event())
        look()
        assert act(heard()) == []
    changed = {name for name, value in only(servicenow).items() if before[name] != value}
    assert len(hub.asked) == 2
    assert only(servicenow)["state"] == "6"
    assert changed - {"work_notes"} <= {"sys_updated_on", "sys_updated_by", "sys_mod_count", "correlation_display"}


@pytest.mark.parametrize("stack", [ACTING], indirect=True)
def test_what_the_bridge_resolves_is_not_answered(
    look: Look, heard: Heard, handle: Handle, act: Act, hub: Hub, servicenow: Simulator
) -> None:
    """Somebody set the finding in Security Hub itself: the incident follows that, and nothing comes back."""
    look()
    handle(hub.event())
    look()
    act(heard())
    hub.status = "RESOLVED"
    handle(hub.event())
    look()
    told = heard()

    assert act(told) == []
    assert only(servicenow)["state"] == "6"
    assert [event["detail"]["by"] for event in told] == ["bridge"]
    assert [asked["Workflow"]["Status"] for asked in hub.asked] == ["NOTIFIED"]


@pytest.mark.parametrize("stack", [ACTING], indirect=True)
def test_what_security_hub_refuses_comes_back(
    look: Look, heard: Heard, handle: Handle, act: Act, hub: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    """Throttled, or without a right: the message stays, the kind is counted, and the next time it is done."""
    look()
    handle(hub.event())
    look()
    told = heard()
    hub.refuses = ["TooManyRequestsException", "AccessDeniedException"]

    assert len(act(told)) == 1
    assert '"ActionsPostponed"' in capsys.readouterr().out
    assert len(act(told)) == 1
    assert '"ActionsHeld"' in capsys.readouterr().out
    assert act(told) == []
    assert hub.status == "NOTIFIED"


def test_the_stand_in_is_of_this_account() -> None:
    """The sample's account is that of the stack, or a role would be asked for."""
    assert FAILED["account"] in (ACCOUNT, "111122223333")
