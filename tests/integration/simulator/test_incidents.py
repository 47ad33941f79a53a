import pytest

from local.simulator import Simulator
from tests.integration.simulator.caller import Caller, refusal

TABLE = "/api/now/table/incident"
RESOLVED = {"state": "6", "close_code": "Solution provided", "close_notes": "restarted"}


def change(caller: Caller, sys_id: str, **values: str) -> dict[str, str]:
    """Change an incident and return it."""
    changed: dict[str, str] = caller.api("PATCH", f"{TABLE}/{sys_id}", values).json()["result"]
    return changed


@pytest.mark.parametrize(
    ("impact", "urgency", "priority"),
    [
        ("1", "1", "1"), ("1", "2", "2"), ("2", "1", "2"), ("1", "3", "3"), ("2", "2", "3"),
        ("3", "1", "3"), ("2", "3", "4"), ("3", "2", "4"), ("3", "3", "5"),
    ],
)  # fmt: skip
def test_priority_is_looked_up(caller: Caller, impact: str, urgency: str, priority: str) -> None:
    """Impact and urgency decide; a priority that is sent does not."""
    assert caller.create(impact=impact, urgency=urgency, priority="1")["priority"] == priority


def test_defaults_and_numbers(caller: Caller) -> None:
    """A new incident has its defaults; numbers count up."""
    first, second = caller.create(), caller.create()
    expected = {"state": "1", "impact": "3", "urgency": "3", "category": "inquiry", "active": "true"}
    assert {name: first[name] for name in expected} == expected
    assert (first["number"], second["number"]) == ("INC0010001", "INC0010002")
    assert first["opened_at"] == first["sys_created_on"]


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({}, "Resolution code, Close notes"),
        ({"close_code": "Solution provided"}, "Close notes"),
        ({"close_code": "Solved (Permanently)", "close_notes": "stale code"}, "Resolution code"),
    ],
)
def test_resolving_needs_code_and_notes(caller: Caller, given: dict[str, str], missing: str) -> None:
    """A data policy refuses with 403 and names what is missing; a stale code counts as missing."""
    record = caller.create()
    answer = caller.api("PATCH", f"{TABLE}/{record['sys_id']}", {"state": "6", **given})
    detail = f"Data Policy Exception: \n\tThe following fields are mandatory: {missing}"
    assert refusal(answer) == (403, "Operation Failed", detail)
    assert caller.found("")[0]["state"] == "1"


def test_resolving_and_reopening(caller: Caller) -> None:
    """Resolving sets time and person; going back to work takes them away."""
    sys_id = caller.create()["sys_id"]
    resolved = change(caller, sys_id, **RESOLVED)
    assert (resolved["state"], resolved["incident_state"], resolved["active"]) == ("6", "6", "true")
    assert resolved["resolved_at"]
    reopened = change(caller, sys_id, state="2")
    assert (reopened["state"], reopened["resolved_at"], reopened["reopen_count"]) == ("2", "", "1")


def test_resolving_and_closing_take_a_role(simulator: Simulator, caller: Caller) -> None:
    """Without it the state stays as it is, and the answer is 200 all the same; an administrator may do both."""
    sys_id = caller.create()["sys_id"]
    assert change(caller, sys_id, **{**RESOLVED, "state": "7", "short_description": "done"})["state"] == "1"
    assert caller.found("")[0]["short_description"] == "done"
    assert change(caller, sys_id, **RESOLVED)["state"] == "6"
    simulator.insert("sys_user_has_role", {"user": "AWS Bridge", "role": "itil_admin"})
    assert change(caller, sys_id, state="7")["state"] == "7"


@pytest.mark.parametrize("final", ["7", "8"])
def test_a_closed_incident_never_reopens(simulator: Simulator, caller: Caller, final: str) -> None:
    """The write answers 200 and changes nothing of the state; notes are still taken."""
    sys_id = caller.create()["sys_id"]
    simulator.update("incident", sys_id, {"state": final})
    changed = change(caller, sys_id, state="2", work_notes="too late")
    assert (changed["state"], changed["active"]) == (final, "false")
    assert changed["closed_at"]
    assert simulator.journal(sys_id, "work_notes") == ["too late"]


