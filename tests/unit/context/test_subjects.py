"""What an event is about is found in it: its alarm, and the resources that it names or that the alarm measures."""

import json
from pathlib import Path
from typing import Any

import pytest

from common.context.subjects import Arn, alarm_of, resources_of
from tests.support.deployment import alarm

ALARM = "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:cpu"


def measuring(namespace: str, account: str | None = None, **dimensions: str) -> dict[str, Any]:
    """Return the event of an alarm on one metric."""
    metric = {"namespace": namespace, "name": "any", "dimensions": dimensions}
    entry: dict[str, Any] = {"metricStat": {"metric": metric}} | ({"accountId": account} if account else {})
    return {**alarm("cpu", "ALARM", configuration={"metrics": [entry]}), "resources": [ALARM]}


def found(event: dict[str, Any]) -> list[str]:
    """Return the ARNs of the resources of an event."""
    return [arn.text for arn in resources_of(event)]


@pytest.mark.parametrize(
    ("namespace", "dimensions", "resource"),
    [
        ("AWS/EC2", {"InstanceId": "i-0abc1234"}, "ec2:eu-west-1:123456789012:instance/i-0abc1234"),
        ("CWAgent", {"InstanceId": "i-0abc1234", "path": "/"}, "ec2:eu-west-1:123456789012:instance/i-0abc1234"),
        ("AWS/EBS", {"VolumeId": "vol-1"}, "ec2:eu-west-1:123456789012:volume/vol-1"),
        ("AWS/RDS", {"DBInstanceIdentifier": "orders"}, "rds:eu-west-1:123456789012:db:orders"),
        ("AWS/RDS", {"DBClusterIdentifier": "orders", "Role": "WRITER"}, "rds:eu-west-1:123456789012:cluster:orders"),
        ("AWS/Lambda", {"FunctionName": "pay"}, "lambda:eu-west-1:123456789012:function:pay"),
        ("AWS/SQS", {"QueueName": "orders"}, "sqs:eu-west-1:123456789012:orders"),
        ("AWS/DynamoDB", {"TableName": "t", "Operation": "GetItem"}, "dynamodb:eu-west-1:123456789012:table/t"),
        ("AWS/ECS", {"ClusterName": "c", "ServiceName": "s"}, "ecs:eu-west-1:123456789012:service/c/s"),
        ("ECS/ContainerInsights", {"ClusterName": "c"}, "ecs:eu-west-1:123456789012:cluster/c"),
        (
            "AWS/ApplicationELB",
            {"LoadBalancer": "app/web/50dc6c495c0c9188", "TargetGroup": "targetgroup/t/1"},
            "elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/web/50dc6c495c0c9188",
        ),
        ("AWS/S3", {"BucketName": "b", "FilterId": "f"}, "s3:::b"),
        ("AWS/ApiGateway", {"ApiId": "a1b2"}, "apigateway:eu-west-1::/apis/a1b2"),
        ("AWS/CloudFront", {"DistributionId": "E1", "Region": "Global"}, "cloudfront::123456789012:distribution/E1"),
        (
            "AWS/States",
            {"StateMachineArn": "arn:aws:states:eu-west-1:123456789012:stateMachine:pay"},
            "states:eu-west-1:123456789012:stateMachine:pay",
        ),
    ],
)
def test_the_dimensions_of_an_alarm_name_what_it_measures(
    namespace: str, dimensions: dict[str, str], resource: str
) -> None:
    """By the ARN that the service has for it."""
    assert found(measuring(namespace, **dimensions)) == [f"arn:aws:{resource}"]


@pytest.mark.parametrize(
    ("namespace", "dimensions"),
    [
        ("Shop", {"Checkout": "main"}),
        ("AWS/EC2", {"ImageId": "ami-1"}),
        ("CWAgent", {"InstanceId": "web-1"}),
        ("AWS/SQS", {"QueueName": "a b\nc"}),
        ("AWS/EC2", {}),
    ],
)
def test_what_nothing_is_known_of_names_no_resource(namespace: str, dimensions: dict[str, str]) -> None:
    """A guess would ask for the tags of something else."""
    assert found(measuring(namespace, **dimensions)) == []


def test_an_alarm_may_measure_what_is_in_another_account() -> None:
    """CloudWatch says whose metric it is."""
    assert found(measuring("AWS/SQS", account="111122223333", QueueName="q")) == [
        "arn:aws:sqs:eu-west-1:111122223333:q"
    ]


def test_an_alarm_is_no_resource() -> None:
    """It is what tells of one."""
    event = measuring("AWS/SQS", QueueName="q")
    told = alarm_of(event)

    assert told is not None
    assert (told.text, told.account, told.region) == (ALARM, "123456789012", "eu-west-1")
    assert ALARM not in found(event)


