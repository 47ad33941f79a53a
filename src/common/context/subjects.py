"""Which alarm an event tells of, and which resources it is about, as ARNs. Pure.

An alarm names its metric's dimensions, and what these mean is AWS's own list of metrics and dimensions by service
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/aws-services-cloudwatch-metrics.html); how the ARN of
each is written stands in the service authorization reference.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from common.context.details import told_of

MOST_RESOURCES = 3
"""How many of the resources that an event names are looked at."""

_LONGEST_ARN = 1000
_ARN = re.compile(r"arn:([a-z0-9-]+):([a-z0-9-]+):([a-z0-9-]*):([0-9]*|aws):(.+)")
_ALARM = re.compile(r"alarm:.+")
_VALUE = re.compile(r"[\w.:/=+@ -]{1,256}", re.ASCII)
_INSTANCE = re.compile(r"i-[0-9a-f]{8,17}")

# By namespace: the dimensions that name a resource, and what follows account in its ARN; the most telling first.
_SERVICES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "AWS/ApiGateway": (("apigateway//{Region}::", "/apis/{ApiId}"),),
    "AWS/ApplicationELB": (
        ("elasticloadbalancing", "loadbalancer/{LoadBalancer}"),
        ("elasticloadbalancing", "{TargetGroup}"),
    ),
    "AWS/CloudFront": (("cloudfront//:{Account}:", "distribution/{DistributionId}"),),
    "AWS/CodeBuild": (("codebuild", "project/{ProjectName}"),),
    "AWS/DocDB": (("rds", "db:{DBInstanceIdentifier}"), ("rds", "cluster:{DBClusterIdentifier}")),
    "AWS/DynamoDB": (("dynamodb", "table/{TableName}"),),
    "AWS/EBS": (("ec2", "volume/{VolumeId}"),),
    "AWS/EC2": (("ec2", "instance/{InstanceId}"),),
    "AWS/ECS": (("ecs", "service/{ClusterName}/{ServiceName}"), ("ecs", "cluster/{ClusterName}")),
    "AWS/EFS": (("elasticfilesystem", "file-system/{FileSystemId}"),),
    "AWS/EKS": (("eks", "cluster/{ClusterName}"),),
    "AWS/ELB": (("elasticloadbalancing", "loadbalancer/{LoadBalancerName}"),),
    "AWS/ES": (("es", "domain/{DomainName}"),),
    "AWS/ElastiCache": (
        ("elasticache", "cluster:{CacheClusterId}"),
        ("elasticache", "replicationgroup:{ReplicationGroupId}"),
    ),
    "AWS/Events": (("events", "rule/{EventBusName}/{RuleName}"), ("events", "rule/{RuleName}")),
    "AWS/Firehose": (("firehose", "deliverystream/{DeliveryStreamName}"),),
    "AWS/Kinesis": (("kinesis", "stream/{StreamName}"),),
    "AWS/Lambda": (("lambda", "function:{FunctionName}"),),
    "AWS/Logs": (("logs", "log-group:{LogGroupName}"),),
    "AWS/NATGateway": (("ec2", "natgateway/{NatGatewayId}"),),
    "AWS/Neptune": (("rds", "db:{DBInstanceIdentifier}"), ("rds", "cluster:{DBClusterIdentifier}")),
    "AWS/NetworkELB": (
        ("elasticloadbalancing", "loadbalancer/{LoadBalancer}"),
        ("elasticloadbalancing", "{TargetGroup}"),
    ),
    "AWS/RDS": (("rds", "db:{DBInstanceIdentifier}"), ("rds", "cluster:{DBClusterIdentifier}")),
    "AWS/Redshift": (("redshift", "cluster:{ClusterIdentifier}"),),
    "AWS/S3": (("s3//::", "{BucketName}"),),
    "AWS/SNS": (("sns", "{TopicName}"),),
    "AWS/SQS": (("sqs", "{QueueName}"),),
    "AWS/TransitGateway": (("ec2", "transit-gateway/{TransitGateway}"),),
    "AWS/VPN": (("ec2", "vpn-connection/{VpnId}"),),
    "ContainerInsights": (("eks", "cluster/{ClusterName}"),),
    "ECS/ContainerInsights": (("ecs", "service/{ClusterName}/{ServiceName}"), ("ecs", "cluster/{ClusterName}")),
}
_NAMES = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Arn:
    """An ARN in its parts. Account and Region are empty where the service has none in its ARNs."""

    text: str
    partition: str
    service: str
    region: str
    account: str
    resource: str

    @classmethod
    def parse(cls, text: object) -> "Arn | None":
        """Return the parts of an ARN of a sensible length, None for everything else."""
        found = _ARN.fullmatch(text) if isinstance(text, str) and len(text) <= _LONGEST_ARN else None
        return None if found is None else cls(found[0], *found.groups())

    @property
    def is_alarm(self) -> bool:
        """Whether it names a CloudWatch alarm."""
        return self.service == "cloudwatch" and _ALARM.fullmatch(self.resource) is not None


def alarm_of(event: Mapping[str, Any]) -> Arn | None:
    """Return the ARN of the alarm of which an event of CloudWatch tells, None where it tells of none."""
    return next((arn for arn in _named(event) if arn.is_alarm), None)


def resources_of(event: Mapping[str, Any]) -> tuple[Arn, ...]:
    """Return the ARNs of what an event is about, the first few: what it names, or what its alarm's metrics measure."""
    named = list(_named(event))
    alarm = next((arn for arn in named if arn.is_alarm), None)
    found = _told(event) if alarm is None else _measured(event, alarm)
    unique = dict.fromkeys(arn for arn in found if not arn.is_alarm)
    return tuple(unique)[:MOST_RESOURCES]


