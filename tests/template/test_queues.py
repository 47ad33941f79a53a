"""The way of an event from the bus to the function, and to where it is kept when something fails."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from tests.template.reading import KEY, Resources, attribute, of_type, queue_statements

DAY = 86_400  # seconds
type Matches = Callable[[str, str], bool]


@pytest.fixture
def matches(resources: Resources, template: dict[str, Any]) -> Iterator[Matches]:
    """Return a function that says whether an event that is put on a bus reaches a queue through the rule."""
    of_services, of_applications = of_type(resources, "AWS::Events::Rule")["EventRule"]["EventPattern"]["$or"]
    assert of_services["source"] == {"Ref": "EventSources"}
    sources = template["Parameters"]["EventSources"]["Default"].split(",")
    pattern = {"$or": [{**of_services, "source": sources}, of_applications]}
    with mock_aws():
        events = boto3.client("events", region_name="eu-west-1")
        sqs = boto3.client("sqs", region_name="eu-west-1")
        queue = sqs.create_queue(QueueName="queue")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        events.put_rule(Name="rule", EventPattern=json.dumps(pattern))
        events.put_targets(Rule="rule", Targets=[{"Id": "queue", "Arn": arn}])

        def reaches_the_queue(source: str, detail_type: str) -> bool:
            entry: Any = {"Source": source, "DetailType": detail_type, "Detail": "{}"}
            assert events.put_events(Entries=[entry])["FailedEntryCount"] == 0
            return "Messages" in sqs.receive_message(QueueUrl=queue)

        yield reaches_the_queue


def test_the_rule_takes_alarms(matches: Matches) -> None:
    """The event that CloudWatch sends when an alarm changes its state reaches the queue."""
    assert matches("aws.cloudwatch", "CloudWatch Alarm State Change")


@pytest.mark.parametrize("detail_type", ["ServiceNow Alert", "ServiceNow Record Request"])
def test_the_rule_takes_the_bridges_own_types_from_any_application(matches: Matches, detail_type: str) -> None:
    """Whoever may put events on the bus may ask for a record, without a change of the stack."""
    assert matches("my.application", detail_type)


@pytest.mark.parametrize(
    ("source", "detail_type"),
    [
        ("servicenow-bridge.api", "ServiceNow Alert"),
        ("aws.cloudwatch", "AWS API Call via CloudTrail"),
        ("aws.cloudwatch", "CloudWatch Alarm Configuration Change"),
        ("my.application", "CloudWatch Alarm State Change"),
    ],
    ids=["an alert in the API's name", "an API call", "a changed alarm", "another source"],
)
def test_the_rule_takes_nothing_else(matches: Matches, source: str, detail_type: str) -> None:
    """The source alone would bring every API call that CloudTrail reports for CloudWatch."""
    assert not matches(source, detail_type)


def test_the_rule_delivers_to_the_queue_and_keeps_what_it_cannot_deliver(resources: Resources) -> None:
    """EventBridge gives up after a day; then the event goes to a queue instead of nowhere."""
    (target,) = of_type(resources, "AWS::Events::Rule")["EventRule"]["Targets"]

    assert target["Arn"] == attribute("EventQueue")
    assert target["DeadLetterConfig"] == {"Arn": attribute("UndeliveredQueue")}
    assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": DAY, "MaximumRetryAttempts": 185}


@pytest.mark.parametrize("queue", ["EventQueue", "UndeliveredQueue"])
def test_only_the_rule_may_send_to_the_queues_of_eventbridge(resources: Resources, queue: str) -> None:
    """Another rule, even of this account, can't put events in."""
    (statement,) = [found for found in queue_statements(resources, queue) if found["Effect"] == "Allow"]

    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    assert statement["Action"] == "sqs:SendMessage"
    assert statement["Resource"] == attribute(queue)
    assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": attribute("EventRule")}}


def test_every_queue_refuses_what_does_not_come_over_tls(resources: Resources) -> None:
    """The refusal stands in the policy of each queue, for everybody and every action."""
    for queue in of_type(resources, "AWS::SQS::Queue"):
        assert {
            "Sid": "NothingWithoutTls",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "sqs:*",
            "Resource": attribute(queue),
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        } in queue_statements(resources, queue)


@pytest.mark.parametrize("queue", ["EventQueue", "DeadLetterQueue"])
def test_a_queue_is_encrypted_with_the_key_of_the_stack(resources: Resources, queue: str) -> None:
    """EventBridge can't write to a queue that is encrypted with an AWS managed key."""
    assert of_type(resources, "AWS::SQS::Queue")[queue]["KmsMasterKeyId"] == KEY


def test_the_safety_net_does_not_hang_on_the_key_of_the_stack(resources: Resources) -> None:
    """What keeps EventBridge from the encrypted queue, a policy of the key for one, must not keep it from both."""
    queue = of_type(resources, "AWS::SQS::Queue")["UndeliveredQueue"]

    assert queue["SqsManagedSseEnabled"] is True
    assert "KmsMasterKeyId" not in queue


def test_an_outage_may_last_as_long_as_the_queue_keeps_messages(resources: Resources) -> None:
    """A message may be put back often: only the retention of 7 days limits an outage."""
    queue = of_type(resources, "AWS::SQS::Queue")["EventQueue"]

    assert queue["MessageRetentionPeriod"] == 7 * DAY
    assert queue["RedrivePolicy"] == {
        "deadLetterTargetArn": attribute("DeadLetterQueue"),
        "maxReceiveCount": 1000,
    }


@pytest.mark.parametrize("queue", ["DeadLetterQueue", "UndeliveredQueue"])
def test_what_failed_is_kept_for_two_weeks(resources: Resources, queue: str) -> None:
    """Somebody on holiday finds it afterwards."""
    assert of_type(resources, "AWS::SQS::Queue")[queue]["MessageRetentionPeriod"] == 14 * DAY


def test_a_message_stays_hidden_for_six_times_as_long_as_the_function_may_run(resources: Resources) -> None:
    """AWS advises that, so that no message is handed out again while it is being handled."""
    queue = of_type(resources, "AWS::SQS::Queue")["EventQueue"]
    function = of_type(resources, "AWS::Lambda::Function")["EventsFunction"]

    assert queue["VisibilityTimeout"] == 6 * function["Timeout"]


def test_the_function_answers_for_each_message_and_takes_a_bounded_number_of_batches(
    resources: Resources,
) -> None:
    """One bad message doesn't take its batch along, and a storm of events doesn't become a storm of calls."""
    (mapping,) = of_type(resources, "AWS::Lambda::EventSourceMapping").values()

    assert mapping["EventSourceArn"] == attribute("EventQueue")
    assert mapping["FunctionName"] == {"Ref": "EventsFunctionAliaslive"}
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["BatchSize"] == 10
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": {"Ref": "MaximumConcurrency"}}
    # AWS refuses this beside ScalingConfig, and no linter says so.
    assert "ProvisionedPollerConfig" not in mapping
