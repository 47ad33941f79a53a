"""`make accept` against the deployed stack: in by both doors, and everything that it made is resolved again."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from local.clients import Identity
from local.emulator import ACCOUNT, REGION
from local.stack import STACK_NAME, LocalStack
from tests.e2e.callers import Caller
from tests.e2e.identities import SeenStack, new_user
from tests.e2e.incidents import RESOLVED
from tools.accept import steps
from tools.accept.account import Described
from tools.accept.api_door import ApiDoor
from tools.accept.sheet import Line, Sheet, Verdict
from tools.accept.steps import Acceptance
from tools.doctor import by_the_bus

EMULATED = {
    "metrics": "the emulator makes no metrics of logs, queues and functions",
    "gateway role": "the emulator does not know the settings of API Gateway",
    "follow-ups": "the emulator sends no events of alarms",
}


@pytest.fixture(scope="module")
def operator(deployed: LocalStack) -> Identity:
    """A user who has the documented policy, and nothing else."""
    names = {
        "partition": "aws",
        "region": REGION,
        "account": ACCOUNT,
        "stack": STACK_NAME,
        "bus": "default",
        "table": deployed.outputs["LedgerTableName"],
        "key": deployed.outputs["KeyArn"],
        "api": deployed.outputs["ApiArn"],
    }
    text = (Path(steps.__file__).parent / "policy.json").read_text()
    for name, value in names.items():
        text = text.replace(f"<{name}>", value)
    assert "<" not in text
    statements = json.loads(text)["Statement"]
    for statement in statements:
        if statement["Sid"] == "PutTheAlert":
            del statement["Condition"]  # the emulator does not know events:source
    return new_user(deployed, "operator", *statements)


def _acceptance(stack: LocalStack, identity: Identity, parameters: Mapping[str, str] | None = None) -> Acceptance:
    deployed = SeenStack(stack, identity)
    described = Described.of(deployed, STACK_NAME)
    described = replace(described, parameters={**described.parameters, **(parameters or {})})
    api = ApiDoor(Caller(stack, identity), Caller(stack, None), patience=30.0)
    return Acceptance(deployed, described, api, patience=30.0, metrics_patience=0.0, emulated=EMULATED)


@pytest.fixture(scope="module")
def before(deployed: LocalStack) -> int:
    """How many incidents there are already."""
    return len(deployed.simulator.records("incident"))


@pytest.fixture(scope="module")
def sheet(deployed: LocalStack, operator: Identity, before: int) -> Iterator[Sheet]:
    """The sheet of an acceptance by that user."""
    assert before >= 0
    sheet = Sheet(iter(range(10_000)).__next__)
    _acceptance(deployed, operator).take(sheet)
    yield sheet
    deployed.dead_letters()


def _line(sheet: Sheet, step: str) -> Line:
    (line,) = [line for line in sheet.lines if line.step == step]
    return line


def test_a_stack_that_works_is_accepted(deployed: LocalStack, sheet: Sheet, before: int) -> None:
    """No step fails; each door led to one incident, which is resolved and not closed, and no dead letter is left."""
    assert [line for line in sheet.lines if line.verdict is Verdict.FAILED] == []
    assert sheet.accepted
    made = deployed.simulator.records("incident")[before:]
    assert [row["state"] for row in made] == [RESOLVED] * 3
    assert sum("acceptance" in row["short_description"] for row in made) == 1
    assert sum("changed by the API" in row["short_description"] for row in made) == 1
    assert deployed.dead_letters() == []


def test_the_documented_policy_is_enough(sheet: Sheet) -> None:
    """IAM is enforced, and no step is skipped for lack of a right."""
    assert [line.seen for line in sheet.lines if "you may not" in line.seen or "let you call" in line.seen] == []


def test_what_an_emulator_cannot_show_is_no_pass(sheet: Sheet) -> None:
    """The sheet says that it is not possible here, and why."""
    for step, why in (
        ("alarms", EMULATED["metrics"]),
        *((one, EMULATED[one]) for one in ("gateway role", "follow-ups")),
    ):
        assert (_line(sheet, step).verdict, _line(sheet, step).seen) == (Verdict.NOT_POSSIBLE, why)
    assert _line(sheet, "access log").verdict is Verdict.SKIPPED


@pytest.mark.parametrize(
    "step",
    [
        "API: create twice with one key",
        "API: read",
        "API: patch",
        "API: resolve",
        "API: unsigned call",
        "API: page about itself",
        "records of it",
        "token",
        "delivery",
        "log level",
        "versions",
        "doctor: choices of rules",
    ],
)
def test_what_an_emulator_can_show_is_passed(sheet: Sheet, step: str) -> None:
    """It is looked at, not skipped."""
    assert _line(sheet, step).verdict is Verdict.PASSED, _line(sheet, step).seen


def test_what_is_written_down_holds_no_name(deployed: LocalStack, sheet: Sheet) -> None:
    """Neither of the account nor of the instance, nor a number of a record."""
    for text in (json.dumps(sheet.as_json()), sheet.to_post()):
        for name in (ACCOUNT, deployed.simulator.host.partition(":")[0], "INC00"):
            assert name not in text


def test_the_doctor_puts_an_alert_on_the_bus_and_sees_it_arrive(deployed: LocalStack, operator: Identity) -> None:
    """By the same policy; one incident, which is resolved."""
    before = len(deployed.simulator.records("incident"))
    acceptance = _acceptance(deployed, operator)

    found = by_the_bus(acceptance.stack, acceptance.described, 30.0)

    assert [line.verdict for line in found.lines] == [Verdict.PASSED] * 2
    assert [row["state"] for row in deployed.simulator.records("incident")[before:]] == [RESOLVED]


def test_who_may_do_nothing_is_told_so(deployed: LocalStack) -> None:
    """Each step that takes a right is skipped with a plain line, and nothing is accepted."""
    sheet = Sheet(iter(range(10_000)).__next__)
    allowed = _acceptance(deployed, deployed.emulator.root_identity, {"OwnEventSources": "shop.checkout"})
    stranger = new_user(deployed, "nobody-accepts")
    door = ApiDoor(Caller(deployed, stranger), Caller(deployed, None), patience=5.0)
    replace(allowed, stack=SeenStack(deployed, stranger), api=door).take(sheet)

    assert _line(sheet, "doctor").seen == "Invoke: you may not call it (tools/accept/policy.json)"
    assert "OwnEventSources" in _line(sheet, "alert on the bus").seen
    assert "execute-api:Invoke" in _line(sheet, "API: create twice with one key").seen
    assert _line(sheet, "API: resolve").seen == "no incident was opened"