def _named(event: Mapping[str, Any]) -> Iterator[Arn]:
    listed = event.get("resources")
    for text in listed if isinstance(listed, list) else ():
        arn = Arn.parse(text)
        if arn is not None:
            yield arn


def _told(event: Mapping[str, Any]) -> Iterator[Arn]:
    """Yield what an event of AWS's names in its detail, then what it lists; what others list."""
    told = [arn for text in told_of(event) if (arn := Arn.parse(text)) is not None]
    yield from told or _named(event)


def _measured(event: Mapping[str, Any], alarm: Arn) -> Iterator[Arn]:
    configuration = event["detail"].get("configuration")
    metrics = configuration.get("metrics") if isinstance(configuration, dict) else None
    for entry in metrics if isinstance(metrics, list) else ():
        stat = entry.get("metricStat") if isinstance(entry, dict) else None
        metric = stat.get("metric") if isinstance(stat, dict) else None
        if not isinstance(metric, dict) or not isinstance(metric.get("dimensions"), dict):
            continue
        values = {name: value for name, value in metric["dimensions"].items() if _is_value(value)}
        account = entry.get("accountId")
        where = {"Region": alarm.region, "Account": account if isinstance(account, str) else alarm.account}
        arn = Arn.parse(_written(str(metric.get("namespace", "")), values, where, alarm.partition))
        if arn is not None:
            yield arn


def _is_value(value: object) -> bool:
    return isinstance(value, str) and _VALUE.fullmatch(value) is not None


def _written(namespace: str, values: Mapping[str, str], where: Mapping[str, str], partition: str) -> str:
    """Return the ARN of what dimensions name; empty where nothing is known of them."""
    whole = next((value for value in values.values() if value.startswith("arn:")), "")
    if whole:
        return whole
    ways = _SERVICES.get(namespace, ())
    if _INSTANCE.fullmatch(values.get("InstanceId", "")):
        # Agents and applications have namespaces of their own, and name the machine alike.
        ways = _SERVICES["AWS/EC2"]
    for service, resource in ways:
        if all(name in values for name in _NAMES.findall(resource)):
            name, _, place = service.partition("//")
            middle = (place or "{Region}:{Account}:").format(**where)
            return f"arn:{partition}:{name}:{middle}{resource.format(**values)}"
    return ""
