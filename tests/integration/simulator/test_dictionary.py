"""The tables about tables: what columns, types, references and choices an instance has."""

import pytest

from common.servicenow.names import REFERENCES
from local.simulator import Simulator
from tests.integration.simulator.caller import Caller


def columns(caller: Caller, *tables: str) -> dict[str, dict[str, str]]:
    """Return the rows of the dictionary about the columns of some tables, by column."""
    query = "^OR".join(f"name={table}" for table in tables) + "^elementISNOTEMPTY"
    return {row["element"]: row for row in caller.found(query, "sys_dictionary", sysparm_limit="500")}


def test_a_column_stands_under_the_table_that_defines_it(caller: Caller) -> None:
    """What incident inherits is found under task."""
    own, inherited = columns(caller, "incident"), columns(caller, "task")
    assert own["caller_id"]["reference"] == "sys_user"
    assert (own["close_code"]["internal_type"], own["close_code"]["choice"]) == ("string", "1")
    assert own["state"]["internal_type"] == inherited["impact"]["internal_type"] == "integer"
    assert (inherited["correlation_id"]["max_length"], inherited["sys_id"]["internal_type"]) == ("100", "GUID")
    assert "correlation_id" not in own
    [incident] = caller.found("name=incident", "sys_db_object", sysparm_fields="super_class.name")
    assert incident == {"super_class.name": "task"}


@pytest.mark.parametrize("field", [name for name in REFERENCES if name != "requested_by"])
def test_every_reference_that_may_be_a_name_has_a_table(caller: Caller, field: str) -> None:
    """The columns by which a record is known exist in it."""
    reference = columns(caller, "incident", "task")[field]["reference"]
    assert reference == REFERENCES[field].table
    found = caller.found("ISNOTEMPTY".join((REFERENCES[field].known_by[0], "")), reference)
    assert found
    assert set(REFERENCES[field].known_by) <= set(found[0])


def test_a_table_that_is_declared_is_in_the_dictionary(simulator: Simulator, caller: Caller) -> None:
    """With its choices."""
    simulator.declare_table("u_alarm", {"u_name": "string", "u_owner": "reference:sys_user"})
    assert columns(caller, "u_alarm")["u_owner"]["reference"] == "sys_user"


def test_choices_that_are_added_and_removed_count(simulator: Simulator, caller: Caller) -> None:
    """A value is taken as long as `sys_choice` lists it as active."""
    row = {"name": "incident", "element": "category", "value": "cloud", "label": "Cloud"}
    assert caller.create(category="cloud")["category"] == "inquiry"
    added = caller.api("POST", "/api/now/table/sys_choice", row).json()["result"]
    path = f"/api/now/table/sys_choice/{added['sys_id']}"
    incident = caller.create(category="cloud")
    assert incident["category"] == "cloud"
    [shown] = caller.found(f"sys_id={incident['sys_id']}", sysparm_display_value="true")
    assert shown["category"] == "Cloud"
    caller.api("PATCH", path, {"inactive": "true"})
    assert caller.create(category="cloud")["category"] == "inquiry"
    caller.api("PATCH", path, {"inactive": "false"})
    assert caller.create(category="cloud")["category"] == "cloud"
    caller.api("DELETE", path)
    assert caller.create(category="cloud")["category"] == "inquiry"
    simulator.reset()


def test_choices_of_states_differ_from_table_to_table(caller: Caller) -> None:
    """Incidents, problems, changes and tasks have their own."""
    found = {
        table: [row["value"] for row in caller.found(f"name={table}^element=state^ORDERBYsequence", "sys_choice")]
        for table in ("incident", "problem", "change_request")
    }
    assert found["incident"] == ["1", "2", "3", "6", "7", "8"]
    assert found["problem"] == ["101", "102", "103", "104", "106", "107"]
    assert found["change_request"] == ["-5", "-4", "-3", "-2", "-1", "0", "3", "4"]
