"""The way of an event from the bus to the function, and to where it is kept when something fails."""

import json
import re
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from typing import Any

import boto3
import pytest

from common.context.request import LONGEST_MESSAGE
from tests.support.moto import mock_aws
from tests.template.deployment import REGIONS, Stack
from tests.template.reading import KEY, Resources, attribute, of_type, queue_statements, referred_to
from tests.template.test_environment import accepts

DAY = 86_400  # seconds
LARGEST_INVOCATION = 6 * 1024 * 1024  # bytes
type Matches = Callable[[str, str], bool]


@pytest.fixture
def matches(resources: Resources, template: dict[str, Any]) -> Iterator[Matches]:
    """Return a function that says whether an event that is put on a bus reaches a queue through one of the rules."""
    rules = of_type(resources, "AWS::Events::Rule")
    of_services, of_applications = (rules[name]["EventPattern"] for name in ("EventRule", "OwnEventRule"))
    assert (of_services["source"], of_applications["source"]) == ({"Ref": "EventSources"}, {"Ref": "OwnEventSources"})
    sources = template["Parameters"]["EventSources"]["Default"].split(",")
    patterns = [{**of_services, "source": sources}, {**of_applications, "source": ["my.application"]}]
    with mock_aws():
        events = boto3.client("events", region_name="eu-west-1")
        sqs = boto3.client("sqs", region_name="eu-west-1")
        queue = sqs.create_queue(QueueName="queue")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        for name, pattern in zip(("services", "applications"), patterns, strict=True):
            events.put_rule(Name=name, EventPattern=json.dumps(pattern))
            events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])

        def reaches_the_queue(source: str, detail_type: str) -> bool:
            entry: Any = {"Source": source, "DetailType": detail_type, "Detail": "{}"}
            assert events.put_events(Entries=[entry])["FailedEntryCount"] == 0
            return "Messages" in sqs.receive_message(QueueUrl=queue)

        yield reaches_the_queue


def test_the_rule_takes_alarms(matches: Matches) -> None:
    """The event that CloudWatch sends when an alarm changes its state reaches the queue."""
    assert matches("aws.cloudwatch", "CloudWatch Alarm State Change")


@pytest.mark.parametrize("detail_type", ["ServiceNow Alert", "ServiceNow Record Request"])
def test_the_rule_takes_the_bridges_own_types_from_applications_that_are_listed(
    matches: Matches, detail_type: str
) -> None:
    """Whoever may put events on the bus chooses their source, so a parameter says which count."""
    assert matches("my.application", detail_type)


@pytest.mark.parametrize(
    ("source", "detail_type"),
    [
        ("servicenow-bridge.api", "ServiceNow Alert"),
        ("another.application", "ServiceNow Alert"),
        ("another.application", "ServiceNow Record Request"),
        ("aws.cloudwatch", "AWS API Call via CloudTrail"),
        ("my.application", "CloudWatch Alarm State Change"),
    ],
    ids=[
        "an alert in the API's name",
        "an alert of a stranger",
        "a request of a stranger",
        "an API call",
        "another source",
    ],
)
@pytest.mark.attack
def test_the_rule_takes_nothing_else(matches: Matches, source: str, detail_type: str) -> None:
    """The source alone would bring every API call that CloudTrail reports for CloudWatch."""
    assert not matches(source, detail_type)


def test_nobody_is_listed_at_first(resources: Resources, template: dict[str, Any]) -> None:
    """Without a source there is no rule for the bridge's own types, and the API's name can't be listed."""
    assert template["Parameters"]["OwnEventSources"]["Default"] == ""
    assert resources["OwnEventRule"]["Condition"] == "HasOwnEventSources"
    pattern = re.compile(template["Parameters"]["OwnEventSources"]["AllowedPattern"])
    assert pattern.fullmatch("shop.checkout")
    assert pattern.fullmatch("servicenow-bridge.api.x")
    assert not pattern.fullmatch("servicenow-bridge.api")
    assert not pattern.fullmatch("aws.cloudwatch")


@pytest.mark.parametrize(
    ("rule", "queue"), [("EventRule", "EventQueue"), ("OwnEventRule", "EventQueue"), ("ActionRule", "ActionQueue")]
)
def test_the_rule_delivers_to_the_queue_and_keeps_what_it_cannot_deliver(
    resources: Resources, rule: str, queue: str
) -> None:
    """EventBridge gives up after a day; then the event goes to a queue instead of nowhere."""
    (target,) = of_type(resources, "AWS::Events::Rule")[rule]["Targets"]

    assert target["Arn"] == attribute(queue)
    assert target["DeadLetterConfig"] == {"Arn": attribute("UndeliveredQueue")}
    assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": DAY, "MaximumRetryAttempts": 185}


