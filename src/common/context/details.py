"""The resources of which events of AWS's own services tell elsewhere than in their list of ARNs. Pure.

Some list an id alone, or an ARN without its account; others name the resource in their detail. The shapes are those of
the samples in `events/`, each of which says where AWS documents it.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

_OF_EC2 = re.compile(r"(?:.*[/:])?((i|vol|snap|eni|vpc|subnet|sg|nat|igw|ami)-[0-9a-f]{8,17})")
_KINDS = {
    "i": "instance",
    "vol": "volume",
    "snap": "snapshot",
    "eni": "network-interface",
    "vpc": "vpc",
    "subnet": "subnet",
    "sg": "security-group",
    "nat": "natgateway",
    "igw": "internet-gateway",
    "ami": "image",
}
_WHOLE = re.compile(r"arn:[a-z0-9-]+:ec2:[a-z]+(?:-[a-z]+)+-[0-9]+:[0-9]{12}:.+")
_ACCOUNT = re.compile(r"[0-9]{12}")
_NAME = re.compile(r"[\w.=+@-]{1,255}", re.ASCII)
_LONGEST = 1000

# By source: where an ARN, or the id of something of EC2, stands in the detail; a list means each of its entries.
_PLACES: Mapping[str, tuple[str, ...]] = {
    "aws.access-analyzer": ("resource",),
    "aws.config": ("resourceId",),
    "aws.ec2": ("instance-id", "source"),
    "aws.guardduty": (
        "resource.instanceDetails.instanceId",
        "resource.eksClusterDetails.arn",
        "resource.ecsClusterDetails.arn",
        "resource.lambdaDetails.functionArn",
        "resource.rdsDbInstanceDetails.dbInstanceArn",
        "resource.s3BucketDetails.arn",
    ),
    "aws.macie": ("resourcesAffected.s3Bucket.arn",),
    "aws.securityhub": ("findings.Resources.Id",),
    "aws.trustedadvisor": ("resource_id",),
}
# By source, and for AWS Config by the resource's type: where a name stands, and the end of the ARN that it makes.
_NAMED: Mapping[str, tuple[str, str]] = {
    "aws.emr": ("clusterId", "elasticmapreduce:{place}:cluster/{name}"),
    "aws.glue": ("jobName", "glue:{place}:job/{name}"),
    "aws.synthetics": ("canary-name", "synthetics:{place}:canary:{name}"),
    "AWS::DynamoDB::Table": ("resourceId", "dynamodb:{place}:table/{name}"),
    "AWS::Lambda::Function": ("resourceId", "lambda:{place}:function:{name}"),
    "AWS::S3::Bucket": ("resourceId", "s3:::{name}"),
}


def told_of(event: Mapping[str, Any]) -> Iterator[str]:
    """Yield texts that may be ARNs, none for an event that is not of a service of AWS."""
    source, detail, listed = event.get("source"), event.get("detail"), event.get("resources")
    if not isinstance(source, str) or not source.startswith("aws.") or not isinstance(detail, dict):
        return
    account, region = _place(event, detail)
    partition = "aws-cn" if region.startswith("cn-") else "aws-us-gov" if region.startswith("us-gov-") else "aws"
    texts = [text for place in _PLACES.get(source, ()) for text in _at(detail, place.split("."))]
    for text in (*texts, *(listed if isinstance(listed, list) else ())):
        if not isinstance(text, str) or len(text) > _LONGEST:
            continue
        found = None if _WHOLE.fullmatch(text) else _OF_EC2.fullmatch(text)
        if found is not None:
            yield f"arn:{partition}:ec2:{region}:{account}:{_KINDS[found[2]]}/{found[1]}"
        else:
            yield text
    kind = detail.get("resourceType") if source == "aws.config" else source
    place, ending = _NAMED.get(kind, ("", "")) if isinstance(kind, str) else ("", "")
    name = detail.get(place)
    if isinstance(name, str) and _NAME.fullmatch(name):
        yield f"arn:{partition}:{ending.format(place=f'{region}:{account}', name=name)}"


def _place(event: Mapping[str, Any], detail: Mapping[str, Any]) -> tuple[str, str]:
    """Return account and Region of the resource: findings of a whole organization come from its administrator's."""
    accounts = (detail.get("accountId"), detail.get("awsAccountId"), event.get("account"))
    account = next((one for one in accounts if isinstance(one, str) and _ACCOUNT.fullmatch(one)), "")
    regions = (detail.get("region"), detail.get("awsRegion"), event.get("region"))
    return account, next((one for one in regions if isinstance(one, str) and one), "")


def _at(value: object, names: list[str]) -> Iterator[object]:
    if isinstance(value, list):
        for each in value:
            yield from _at(each, names)
    elif not names:
        yield value
    elif isinstance(value, dict):
        yield from _at(value.get(names[0]), names[1:])
