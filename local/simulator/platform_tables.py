"""The tables beside tasks: people and groups, configuration items, catalogs, knowledge, and the platform's own."""

from collections.abc import Mapping

from . import choices
from .schema import BOOLEAN, DATETIME, INTEGER, JOURNAL, Field, Table, choice, reference, string

_ACTIVE = Field("boolean", default="true")
_NAMED: Mapping[str, Field] = {"name": string(255), "description": string(), "active": _ACTIVE}
_USER: Mapping[str, Field] = {
    "user_name": string(40),
    "name": string(151),
    "first_name": string(50),
    "last_name": string(50),
    "email": string(100),
    "title": string(60),
    "manager": reference("sys_user"),
    "company": reference("core_company"),
    "location": reference("cmn_location"),
    "preferred_language": string(3),
    "time_zone": string(40),
    "active": _ACTIVE,
    "locked_out": BOOLEAN,
    "password_needs_reset": BOOLEAN,
    "web_service_access_only": BOOLEAN,
    "identity_type": choice({"human": "Human", "machine": "Machine", "ai_agent": "AI Agent"}),
    "internal_integration_user": BOOLEAN,
}
_GROUP: Mapping[str, Field] = {
    "name": string(80),
    "description": string(),
    "email": string(100),
    "manager": reference("sys_user"),
    "parent": reference("sys_user_group"),
    "type": string(),
    "active": _ACTIVE,
}
_REGISTRY_RECORD: Mapping[str, Field] = {
    "name": string(100),
    "client_id": string(100),
    "client_secret": string(255),
    "active": _ACTIVE,
}
_COMPANY: Mapping[str, Field] = {"name": string(80), "street": string(255), "city": string(50), "country": string(40)}
_LOCATION: Mapping[str, Field] = {**_COMPANY, "full_name": string(255), "parent": reference("cmn_location")}
_CONFIGURATION_ITEM: Mapping[str, Field] = {
    "name": string(255),
    "short_description": string(1000),
    "correlation_id": string(1000),
    "asset_tag": string(40),
    "assigned_to": reference("sys_user"),
    "assignment_group": reference("sys_user_group"),
    "support_group": reference("sys_user_group"),
    "managed_by": reference("sys_user"),
    "owned_by": reference("sys_user"),
    "company": reference("core_company"),
    "location": reference("cmn_location"),
    "category": string(40),
    "subcategory": string(40),
    "serial_number": string(255),
    "ip_address": string(255),
    "mac_address": string(18),
    "fqdn": string(255),
    "environment": choice(choices.ENVIRONMENTS),
    "discovery_source": choice(choices.same(choices.DISCOVERY_SOURCES)),
    "install_date": DATETIME,
    "install_status": choice(choices.INSTALL_STATUSES, "1"),
    "operational_status": choice(choices.OPERATIONAL_STATUSES, "1"),
    "object_id": string(255),
    "comments": string(),
    "attributes": string(),
}
_COMPUTER: Mapping[str, Field] = {
    "host_name": string(255),
    "os": string(80),
    "os_version": string(80),
    "cpu_count": Field("integer"),
    "ram": Field("integer"),
    "disk_space": string(20),
}
_RELATION: Mapping[str, Field] = {
    "parent": reference("cmdb_ci"),
    "child": reference("cmdb_ci"),
    "type": reference("cmdb_rel_type"),
}
_SERVICE: Mapping[str, Field] = {
    "busines_criticality": string(40),
    "service_classification": string(40),
    "used_for": string(40),
    "number": string(40),
}
_CLASSES: tuple[tuple[str, str, Mapping[str, Field]], ...] = (
    ("cmdb_ci_hardware", "cmdb_ci", {}),
    ("cmdb_ci_computer", "cmdb_ci_hardware", _COMPUTER),
    ("cmdb_ci_server", "cmdb_ci_computer", {"used_for": string(40)}),
    ("cmdb_ci_linux_server", "cmdb_ci_server", {}),
    ("cmdb_ci_win_server", "cmdb_ci_server", {}),
    ("cmdb_ci_vm_object", "cmdb_ci", {}),
    ("cmdb_ci_vm_instance", "cmdb_ci_vm_object", {"vm_inst_id": string(255), "state": string(40)}),
    ("cmdb_ci_cloud_database", "cmdb_ci_vm_object", {"type": string(40)}),
    ("cmdb_ci_cloud_load_balancer", "cmdb_ci_vm_object", {"dns_name": string(255)}),
    ("cmdb_ci_cloud_function", "cmdb_ci_vm_object", {"language": string(40)}),
    ("cmdb_ci_logical_datacenter", "cmdb_ci", {"region": string(100)}),
    ("cmdb_ci_aws_datacenter", "cmdb_ci_logical_datacenter", {}),
    ("cmdb_ci_cloud_service_account", "cmdb_ci", {"account_id": string(100)}),
    ("cmdb_ci_appl", "cmdb_ci", {"version": string(255)}),
    ("cmdb_ci_database", "cmdb_ci", {"version": string(255)}),
    ("cmdb_ci_db_instance", "cmdb_ci_appl", {"tcp_port": string(40)}),
    ("cmdb_ci_kubernetes_cluster", "cmdb_ci", {"namespace": string(255)}),
    ("cmdb_ci_netgear", "cmdb_ci_hardware", {}),
    ("cmdb_ci_storage_volume", "cmdb_ci", {"size_bytes": string(40), "volume_id": string(255)}),
    ("cmdb_ci_service", "cmdb_ci", _SERVICE),
    ("cmdb_ci_service_discovered", "cmdb_ci_service", {}),
    ("service_offering", "cmdb_ci_service", {"parent": reference("cmdb_ci_service")}),
)
_JOURNAL_FIELD: Mapping[str, Field] = {
    "name": string(80),
    "element": string(80),
    "element_id": string(32),
    "value": string(65000),
}
_ATTACHMENT: Mapping[str, Field] = {
    "file_name": string(100),
    "content_type": string(255),
    "table_name": string(80),
    "table_sys_id": string(32),
    "size_bytes": string(),
    "download_link": string(),
    "hash": string(64),
}
_EVENT: Mapping[str, Field] = {
    "source": string(100),
    "node": string(100),
    "resource": string(100),
    "metric_name": string(100),
    "type": string(100),
    "severity": choice(choices.SEVERITIES),
    "message_key": string(1024),
    "description": string(),
    "additional_info": string(),
}
_EVENT_ONLY: Mapping[str, Field] = {
    "event_class": string(100),
    "time_of_event": DATETIME,
    "resolution_state": string(40),
    "state": choice({"Ready": "Ready", "Processed": "Processed", "Error": "Error"}, "Processed"),
    "alert": reference("em_alert"),
}
_ALERT_ONLY: Mapping[str, Field] = {
    "number": string(40),
    "state": choice({"Open": "Open", "Reopen": "Reopen", "Closed": "Closed"}, "Open"),
    "event_count": INTEGER,
    "initial_event_time": DATETIME,
    "last_event_time": DATETIME,
    "incident": reference("incident"),
}
_CATALOG_ITEM: Mapping[str, Field] = {
    "name": string(100),
    "short_description": string(200),
    "description": string(),
    "category": reference("sc_category"),
    "sc_catalogs": reference("sc_catalog"),
    "price": string(20),
    "active": _ACTIVE,
}
_ARTICLE: Mapping[str, Field] = {
    "number": string(40),
    "short_description": string(100),
    "text": string(65000),
    "kb_knowledge_base": reference("kb_knowledge_base"),
    "workflow_state": choice({"draft": "Draft", "published": "Published", "retired": "Retired"}, "draft"),
}
_APPROVAL: Mapping[str, Field] = {
    "sysapproval": reference("task"),
    "document_id": string(32),
    "source_table": string(80),
    "approver": reference("sys_user"),
    "state": choice(choices.APPROVER_STATES, "not requested"),
    "comments": JOURNAL,
}
_TEMPLATE_VERSION: Mapping[str, Field] = {
    **_NAMED,
    "version": INTEGER,
    "std_change_producer": reference("std_change_record_producer"),
    **{plan: string() for plan in ("implementation_plan", "backout_plan", "test_plan")},
}
_DICTIONARY: Mapping[str, Field] = {
    "name": string(80),
    "element": string(80),
    "column_label": string(80),
    "internal_type": string(40),
    "max_length": INTEGER,
    "reference": string(80),
    "choice": string(40),
    "default_value": string(255),
    "mandatory": BOOLEAN,
    "read_only": BOOLEAN,
    "display": BOOLEAN,
    "active": _ACTIVE,
}
_DATA_POLICY_RULE: Mapping[str, Field] = {
    "sys_data_policy": reference("sys_data_policy2"),
    "table": string(80),
    "field": string(80),
    "mandatory": string(40),
    "disabled": string(40),
}
_CHOICE: Mapping[str, Field] = {
    "name": string(80),
    "element": string(80),
    "value": string(),
    "label": string(),
    "language": string(3),
    "sequence": Field("integer"),
    "dependent_value": string(80),
    "inactive": BOOLEAN,
}