@pytest.mark.parametrize("queue", ["EventQueue", "UndeliveredQueue"])
def test_only_the_rule_and_listed_topics_may_send_to_the_queues_of_eventbridge(
    resources: Resources, queue: str
) -> None:
    """Another rule or topic, even of this account, can't put anything in."""
    allowed = [found for found in queue_statements(resources, queue) if found["Effect"] == "Allow"]
    own = {"Fn::If": ["HasOwnEventSources", attribute("OwnEventRule"), {"Ref": "AWS::NoValue"}]}
    changes = {"Fn::If": ["TakesActions", attribute("ActionRule"), {"Ref": "AWS::NoValue"}]}
    given_up = [changes] if queue == "UndeliveredQueue" else []

    assert {(found["Action"], str(found["Resource"])) for found in allowed} == {
        ("sqs:SendMessage", str(attribute(queue)))
    }
    assert {found["Principal"]["Service"]: found["Condition"] for found in allowed} == {
        "events.amazonaws.com": {"ArnEquals": {"aws:SourceArn": [attribute("EventRule"), own, *given_up]}},
        "sns.amazonaws.com": {"ArnEquals": {"aws:SourceArn": {"Fn::Split": [",", {"Ref": "SnsTopics"}]}}},
    }


TOPICS = [f"arn:aws:sns:eu-west-{number}:123456789012:topic-{number}" for number in range(1, 6)]


@pytest.mark.parametrize("count", [0, 1, 3, 5])
def test_the_queue_is_subscribed_to_each_topic_that_is_listed(
    template: dict[str, Any], resources: Resources, count: int
) -> None:
    """Wrapped, in the topic's own Region; what can't be delivered is kept where SNS can, in a queue of that Region."""
    given = {"SnsTopics": ",".join(TOPICS[:count])}
    stack = Stack(template, given, resources)
    names = [name for name in sorted(of_type(resources, "AWS::SNS::Subscription")) if stack.has(name)]
    made = [stack.properties(name) for name in names]

    assert accepts(template, "SnsTopics", given["SnsTopics"])
    assert [(found["TopicArn"], found["Region"]) for found in made] == [
        (topic, topic.split(":")[3]) for topic in TOPICS[:count]
    ]
    for found in made:
        assert found["Endpoint"] == stack.value(attribute("EventQueue"))
        kept = {"deadLetterTargetArn": stack.value(attribute("UndeliveredQueue"))}
        assert found.get("RedrivePolicy") == (kept if found["Region"] == REGIONS["aws"] else None)
        assert "RawMessageDelivery" not in found


@pytest.mark.parametrize(
    "topics",
    [
        ",".join([*TOPICS, TOPICS[0]]),
        ",".join([*TOPICS[:2], TOPICS[0]]),
        "budgets",
        f"{TOPICS[0]}.fifo",
        f"{TOPICS[0]},",
    ],
)
def test_the_stack_refuses_what_is_no_list_of_five_different_topics(template: dict[str, Any], topics: str) -> None:
    """At the deployment, with what to give instead."""
    assert not accepts(template, "SnsTopics", topics)


@pytest.mark.parametrize(
    ("is_service", "principal", "denied"),
    [
        ("true", None, False),
        ("false", "arn:aws:iam::123456789012:role/ApiFunctionRole", False),
        ("false", "arn:aws:iam::123456789012:role/operators/alice", False),
        ("false", "arn:aws:iam::123456789012:role/EventsFunctionRole", True),
        ("false", "arn:aws:iam::123456789012:user/eve", True),
        ("false", "arn:aws:iam::999999999999:role/operators/alice", True),
    ],
)
@pytest.mark.attack
def test_nobody_but_the_api_and_who_replays_may_send_in_anothers_name(
    resources: Resources, is_service: str, principal: str | None, *, denied: bool
) -> None:
    """A message speaks for whomever it names. The emulator reads no policy of a queue: it is evaluated here."""
    (statement,) = [each for each in queue_statements(resources, "EventQueue") if each["Sid"] == "NobodyElseSends"]
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "sqs:SendMessage")
    condition = statement["Condition"]
    assert set(condition) == {"Bool", "ArnNotLike"}
    assert set(referred_to(condition["ArnNotLike"])) == {"ApiFunctionRole.Arn", "ReplayRoleArns"}
    let_in = ["arn:aws:iam::123456789012:role/ApiFunctionRole", "arn:aws:iam::123456789012:role/operators/*"]

    counts = condition["Bool"] == {"aws:PrincipalIsAWSService": is_service}
    is_another = principal is None or not any(fnmatchcase(principal, pattern) for pattern in let_in)

    assert (counts and is_another) is denied


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


@pytest.mark.parametrize("queue", ["EventQueue", "DeadLetterQueue", "FollowUpQueue", "ActionQueue"])
def test_a_queue_is_encrypted_with_the_key_of_the_stack(resources: Resources, queue: str) -> None:
    """EventBridge can't write to a queue that is encrypted with an AWS managed key."""
    assert of_type(resources, "AWS::SQS::Queue")[queue]["KmsMasterKeyId"] == KEY


def test_the_safety_net_does_not_hang_on_the_key_of_the_stack(resources: Resources) -> None:
    """What keeps EventBridge from the encrypted queue, a policy of the key for one, must not keep it from both."""
    queue = of_type(resources, "AWS::SQS::Queue")["UndeliveredQueue"]

    assert queue["SqsManagedSseEnabled"] is True
    assert "KmsMasterKeyId" not in queue


