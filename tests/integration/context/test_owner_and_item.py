"""The right owner and the right configuration item, from an alarm to the incident: AWS by moto, ServiceNow over TLS."""

import importlib
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import boto3
import pytest
from botocore.client import BaseClient

from common.bridge import events as wiring
from common.bridge.clients import RULES as SHIPPED
from local.simulator import Simulator
from local.simulator.tables import seed_id
from tests.support.deployment import Context, Deployment, alarm, sqs_event, told
from tests.support.tagged import refused

OWNED = """
[[override]]
rules = ["cloudwatch-*"]
fields = { assignment_group = "{{ tags.team }}" }
[[override]]
rules = ["cloudwatch-*"]
match = "tags.tier == 'gold'"
fields = { category = "network" }
"""
LOOK_UPS = ("ListTagsForResource", "GetResources")
WEB = "i-0fedcba9876543210"

type Function = Callable[..., list[str]]


@pytest.fixture
def stack(servicenow: Simulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Deployment]:
    """Provide a stack with rules that ask for tags; of an account with an organization, a tagged alarm and queue."""
    rules = tmp_path / "rules"
    shutil.copytree(SHIPPED, rules)
    (rules / "own").mkdir(exist_ok=True)
    (rules / "own/own.toml").write_text(OWNED)
    monkeypatch.setattr(wiring, "RULES", rules)
    with told(servicenow, monkeypatch, LOOK_UPS="accounts,true", AWS_REGION="eu-west-1") as stack:
        yield stack


@pytest.fixture
def function(stack: Deployment) -> Iterator[Function]:  # noqa: ARG001 (its environment is read)
    """Provide the handler of a new environment, which returns the messages that stay."""
    sys.modules.pop("handlers.events", None)
    module = importlib.import_module("handlers.events")

    def call(*bodies: Mapping[str, Any], receives: int = 1) -> list[str]:
        answer = module.handler(sqs_event(bodies, receives=receives), Context())
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    yield call
    module.bridge.transport.close()
    sys.modules.pop("handlers.events", None)


def tag_alarm(name: str, **tags: str) -> None:
    """Put an alarm into the account."""
    boto3.client("cloudwatch", region_name="eu-west-1").put_metric_alarm(
        AlarmName=name,
        ComparisonOperator="GreaterThanThreshold",
        EvaluationPeriods=1,
        MetricName="any",
        Namespace="AWS/SQS",
        Period=60,
        Statistic="Sum",
        Threshold=1.0,
        Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
    )


def on(name: str, namespace: str, **dimensions: str) -> dict[str, Any]:
    """Return the event of an alarm on what the dimensions name."""
    metric = {"namespace": namespace, "name": "any", "dimensions": dimensions}
    return alarm(name, "ALARM", configuration={"metrics": [{"metricStat": {"metric": metric}}]})


@contextmanager
def calls_seen(trouble: Exception | None = None) -> Iterator[list[str]]:
    """Note the calls of AWS; look-ups end with `trouble`."""
    every_client: Any = BaseClient
    call = every_client._make_api_call
    asked: list[str] = []

    def noted(client: BaseClient, operation: str, arguments: Mapping[str, Any]) -> object:
        asked.append(operation)
        if trouble is not None and operation in LOOK_UPS:
            raise trouble
        return call(client, operation, arguments)

    with patch.object(BaseClient, "_make_api_call", noted):
        yield asked


def group_of(servicenow: Simulator) -> list[str]:
    """Return the names of the groups of all incidents."""
    names = {row["sys_id"]: row["name"] for row in servicenow.records("sys_user_group")} | {"": ""}
    return [names[row["assignment_group"]] for row in servicenow.records("incident")]


@pytest.mark.usefixtures("stack")
def test_tags_of_alarm_resource_and_account_say_whose_an_incident_is(function: Function, servicenow: Simulator) -> None:
    """In this order, each by a call of its own kind, and what was found once is not asked for again."""
    sqs = boto3.client("sqs", region_name="eu-west-1")
    organizations = boto3.client("organizations", region_name="eu-west-1")
    tag_alarm("of-alarm", team="Cloud Operations")
    tag_alarm("of-queue", colour="red")
    sqs.create_queue(QueueName="orders", tags={"team": "Network", "tier": "gold"})
    organizations.create_organization(FeatureSet="ALL")
    organizations.tag_resource(ResourceId="123456789012", Tags=[{"Key": "team", "Value": "Service Desk"}])

    function(on("of-alarm", "AWS/SQS", QueueName="orders"))
    function(on("of-queue", "AWS/SQS", QueueName="orders"))
    function(on("of-account", "Shop"))

    assert group_of(servicenow) == ["Cloud Operations", "Network", "Service Desk"]
    assert [row["category"] for row in servicenow.records("incident")][:2] == ["network", "network"]


@pytest.mark.usefixtures("stack")
def test_an_incident_names_the_item_of_its_resource(function: Function, servicenow: Simulator) -> None:
    """Found by one look-up; without an item, or with two, the incident opens without."""
    for name, instance in (("a", WEB), ("b", WEB), ("c", "i-0aaaaaaaaaaaaaaa0"), ("d", "i-0bbbbbbbbbbbbbbb0")):
        function({**on(name, "AWS/EC2", InstanceId=instance)})
    function(on("e", "AWS/Lambda", FunctionName="checkout"))
    function(on("f", "AWS/RDS", DBInstanceIdentifier="orders"))
    function(on("g", "AWS/S3", BucketName="photos"))
    items = [row["cmdb_ci"] for row in servicenow.records("incident")]

    web = seed_id("cmdb_ci_vm_instance", "web-1")
    checkout, orders = seed_id("cmdb_ci_cloud_function", "checkout"), seed_id("cmdb_ci_cloud_database", "orders")
    assert items == [web, web, "", "", checkout, orders, ""]


@pytest.mark.usefixtures("stack")
def test_events_cost_one_call_once_their_item_is_known_not_to_be_there(
    function: Function, servicenow: Simulator
) -> None:
    """Whether there is one or not, in every environment."""
    function(on("a", "AWS/EC2", InstanceId="i-0bbbbbbbbbbbbbbb0"))
    before = servicenow.api_calls
    function(on("b", "AWS/EC2", InstanceId="i-0bbbbbbbbbbbbbbb0"))
    assert servicenow.api_calls == before + 1


@pytest.mark.usefixtures("stack")
def test_an_incident_that_opened_without_its_owner_is_put_right_later(
    function: Function, servicenow: Simulator, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its message stays; once the look-up works again one change follows, and then nothing more."""
    tag_alarm("late", team="Network")
    event = on("late", "Shop")
    with calls_seen(refused("Throttling")):
        assert len(function(event)) == 1
    assert group_of(servicenow) == [""]

    module = sys.modules["handlers.events"]
    module.bridge.intake._context._tags._rests.clear()
    assert function(event, receives=2) == []
    assert group_of(servicenow) == ["Network"]
    calls = servicenow.api_calls
    assert function(event, receives=3) == []
    assert servicenow.api_calls == calls
    assert '"RecordsPutRight":[1.0]' in capsys.readouterr().out


@pytest.mark.usefixtures("stack")
def test_rules_that_do_not_ask_for_tags_cost_no_call(function: Function) -> None:
    """An event of another rule goes as fast as ever."""
    other = alarm("x", "ALARM") | {"source": "aws.health", "detail-type": "AWS Health Event"}
    with calls_seen() as asked:
        function(other, alarm("quiet", "INSUFFICIENT_DATA"))
    assert not set(LOOK_UPS) & set(asked)
