"""What is looked up about events is tried, each for real, and the permission that is missing is named."""

from pathlib import Path
from typing import Any

import pytest
from botocore.client import BaseClient

from tests.integration.doctor.world import Doctor, World, detail_of, steps
from tests.support.tagged import refused

ASKING = "[[override]]\nfields = { assignment_group = '{{ tags.team }}' }\n"


def test_tags_are_off_at_first(doctor: Doctor) -> None:
    """And nobody is asked."""
    report = doctor()
    assert (steps(report)["tags"], steps(report)["configuration items"]) == ("ok", "ok")
    assert detail_of(report, "tags") == "off: TagLookups is none, and no rule asks for tags"
    assert detail_of(report, "configuration items") == "off: FindConfigurationItems is false"


def test_rules_that_ask_for_tags_need_the_parameter(doctor: Doctor, own: Path) -> None:
    """Or what they say never happens."""
    own.write_text(ASKING)
    report = doctor()
    assert steps(report)["tags"] == "failed"
    assert detail_of(report, "tags") == "Rules ask for tags (team), and none are looked up."


def test_each_look_up_is_tried(world: World, doctor: Doctor, own: Path) -> None:
    """What is asked about need not be there."""
    own.write_text(ASKING)
    world.set(LOOK_UPS="resources,false", AWS_REGION="eu-west-1")
    assert detail_of(doctor(), "tags") == "tags of alarms and resources can be looked up"

    world.set(LOOK_UPS="accounts,false")
    assert detail_of(doctor(), "tags") == "tags of accounts and alarms and resources can be looked up"


@pytest.mark.parametrize(
    ("operation", "permission"),
    [("ListTagsForResource", "cloudwatch:ListTagsForResource"), ("GetResources", "tag:GetResources")],
)
def test_a_missing_permission_is_named(
    world: World, doctor: Doctor, monkeypatch: pytest.MonkeyPatch, operation: str, permission: str
) -> None:
    """With what AWS says."""
    world.set(LOOK_UPS="resources,false", AWS_REGION="eu-west-1")
    every_client: Any = BaseClient
    call = every_client._make_api_call

    def denied(client: BaseClient, name: str, arguments: object) -> object:
        if name == operation:
            raise refused("AccessDeniedException")
        return call(client, name, arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", denied)
    report = doctor()
    assert steps(report)["tags"] == "failed"
    assert f"{permission} (AccessDeniedException)" in detail_of(report, "tags")


def test_classes_of_configuration_items_are_read(world: World, doctor: Doctor) -> None:
    """Some are not there on every instance; a user who reads none at all lacks a role."""
    world.set(LOOK_UPS="none,true")
    report = doctor()
    assert steps(report)["configuration items"] == "ok"
    assert "not there, or not readable: cmdb_ci_dynamodb_table, cmdb_ci_cloud_object_storage" in detail_of(
        report, "configuration items"
    )
    classes = ("vm_instance", "cloud_database", "cloud_function", "cloud_load_balancer")
    world.configure(denied_operations=tuple(f"cmdb_ci_{name}.read" for name in classes), read_denied_status=403)
    assert steps(doctor())["configuration items"] == "failed"
