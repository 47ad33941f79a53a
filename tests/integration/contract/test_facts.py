"""The contract with ServiceNow, held against the simulator: every fact holds, and a probe can tell when not."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from local.simulator import Fault, Simulator
from tests.contract.__main__ import main
from tests.contract.facts import Fact, read_facts
from tests.contract.instance import Instance
from tests.contract.run import Report, examine, simulated
from tests.contract.verdict import PROBES, Finding

FACTS = read_facts()
OBSERVABLE = {name for name, fact in FACTS.items() if fact.observable}

ALTERED: Mapping[str, Mapping[str, Any]] = {
    "token-again": {"token_behaviour": "fresh"},
    "token-again-sliding": {"token_behaviour": "fixed"},
    "token-lifetime": {"expires_in": 86_400},
    "token-form": {"user_locked": True},
    "token-wrong-secret": {"wrong_secret_error": "invalid_client"},
    "table-create": {"hibernating": True},
    "write-sys-id": {"accept_client_sys_id": False},
    "write-sys-id-twice": {"duplicate_sys_id": "new"},
    "answer-404": {"api_denied": True},
}
"""A fact, and a simulator of which it does not hold."""


def examined(instance: Instance, *names: str) -> dict[str, Report]:
    """Return the reports on some facts, all where none is named."""
    chosen: dict[str, Fact] = {name: FACTS[name] for name in names} if names else FACTS
    return {report.fact.id: report for report in examine(chosen, instance)}


@pytest.fixture
def instance_and_simulator() -> Iterator[tuple[Instance, Simulator]]:
    """Provide an instance that is the simulator, and the simulator."""
    with simulated() as both:
        yield both


def test_every_fact_has_a_probe_or_a_reason_why_there_is_none() -> None:
    """And no probe is about something that is no fact."""
    assert set(PROBES) == OBSERVABLE
    assert all(bool(fact.reason) is not fact.observable for fact in FACTS.values())
    assert {fact.confidence for fact in FACTS.values()} <= {"high", "medium", "low"}


def test_every_fact_says_what_confirms_it() -> None:
    """What nobody confirms is not called certain beyond what its source can bear."""
    assert {fact.confirmed_by for fact in FACTS.values()} == {"page", "capture", "nobody"}
    assert all(fact.confirmed_by != "nobody" or not fact.evidence for fact in FACTS.values())


def test_the_command_says_first_what_it_asked_and_the_simulator_confirms_nothing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the table nor the file has the word."""
    monkeypatch.setattr("tests.contract.__main__._BUILD", tmp_path)
    assert main({}) == 0
    first, *rest = capsys.readouterr().out.splitlines()
    assert first.startswith("Asking the simulator, which confirms nothing")
    assert not any("confirmed" in line for line in rest)
    content = json.loads((tmp_path / "contract.json").read_text(encoding="utf-8"))
    assert content["real"] is False
    assert {entry["finding"] for entry in content["facts"]} == {"simulated so", "not observable"}
    assert Finding.CONFIRMED.told(real=True) == "confirmed"


