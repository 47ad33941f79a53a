"""The tables and the records that a new instance has."""

import random
import uuid
from collections.abc import Iterator, Mapping
from functools import lru_cache

from .dictionary import choice_rows, dictionary_rows, object_row
from .platform_tables import platform_tables
from .records import Row, Store
from .schema import Schema, Table
from .task_tables import task_tables

_USERS = {
    "admin": "System Administrator",
    "guest": "Guest",
    "aws.bridge": "AWS Bridge",
    "abel.tuter": "Abel Tuter",
}
_GROUPS = ("Cloud Operations", "Database", "Network", "Service Desk")
_ROLES = (
    "admin",
    "itil",
    "itil_admin",
    "list_updater",
    "sn_incident_read",
    "sn_incident_write",
    "sn_problem_write",
    "sn_change_read",
    "sn_change_write",
    "change_manager",
    "cmdb_read",
    "evt_mgmt_integration",
    "snc_platform_rest_api_access",
    "oauth_admin",
)
_HAS_ROLES = {
    "admin": ("admin",),
    "aws.bridge": ("sn_incident_read", "sn_incident_write", "snc_platform_rest_api_access"),
    "abel.tuter": ("itil",),
}
_PAYMENTS = "arn:aws:ecs:eu-central-1:123456789012:service/payments"
_RECORDS: tuple[tuple[str, Mapping[str, str]], ...] = (
    ("cmdb_ci", {"name": "payments-api", "correlation_id": _PAYMENTS}),
    (
        "cmdb_ci_server",
        {"name": "orders-db", "correlation_id": "i-0123456789abcdef0", "ip_address": "10.0.0.12"},
    ),
    # As Discovery's patterns and the Service Graph Connector for AWS fill them: by id, by ARN, and by name.
    (
        "cmdb_ci_vm_instance",
        {"name": "web-1", "object_id": "i-0fedcba9876543210", "vm_inst_id": "i-0fedcba9876543210"},
    ),
    ("cmdb_ci_vm_instance", {"name": "twin-1", "object_id": "i-0aaaaaaaaaaaaaaa0"}),
    ("cmdb_ci_vm_instance", {"name": "twin-2", "object_id": "i-0aaaaaaaaaaaaaaa0"}),
    (
        "cmdb_ci_cloud_function",
        {"name": "checkout", "object_id": "arn:aws:lambda:eu-west-1:123456789012:function:checkout"},
    ),
    ("cmdb_ci_cloud_database", {"name": "orders", "object_id": "orders"}),
    ("cmdb_ci_service", {"name": "Web Shop"}),
    ("service_offering", {"name": "Web Shop - Gold"}),
    ("core_company", {"name": "ACME Corporation"}),
    ("cmn_location", {"name": "Frankfurt", "full_name": "Germany/Frankfurt"}),
    ("cmdb_rel_type", {"name": "Runs on::Runs", "parent_descriptor": "Runs on", "child_descriptor": "Runs"}),
    (
        "cmdb_rel_type",
        {"name": "Depends on::Used by", "parent_descriptor": "Depends on", "child_descriptor": "Used by"},
    ),
    ("chg_model", {"name": "Normal"}),
    ("chg_model", {"name": "Standard"}),
    ("chg_model", {"name": "Emergency"}),
    ("std_change_record_producer", {"name": "Reboot Windows Server"}),
    (
        "std_change_producer_version",
        {"name": "Reboot Windows Server - 1", "version": "1", "description": "Restart it once, at night"},
    ),
    ("sys_properties", {"name": "glide.oauth.inbound.client.credential.grant_type.enabled", "value": "true"}),
)


def default_tables() -> dict[str, Table]:
    """Return the tables of a new instance by name."""
    return {table.name: table for table in (*task_tables(), *platform_tables())}


def seed_id(table: str, name: str) -> str:
    """Return the sys_id of a record that every new instance has."""
    return uuid.uuid5(uuid.NAMESPACE_URL, f"{table}/{name}").hex


@lru_cache(maxsize=1)
def seed_rows() -> tuple[Row, ...]:
    """Return the rows of a new instance, inserted in 1970: people, groups, items, the dictionary, choices."""
    store = Store(Schema(default_tables()), lambda: 0.0, random.Random(0))  # noqa: S311 -- every sys_id is given
    return tuple(
        store.insert(table, row, "admin", row.get("sys_id") or seed_id(table, key)) for table, key, row in _seeds()
    )


def _seeds() -> Iterator[tuple[str, str, Mapping[str, str]]]:
    yield from _people()
    for table, row in _RECORDS:
        yield table, row["name"], row
    for definition in default_tables().values():
        yield "sys_db_object", definition.name, object_row(definition, seed_id)
        for column in dictionary_rows(definition):
            yield "sys_dictionary", f"{definition.name}.{column['element']}", column
        for value in choice_rows(definition):
            yield "sys_choice", f"{definition.name}.{value['element']}.{value['value']}", value


def _people() -> Iterator[tuple[str, str, Mapping[str, str]]]:
    for user, name in _USERS.items():
        row = {"user_name": user, "name": name, "email": f"{user}@example.com", "preferred_language": "en"}
        yield "sys_user", user, row | ({"identity_type": "machine"} if user == "aws.bridge" else {})
    for name in _GROUPS:
        yield "sys_user_group", name, {"name": name}
    for role in _ROLES:
        yield "sys_user_role", role, {"name": role}
    for user, roles in _HAS_ROLES.items():
        for role in roles:
            held = {"user": seed_id("sys_user", user), "role": seed_id("sys_user_role", role)}
            yield "sys_user_has_role", f"{user}.{role}", held