def test_a_correlation_id_is_not_unique(simulator: Simulator, caller: Caller) -> None:
    """Two inserts make two incidents."""
    assert caller.create(correlation_id="same")["sys_id"] != caller.create(correlation_id="same")["sys_id"]
    assert len(simulator.records("incident")) == 2


def test_a_write_that_changes_nothing_leaves_the_time_alone(simulator: Simulator, caller: Caller) -> None:
    """sys_updated_on moves with changes alone."""
    record = caller.create(short_description="same")
    simulator.clock_offset = 100.0
    assert change(caller, record["sys_id"], short_description="same")["sys_updated_on"] == record["sys_updated_on"]
    assert change(caller, record["sys_id"], short_description="new")["sys_updated_on"] > record["sys_updated_on"]


def test_what_a_person_does_shows_in_the_api(simulator: Simulator, caller: Caller) -> None:
    """People work in forms, by names."""
    sys_id = simulator.insert("incident", {"short_description": "by hand", "caller_id": "Abel Tuter"})
    simulator.update("incident", sys_id, {"state": "In Progress", "comments": "on it"})
    (shown,) = caller.found("", sysparm_display_value="true")
    assert (shown["caller_id"]["display_value"], shown["state"]) == ("Abel Tuter", "In Progress")
    assert simulator.journal(sys_id, "comments") == ["on it"]
    with pytest.raises(KeyError):
        simulator.update("incident", "0" * 32, {})


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("acl", "ACL Exception Update Failed due to security constraints"),
        ("rule", "Operation against file 'incident' was aborted by Business Rule 'Closed incidents are read only^"),
    ],
)
def test_a_closed_incident_may_be_read_only(caller: Caller, simulator: Simulator, kind: str, words: str) -> None:
    """For integrations; an administrator changes it all the same, and an open one anybody."""
    simulator.configure(closed_records=kind)
    sys_id = caller.create()["sys_id"]
    change(caller, sys_id, work_notes="still open")
    simulator.update("incident", sys_id, {"state": "7"})

    status, message, detail = refusal(caller.api("PATCH", f"{TABLE}/{sys_id}", {"work_notes": "too late"}))

    assert (status, message) == (403, "Operation Failed")
    assert str(detail).startswith(words)
    assert simulator.journal(sys_id, "work_notes") == ["still open"]


def test_a_business_rule_may_abort_a_write(caller: Caller, simulator: Simulator) -> None:
    """The words name the rule."""
    simulator.configure(aborting_rules=["incident.insert:Check caller"])

    status, message, detail = refusal(caller.api("POST", TABLE, {"short_description": "x"}))

    assert (status, message) == (403, "Operation Failed")
    assert "was aborted by Business Rule 'Check caller^" in str(detail)
    assert simulator.records("incident") == []


def test_a_business_rule_may_abort_a_deletion(caller: Caller, simulator: Simulator) -> None:
    """As any other write."""
    sys_id = caller.create()["sys_id"]
    simulator.configure(aborting_rules=["incident.delete:Keep incidents"])

    status, _, detail = refusal(caller.api("DELETE", f"{TABLE}/{sys_id}"))

    assert (status, "'Keep incidents^" in str(detail)) == (403, True)
    assert len(simulator.records("incident")) == 1


def test_a_user_has_a_language(caller: Caller, simulator: Simulator) -> None:
    """Messages are translated, names stay."""
    simulator.configure(language="de", denied_operations=["incident.insert"])

    assert refusal(caller.api("POST", TABLE, {})) == (
        403,
        "Vorgang fehlgeschlagen",
        "ACL-Ausnahme: Einfügen fehlgeschlagen",
    )
    assert refusal(caller.api("GET", "/api/now/table/nowhere"))[1] == "Ungültige Tabelle nowhere"
