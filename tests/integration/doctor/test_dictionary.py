"""Columns, choices and groups that the rules name, held against those of the instance."""

from pathlib import Path

import pytest

from tests.integration.doctor.world import Doctor, World, detail_of, steps

OWN = "[[override]]\nname = 'payments'\nrules = ['*']\n"


def test_what_the_shipped_rules_name_is_in_a_new_instance(doctor: Doctor) -> None:
    """Nobody has to add a column or a choice to begin."""
    found = steps(doctor())
    assert [found[f"{what} of rules"] for what in ("columns", "choices", "groups")] == ["ok"] * 3


@pytest.mark.parametrize(
    ("fields", "step", "told"),
    [
        ("{ assignment_grp = 'Database' }", "columns of rules", "incident.assignment_grp (nearest: assignment_group)"),
        (
            "{ contact_type = 'monitorin' }",
            "choices of rules",
            "incident.contact_type = 'monitorin' (nearest: monitoring)",
        ),
        ("{ assignment_group = 'Databases' }", "groups of rules", "no active group 'Databases'"),
    ],
)
def test_what_the_instance_does_not_have_is_named(fields: str, step: str, told: str, own: Path, doctor: Doctor) -> None:
    """ServiceNow would drop it without a word."""
    own.write_text(f"{OWN}fields = {fields}\n")

    report = doctor()

    assert steps(report)[step] == "failed"
    assert told in detail_of(report, step)


def test_a_close_code_of_another_release_is_named(world: World, doctor: Doctor) -> None:
    """The parameter counts like a rule."""
    world.set(CLOSE_CODE="Solved (Permanently)")
    assert "incident.close_code = 'Solved (Permanently)'" in detail_of(doctor(), "choices of rules")


def test_a_column_of_ones_own_that_the_instance_has_is_no_failure(own: Path, world: World, doctor: Doctor) -> None:
    """The dictionary decides, not the list of standard columns."""
    world.servicenow.insert("sys_dictionary", {"name": "incident", "element": "u_stage", "internal_type": "string"})
    own.write_text(f"{OWN}fields = {{ u_stage = 'prod' }}\n")
    assert steps(doctor())["columns of rules"] == "ok"


def test_hidden_tables_prove_nothing(world: World, doctor: Doctor) -> None:
    """The least roles may not show them; that is no failure."""
    world.configure(denied_operations=("sys_dictionary.read", "sys_choice.read", "sys_db_object.read"))

    report = doctor()

    assert {steps(report)[f"{what} of rules"] for what in ("columns", "choices")} == {"not observable"}
    assert report["healthy"]


def test_rules_with_a_mistake_are_named(own: Path, doctor: Doctor) -> None:
    """The functions hold every event then."""
    own.write_text(f"{OWN}fields = {{ impact = 7 }}\n")

    report = doctor()

    assert steps(report)["rules"] == "failed"
    assert steps(report)["columns of rules"] == "skipped"
    assert "fields.impact is none of 1, 2, 3" in detail_of(report, "rules")