def asked_of(host: str, **others: str) -> dict[str, str]:
    """Return an environment that names an instance and its client, some of it otherwise."""
    names = {"HOST": host, "CLIENT_ID": "contract", "CLIENT_SECRET": "wrong"} | others
    return {f"SERVICENOW_CONTRACT_{name}": value for name, value in names.items()}


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        (asked_of("dev1.service-now.com", CLIENT_ID=""), "SERVICENOW_CONTRACT_CLIENT_ID is not set"),
        (asked_of("dev1.service-now.com", CLIENT_SECRET=""), "SERVICENOW_CONTRACT_CLIENT_SECRET is not set"),
        (asked_of("https://dev1.service-now.com"), "SERVICENOW_CONTRACT_HOST is the name of the host alone"),
        (asked_of("dev1.service-now.com", CA_FILE="absent.pem"), "SERVICENOW_CONTRACT_CA_FILE names no file"),
        (asked_of("localhost:9"), "localhost:9 gives no token (no request reached the instance"),
    ],
    ids=["no client", "no secret", "an address", "no authority", "nobody there"],
)
def test_an_instance_that_cannot_be_asked_refutes_nothing(
    environment: Mapping[str, str],
    told: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is told what to set, and no file says anything of it."""
    monkeypatch.setattr("tests.contract.__main__._BUILD", tmp_path)

    assert main(environment) == 2

    assert told in " ".join(capsys.readouterr().out.split())
    assert list(tmp_path.iterdir()) == []


def test_a_client_that_is_refused_learns_nothing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A wrong secret says nothing about the instance, however many probes would fail for it."""
    authority = tmp_path / "authority.pem"
    with simulated() as (_, simulator):
        authority.write_text(simulator.ca_pem)
        assert main(asked_of(simulator.host, CA_FILE=str(authority))) == 2
    assert "gives no token (status 401 instead of 200)" in " ".join(capsys.readouterr().out.split())


def test_an_instance_that_goes_away_in_between_refutes_nothing(
    instance_and_simulator: tuple[Instance, Simulator],
) -> None:
    """Of what no request reached nothing is known."""
    instance, _ = instance_and_simulator
    away = replace(instance.target, host="localhost:9")
    found = examined(Instance(away), "token-again", "answer-404")
    assert {report.finding for report in found.values()} == {Finding.NOT_OBSERVABLE}


def test_every_fact_that_can_be_seen_holds_in_the_simulator(
    instance_and_simulator: tuple[Instance, Simulator],
) -> None:
    """And nothing of the probes is left behind."""
    instance, simulator = instance_and_simulator
    before = simulator.record_counts()

    reports = examined(instance)

    found = {name: (report.finding, report.why) for name, report in reports.items() if name in OBSERVABLE}
    assert found == dict.fromkeys(OBSERVABLE, (Finding.CONFIRMED, ""))
    assert instance.left_behind == []
    journal = {"sys_journal_field": simulator.record_counts().get("sys_journal_field", 0)}
    assert simulator.record_counts() == before | journal


def test_without_leave_nothing_is_written(instance_and_simulator: tuple[Instance, Simulator]) -> None:
    """A first run against a real instance is harmless, and still tells most of it."""
    instance, simulator = instance_and_simulator
    instance.target = replace(instance.target, may_write=False)

    reports = examined(instance)

    assert not any(call.committed for call in simulator.calls)
    assert {call.method for call in simulator.calls if call.path.startswith("/api/")} <= {"GET", "PATCH", "DELETE"}
    found = [report.finding for report in reports.values()]
    assert found.count(Finding.CONFIRMED) > 40
    assert Finding.REFUTED not in found


@pytest.mark.parametrize("name", ALTERED)
def test_a_simulator_that_behaves_otherwise_refutes_the_fact(name: str) -> None:
    """Each switch turns one of the facts around."""
    with simulated() as (instance, simulator):
        simulator.configure(**ALTERED[name])
        assert examined(instance, name)[name].finding is Finding.REFUTED


def test_no_probe_is_content_with_just_any_answer() -> None:
    """Answers that are well-formed and empty, refusals, and an instance that is down: each fact is refuted by one."""
    refuted: set[str] = set()
    alterations = (
        Fault(on="any", times=None, status=500),
        Fault(on="any", times=None, status=200, body={"result": {}, "access_token": "x" * 86, "expires_in": 1799}),
        Fault(on="api", times=None, status=200, body={"result": []}, headers={"Server": "nginx"}),
        Fault(on="api", times=None, headers={"Server": "nginx", "Keep-Alive": "timeout=60", "X-RateLimit-Reset": "7"}),
    )
    for alteration in alterations:
        with simulated() as (instance, simulator):
            simulator.add_fault(alteration)
            reports = examined(instance)
            refuted |= {name for name, report in reports.items() if report.finding is Finding.REFUTED}
    assert OBSERVABLE - refuted == set()


def test_a_switched_off_rule_makes_a_fact_unobservable_and_not_refuted() -> None:
    """An instance without a rate limit rule shows no headers of one."""
    with simulated(rate_limit=None) as (instance, _):
        assert examined(instance, "rate-limit-allowed")["rate-limit-allowed"].finding is Finding.NOT_OBSERVABLE


def test_what_cannot_be_removed_is_closed_and_named() -> None:
    """Who may open incidents may often not delete them."""
    with simulated(denied_operations=("incident.delete",)) as (instance, simulator):
        examined(instance, "incident-defaults")
        [left] = instance.left_behind
        sys_id = left.removeprefix("incident ")
        [incident] = [row for row in simulator.records("incident") if row["sys_id"] == sys_id]
        assert (incident["state"], incident["short_description"]) == (
            "7",
            "servicenow-bridge contract test, may be deleted",
        )
