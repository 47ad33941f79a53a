"""The whole way there and back: a finding opens an incident, people work on it, the finding follows, and that is all.

Security Hub is a stand-in behind botocore, since moto has no BatchUpdateFindings: it keeps the workflow status, and
sends the event that Security Hub sends for it. tests/unit/actions holds the calls against botocore's model.
"""

import importlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, fields
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


@dataclass
class World:
    """Both ends, and each function between them."""

    look: Look
    heard: Heard
    handle: Handle
    act: Act
    hub: Hub
    servicenow: Simulator


@pytest.fixture
def world(stack: Deployment, request: pytest.FixtureRequest) -> World:  # noqa: ARG001 (each part stands in it)
    """Provide all of it."""
    parts: Any = {each.name: request.getfixturevalue(each.name) for each in fields(World)}
    return World(**parts)


def only(servicenow: Simulator) -> dict[str, str]:
    """Return the one incident."""
    [incident] = servicenow.records("incident")
    return incident


@pytest.mark.parametrize("stack", [ACTING], indirect=True)
@pytest.mark.parametrize(("close_code", "status"), [("Solution provided", "RESOLVED"), ("Duplicate", "SUPPRESSED")])
def test_a_finding_follows_and_nothing_goes_round(world: World, close_code: str, status: str) -> None:
    """Opened, told, notified, resolved by a person, set, told by Security Hub: and nothing is written any more."""
    world.look()
    world.handle(world.hub.event())
    world.look()
    assert world.act(world.heard()) == []
    assert (world.hub.status, len(world.hub.asked)) == ("NOTIFIED", 1)
    world.handle(world.hub.event())
    assert only(world.servicenow)["number"] in world.hub.asked[0]["Note"]["Text"]

    solved = {"state": "Resolved", "close_code": close_code, "close_notes": "done"}
    world.servicenow.update("incident", only(world.servicenow)["sys_id"], solved)
    world.look()
    assert world.act(world.heard()) == []
    assert (world.hub.status, len(world.hub.asked)) == (status, 2)

    before = only(world.servicenow)
    for _ in range(3):
        world.handle(world.hub.event())
        world.look()
        assert world.act(world.heard()) == []
    changed = {name for name, value in only(world.servicenow).items() if before[name] != value}
    assert len(world.hub.asked) == 2
    assert only(world.servicenow)["state"] == "6"
    assert changed - {"work_notes"} <= {"sys_updated_on", "sys_updated_by", "sys_mod_count", "correlation_display"}


@pytest.mark.parametrize("stack", [ACTING], indirect=True)
def test_what_the_bridge_resolves_is_not_answered(world: World) -> None:
    """Somebody set the finding in Security Hub itself: the incident follows that, and nothing comes back."""
    world.look()
    world.handle(world.hub.event())
    world.look()
    world.act(world.heard())
    world.hub.status = "RESOLVED"
    world.handle(world.hub.event())
    world.look()
    told = world.heard()

    assert world.act(told) == []
    assert only(world.servicenow)["state"] == "6"
    assert [event["detail"]["by"] for event in told] == ["bridge"]
    assert [asked["Workflow"]["Status"] for asked in world.hub.asked] == ["NOTIFIED"]


@pytest.mark.parametrize("stack", [ACTING], indirect=True)
def test_what_security_hub_refuses_comes_back(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Throttled, or without a right: the message stays, the kind is counted, and the next time it is done."""
    world.look()
    world.handle(world.hub.event())
    world.look()
    told = world.heard()
    world.hub.refuses = ["TooManyRequestsException", "AccessDeniedException"]

    assert len(world.act(told)) == 1
    assert '"ActionsPostponed"' in capsys.readouterr().out
    assert len(world.act(told)) == 1
    assert '"ActionsHeld"' in capsys.readouterr().out
    assert world.act(told) == []
    assert world.hub.status == "NOTIFIED"


def test_the_stand_in_is_of_this_account() -> None:
    """The sample's account is that of the stack, or a role would be asked for."""
    assert FAILED["account"] in (ACCOUNT, "111122223333")