def platform_tables() -> tuple[Table, ...]:
    """Return every table that holds no tasks."""
    return (
        Table("sys_user", _USER, display="name"),
        Table("sys_user_group", _GROUP, "name"),
        Table("sys_user_grmember", {"user": reference("sys_user"), "group": reference("sys_user_group")}),
        Table("sys_user_role", {"name": string(100), "description": string()}, "name"),
        Table("oauth_entity", _REGISTRY_RECORD, "name"),
        Table("sys_user_has_role", {"user": reference("sys_user"), "role": reference("sys_user_role")}),
        Table("core_company", _COMPANY, "name"),
        Table("cmn_location", _LOCATION, "name"),
        Table("cmdb_ci", _CONFIGURATION_ITEM, display="name"),
        *(Table(name, fields, extends=parent) for name, parent, fields in _CLASSES),
        Table("cmdb_rel_ci", _RELATION),
        Table(
            "cmdb_rel_type", {"name": string(100), "parent_descriptor": string(), "child_descriptor": string()}, "name"
        ),
        Table("sysapproval_approver", _APPROVAL),
        Table("std_change_record_producer", _NAMED, "name"),
        Table("chg_model", _NAMED, "name"),
        Table("std_change_producer_version", _TEMPLATE_VERSION, "name"),
        Table("sc_catalog", {"title": string(100), "description": string(), "active": _ACTIVE}, "title"),
        Table("sc_category", {"title": string(100), "sc_catalog": reference("sc_catalog"), "active": _ACTIVE}, "title"),
        Table("sc_cat_item", _CATALOG_ITEM, "name"),
        Table("kb_knowledge_base", {"title": string(100), "active": _ACTIVE}, "title"),
        Table("kb_knowledge", _ARTICLE, "number", "KB"),
        Table("sys_properties", {"name": string(100), "value": string(), "type": string(40)}, "name"),
        Table(
            "sys_db_object",
            {"name": string(80), "label": string(80), "super_class": reference("sys_db_object")},
            "label",
        ),
        Table("sys_dictionary", _DICTIONARY, "column_label"),
        Table("sys_choice", _CHOICE, "label"),
        Table("sys_data_policy2", {"short_description": string(100), "model_table": string(80)}, "short_description"),
        Table("sys_data_policy_rule", _DATA_POLICY_RULE),
        Table("sys_journal_field", _JOURNAL_FIELD),
        Table("sys_attachment", _ATTACHMENT, display="file_name"),
        Table("sys_import_set", {"number": string(40), "table_name": string(80)}, "number", "ISET"),
        Table("em_event", {**_EVENT, **_EVENT_ONLY}),
        Table("em_alert", {**_EVENT, **_ALERT_ONLY}, "number", "Alert"),
    )
