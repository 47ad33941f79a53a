"""Which configuration item of ServiceNow stands for a resource of AWS: found by its ARN, never guessed among several.

The class of each kind of resource is what Discovery's patterns and the Service Graph Connector for AWS fill
(ServiceNow's table "Discovery and Service Mapping Patterns vs Service Graph Connector for AWS"). They write into
`object_id` the resource's id, its ARN or its name, by kind; imports of other origin often use `correlation_id`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from copy import replace
from typing import Any

from common.clock import Deadline
from common.context.shared import Shared
from common.context.subjects import Arn, resources_of
from common.errors import HeldError, PermanentError
from common.incidents.alert import Alert, Status
from common.incidents.rules import Rule
from common.servicenow.query import any_of, equals
from common.servicenow.records import Record, Records
from common.telemetry import Telemetry

ITEM_FIELDS = ("sys_id", "name", "object_id", "correlation_id", "install_status")
"""The fields that a look-up needs; ServiceNow leaves out those that a table does not have."""

KEPT_SECONDS = 3600.0
"""How long it counts that an item was found, or that there is none."""

ANY_CLASS = "cmdb_ci"
"""Where a resource is looked for whose class nothing is known of: a rule has to ask for it."""

CLASSES: Mapping[tuple[str, str], str] = {
    ("acm", "certificate"): "cmdb_ci_certificate",
    ("apigateway", "restapis"): "cmdb_ci_cloud_gateway",
    ("autoscaling", "autoScalingGroup"): "cmdb_ci_instance_scale_set",
    ("dynamodb", "table"): "cmdb_ci_dynamodb_table",
    ("ec2", "instance"): "cmdb_ci_vm_instance",
    ("ec2", "natgateway"): "cmdb_ci_nat_gateway",
    ("ec2", "network-interface"): "cmdb_ci_nic",
    ("ec2", "security-group"): "cmdb_ci_compute_security_group",
    ("ec2", "subnet"): "cmdb_ci_cloud_subnet",
    ("ec2", "volume"): "cmdb_ci_storage_volume",
    ("ec2", "vpc"): "cmdb_ci_network",
    ("ec2", "vpn-connection"): "cmdb_ci_vpn_connection",
    ("ecs", "cluster"): "cmdb_ci_cloud_ecs_cluster",
    ("ecs", "service"): "cmdb_ci_cloud_ecs_service",
    ("eks", "cluster"): "cmdb_ci_kubernetes_cluster",
    ("elasticloadbalancing", "loadbalancer"): "cmdb_ci_cloud_load_balancer",
    ("firehose", "deliverystream"): "cmdb_ci_aws_kinesis_firehose",
    ("kinesis", "stream"): "cmdb_ci_aws_kinesis_data",
    ("lambda", "function"): "cmdb_ci_cloud_function",
    ("rds", "cluster"): "cmdb_ci_cloud_db_cluster",
    ("rds", "db"): "cmdb_ci_cloud_database",
    ("redshift", "cluster"): "cmdb_ci_aws_redshift",
    ("s3", ""): "cmdb_ci_cloud_object_storage",
    ("states", "stateMachine"): "cmdb_ci_cloud_function",
}
"""Service and kind of a resource, as its ARN names them → the class of its configuration item."""

_ITEM = "cmdb_ci"
_WITH_ITEMS = frozenset({"incident", "problem", "change_request"})
_RETIRED = "7"
_MOST_FOUND = 10
_LOAD_BALANCER = re.compile(r"(?:app|net|gwy)/([^/]+)/[0-9a-f]+")


def class_of(arn: Arn) -> str | None:
    """Return the class of the item that stands for a resource, None where none is known."""
    return CLASSES.get((arn.service, _kind_and_id(arn)[0]))


def resource_id(arn: Arn) -> str:
    """Return what names a resource within its kind: `i-0abc…`, the name of a function, of a bucket, of a table."""
    return _kind_and_id(arn)[1]


def matching(arn: Arn, rows: Sequence[Record]) -> list[Record]:
    """Return the rows that stand for the resource, by what tells most: its ARN, then its id, then its name.

    A row that names another ARN is of another resource, and a retired one of none.
    """
    own = [row for row in rows if not _is_foreign(arn, row) and row.fields.get("install_status") != _RETIRED]
    for column, value in _known_by(arn):
        same = [row for row in own if row.fields.get(column, "").casefold() == value.casefold()]
        if same:
            return same
    return []


def with_item(rule: Rule, alert: Alert, event: Mapping[str, Any]) -> Alert:
    """Return the alert with the ARN of its resource in `cmdb_ci`, where the rule says nothing of that field.

    Only of a resource whose class is known: what comes and goes, such as a task, has no item that could be found.
    """
    if alert.status is not Status.FIRING or alert.table not in _WITH_ITEMS or _ITEM in {**rule.fields, **alert.fields}:
        return alert
    arn = next((arn for arn in resources_of(event) if class_of(arn) is not None), None)
    return alert if arn is None else replace(alert, fields={**alert.fields, _ITEM: arn.text})


class ConfigurationItems:
    """Looks items up by ARN. What was found, or not, is remembered for all environments."""

    def __init__(self, records: Records, shared: Shared, *, telemetry: Telemetry) -> None:
        """Look up with `records`, which must show `ITEM_FIELDS`."""
        self._records = records
        self._shared = shared
        self._telemetry = telemetry

    def find(self, value: str, deadline: Deadline) -> str | None:
        """Return the sys_id of the one item of an ARN, empty where there is none or more than one.

        None where `value` is no ARN. Raises what `Records.find` raises, but where the table is refused: that counts as
        an answer.
        """
        arn = Arn.parse(value)
        if arn is None:
            return None
        known = self._shared.read("item", arn.text)
        if known is not None:
            return known[0].get("sys_id", "")
        sys_id = self._asked(arn, class_of(arn) or ANY_CLASS, deadline)
        self._shared.write({"sys_id": sys_id} if sys_id else {}, KEPT_SECONDS, "item", arn.text)
        return sys_id

    def _asked(self, arn: Arn, table: str, deadline: Deadline) -> str:
        if self._shared.read("item-table", table) is not None:
            return ""
        try:
            rows = self._records.find(table, _query(arn), deadline, limit=_MOST_FOUND)
        except (PermanentError, HeldError) as error:
            if error.status is None and isinstance(error, HeldError):
                raise
            if error.status is not None:
                self._refused(table, error)
            return ""
        found = matching(arn, rows)
        if len(found) > 1:
            self._telemetry.count("ItemsAmbiguous")
            self._telemetry.log.warning(
                "Several configuration items stand for one resource, so none is taken. Retire all but one, or give "
                "the right one the ARN as its correlation_id.",
                arn=arn.text,
                table=table,
            )
        return found[0].sys_id if len(found) == 1 else ""

    def _refused(self, table: str, error: PermanentError | HeldError) -> None:
        """Leave a table alone that is not there or may not be read: it would be refused for each resource."""
        self._shared.write({}, KEPT_SECONDS, "item-table", table)
        self._telemetry.count("ItemTablesRefused")
        self._telemetry.log.warning(
            "Configuration items of a class can't be looked up. Let the integration user read the table, or leave it: "
            "records open without them.",
            table=table,
            status=error.status,
        )


def _query(arn: Arn) -> str:
    return any_of(dict.fromkeys(equals(column, value) for column, value in _known_by(arn)))


def _known_by(arn: Arn) -> Iterator[tuple[str, str]]:
    own = resource_id(arn)
    yield from (("object_id", arn.text), ("correlation_id", arn.text))
    yield from (("object_id", own), ("correlation_id", own), ("name", own))


def _is_foreign(arn: Arn, row: Record) -> bool:
    told = (row.fields.get(name, "") for name in ("object_id", "correlation_id"))
    return any(text.startswith("arn:") and text.casefold() != arn.text.casefold() for text in told)


def _kind_and_id(arn: Arn) -> tuple[str, str]:
    if arn.service == "s3":
        return "", arn.resource.partition("/")[0]
    if arn.service == "autoscaling":
        return arn.resource.partition(":")[0], arn.resource.rpartition("/")[2]
    kind, *rest = re.split(r"[:/]", arn.resource.strip("/"), maxsplit=1)
    if not rest:
        return "", kind
    name = rest[0]
    if arn.service == "lambda":
        return kind, name.partition(":")[0]
    if balancer := _LOAD_BALANCER.fullmatch(name):
        return kind, balancer[1]
    return kind, name.rpartition("/")[2]