def test_other_events_name_their_resources_themselves() -> None:
    """The first few, each once; what is no ARN is left out."""
    named = [f"arn:aws:ec2:eu-west-1:123456789012:instance/i-{number}" for number in (1, 1, 2, 3, 4)]
    event = {"source": "aws.ec2", "resources": ["i-9", 7, *named], "detail": {}}

    assert alarm_of(event) is None
    assert found(event) == [named[0], *named[2:4]]


@pytest.mark.parametrize(
    "configuration",
    [None, [], {"metrics": None}, {"metrics": [None, {}, {"metricStat": {"metric": {"dimensions": []}}}]}],
)
def test_odd_alarms_name_nothing(configuration: object) -> None:
    """And stop nobody."""
    event = {**alarm("cpu", "ALARM"), "resources": [ALARM]}
    assert found({**event, "detail": {**event["detail"], "configuration": configuration}}) == []


@pytest.mark.parametrize(
    "text", [None, 7, "", "arn:aws:ec2", "i-1", f"arn:aws:sqs:eu-west-1:123456789012:{'x' * 1000}"]
)
def test_what_is_no_arn_has_no_parts(text: object) -> None:
    """Whatever an event holds in its place."""
    assert Arn.parse(text) is None


EVENTS = Path(__file__).resolve().parents[3] / "events"
OF_EC2 = "arn:aws:ec2:eu-central-1:111122223333:"


@pytest.mark.parametrize(
    ("sample", "arn"),
    [
        ("access-analyzer-finding-active", "arn:aws:s3:::shop-exports"),
        ("ec2-spot-interruption-terminate", f"{OF_EC2}instance/i-0f1cba86b353bb057"),
        ("ebs-snapshot-failed", f"{OF_EC2}volume/vol-01234567"),
        ("emr-cluster-ended-with-errors", "arn:aws:elasticmapreduce:eu-central-1:111122223333:cluster/j-123456789ABCD"),
        ("glue-job-failed", "arn:aws:glue:eu-central-1:111122223333:job/orders-to-lake"),
        ("guardduty-finding-eks-cluster", "arn:aws:eks:eu-central-1:111122223333:cluster/shop-prod"),
        ("guardduty-finding-high-archived", f"{OF_EC2}instance/i-0f1cba86b353bb057"),
        ("health-issue-account-closed", f"{OF_EC2}volume/vol-085e48b7f8b97acc9"),
        ("inspector-finding-critical", f"{OF_EC2}instance/i-0f1cba86b353bb057"),
        ("macie-policy-finding-archived", "arn:aws:s3:::shop-exports"),
        ("securityhub-finding-archived", "arn:aws:s3:::shop-exports"),
        ("synthetics-canary-failed", "arn:aws:synthetics:eu-central-1:111122223333:canary:checkout"),
        ("trustedadvisor-check-error", f"{OF_EC2}security-group/sg-045b2aa371ed698b3"),
    ],
)
def test_what_an_event_names_in_its_detail_or_by_its_id_alone_is_found(sample: str, arn: str) -> None:
    """First of all: what it lists may be the finding, or nothing."""
    assert found(json.loads((EVENTS / f"{sample}.json").read_text()))[0] == arn


@pytest.mark.parametrize(
    ("kind", "name", "arns"),
    [
        ("AWS::S3::Bucket", "photos", ["arn:aws-cn:s3:::photos"]),
        ("AWS::Lambda::Function", "pay", ["arn:aws-cn:lambda:cn-north-1:444455556666:function:pay"]),
        ("AWS::EC2::Instance", "i-0abc1234", ["arn:aws-cn:ec2:cn-north-1:444455556666:instance/i-0abc1234"]),
        ("AWS::RDS::DBInstance", "db-EXAMPLE", []),
        ("AWS::S3::Bucket", "a:b/*", []),
        ("AWS::S3::Bucket", 7, []),
        (["AWS::S3::Bucket"], "photos", []),
    ],
)
def test_a_finding_is_about_the_account_in_which_its_resource_is(kind: object, name: object, arns: list[str]) -> None:
    """Those of an organization come from its administrator's account; what makes no ARN is left out."""
    detail = {"resourceType": kind, "resourceId": name, "awsAccountId": "444455556666", "awsRegion": "cn-north-1"}
    event = {"source": "aws.config", "account": "111122223333", "region": "eu-west-1", "detail": detail}

    assert found({**event, "resources": []}) == arns


@pytest.mark.attack
def test_an_application_names_nothing_in_the_shape_of_a_service() -> None:
    """Whoever may put events on the bus lists ARNs, and no more; an ARN that is whole stays as it is."""
    detail = {"resource_id": f"{OF_EC2}instance/i-0abc1234", "accountId": "999999999999"}
    event = {
        "source": "my.app",
        "account": "111122223333",
        "region": "eu-west-1",
        "detail": detail,
        "resources": ["i-0abc1234"],
    }

    assert found(event) == []
    assert found({**event, "source": "aws.trustedadvisor", "resources": None}) == [f"{OF_EC2}instance/i-0abc1234"]