@pytest.mark.parametrize("name", ["EventQueue", "ActionQueue"])
def test_an_outage_may_last_as_long_as_the_queue_keeps_messages(resources: Resources, name: str) -> None:
    """A message may be put back often: only the retention of 7 days limits an outage."""
    queue = of_type(resources, "AWS::SQS::Queue")[name]

    assert queue["MessageRetentionPeriod"] == 7 * DAY
    assert queue["RedrivePolicy"] == {
        "deadLetterTargetArn": attribute("DeadLetterQueue"),
        "maxReceiveCount": 1000,
    }


@pytest.mark.parametrize("queue", ["DeadLetterQueue", "UndeliveredQueue"])
def test_what_failed_is_kept_for_two_weeks(resources: Resources, queue: str) -> None:
    """Somebody on holiday finds it afterwards."""
    assert of_type(resources, "AWS::SQS::Queue")[queue]["MessageRetentionPeriod"] == 14 * DAY


@pytest.mark.parametrize(("name", "taker"), [("EventQueue", "EventsFunction"), ("ActionQueue", "ActionsFunction")])
def test_a_message_stays_hidden_for_six_times_as_long_as_the_function_may_run(
    resources: Resources, name: str, taker: str
) -> None:
    """AWS advises that, so that no message is handed out again while it is being handled."""
    queue = of_type(resources, "AWS::SQS::Queue")[name]
    function = of_type(resources, "AWS::Lambda::Function")[taker]

    assert queue["VisibilityTimeout"] == 6 * function["Timeout"]


@pytest.mark.parametrize(
    ("queue", "function", "most"),
    [
        ("EventQueue", "EventsFunctionAliaslive", {"Ref": "MaximumConcurrency"}),
        ("ActionQueue", "ActionsFunction", 2),
    ],
)
def test_the_function_answers_for_each_message_and_takes_a_bounded_number_of_batches(
    resources: Resources, queue: str, function: str, most: object
) -> None:
    """One bad message doesn't take its batch along, and a storm of events doesn't become a storm of calls."""
    mappings = of_type(resources, "AWS::Lambda::EventSourceMapping").values()
    (mapping,) = [each for each in mappings if each["EventSourceArn"] == attribute(queue)]

    assert mapping["FunctionName"] == {"Ref": function}
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["BatchSize"] == 10
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": most}
    # AWS refuses this beside ScalingConfig, and no linter says so.
    assert "ProvisionedPollerConfig" not in mapping


def test_what_is_added_later_waits_in_a_queue_that_forgets(resources: Resources) -> None:
    """A message is never handed out again while the function runs, and after an hour nobody needs it."""
    queue = of_type(resources, "AWS::SQS::Queue")["FollowUpQueue"]
    function = of_type(resources, "AWS::Lambda::Function")["FollowUpFunction"]
    mapping = of_type(resources, "AWS::Lambda::EventSourceMapping")["FollowUpFunctionQueue"]

    assert queue["VisibilityTimeout"] >= function["Timeout"]
    assert queue["MessageRetentionPeriod"] == 3600
    assert mapping["EventSourceArn"] == attribute("FollowUpQueue")
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["BatchSize"] * LONGEST_MESSAGE < LARGEST_INVOCATION
    assert "RedrivePolicy" not in queue


@pytest.mark.attack
def test_only_the_events_function_asks_for_what_is_added(resources: Resources) -> None:
    """Whoever could write there would choose a record, and what of AWS is looked at for it."""
    (statement,) = [each for each in queue_statements(resources, "FollowUpQueue") if each["Sid"] == "NobodyElseSends"]

    assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "sqs:SendMessage")
    assert statement["Condition"] == {
        "Bool": {"aws:PrincipalIsAWSService": "false"},
        "ArnNotLike": {"aws:PrincipalArn": attribute("EventsFunctionRole")},
    }
    assert [each for each in queue_statements(resources, "FollowUpQueue") if each["Effect"] == "Allow"] == []


@pytest.mark.attack
def test_only_the_rule_brings_changes_that_are_followed(resources: Resources) -> None:
    """Of events of this account, about this deployment; a message says what a person did."""
    pattern = of_type(resources, "AWS::Events::Rule")["ActionRule"]["EventPattern"]
    statements = {each["Sid"]: each for each in queue_statements(resources, "ActionQueue")}

    assert pattern["account"] == [{"Ref": "AWS::AccountId"}]
    assert pattern["source"] == [{"Fn::Sub": "servicenow-bridge.${AWS::StackName}"}]
    assert pattern["detail"].keys() == {"deployment"}
    assert statements["OnlyTheRuleDelivers"]["Condition"] == {"ArnEquals": {"aws:SourceArn": attribute("ActionRule")}}
    denied = statements["NobodyElseSends"]
    assert (denied["Effect"], denied["Principal"], denied["Action"]) == ("Deny", "*", "sqs:SendMessage")
    assert set(referred_to(denied["Condition"]["ArnNotLike"])) >= {"ReplayRoleArns"}
