"""What a person is told, and when."""

from typing import Any

import pytest

from common.telemetry import NAMESPACE
from tests.support.metrics import reported_metrics
from tests.template.conftest import TEMPLATE
from tests.template.reading import Resources, attribute, of_type, referred_to

# What waits is seen only when it comes back: periods of 5 minutes that cover the longest pause, and one more.
RED_AFTER_ONE_OF = {
    "CredentialsOrSettingsAlarm": 4,
    "EventsWaitAlarm": 13,
    "EventsExpireSoonAlarm": 13,
    "AccessRefusalsAlarm": 4,
    "TokenRefreshErrorsAlarm": 4,
}
TOLD = {"Fn::If": ["HasAlarmTopic", [{"Ref": "AlarmTopicArn"}], {"Ref": "AWS::NoValue"}]}


def of_the_rule(rule: str) -> dict[str, Any]:
    """Return what EventBridge's metrics of a rule carry: on a bus of one's own also the name of the bus."""
    return {
        "Fn::If": [
            "ListensToDefaultBus",
            [{"Name": "RuleName", "Value": {"Ref": rule}}],
            [
                {"Name": "EventBusName", "Value": {"Ref": "EventBusName"}},
                {"Name": "RuleName", "Value": {"Fn::Select": [1, {"Fn::Split": ["|", {"Ref": rule}]}]}},
            ],
        ]
    }


SERVICE = {"Name": "service", "Value": {"Ref": "AWS::StackName"}}


def of_function(function: str) -> dict[str, Any]:
    """Return what Lambda's metrics of a function carry."""
    return {"Name": "FunctionName", "Value": {"Ref": function}}


def of_queue(queue: str) -> dict[str, Any]:
    """Return what SQS's metrics of a queue carry."""
    return {"Name": "QueueName", "Value": attribute(queue, "QueueName")}


# namespace, metric, statistic, the one dimension, threshold
WATCHED: dict[str, tuple[Any, str, str, dict[str, Any], int]] = {
    "CredentialsOrSettingsAlarm": (NAMESPACE, "Held", "Sum", SERVICE, 1),
    "EventsWaitAlarm": (NAMESPACE, "PostponedAge", "Maximum", SERVICE, 900),
    "ChangeTokensUsedUpAlarm": (NAMESPACE, "ChangeTokensUsedUp", "Sum", SERVICE, 1),
    "EventsExpireSoonAlarm": (NAMESPACE, "EventsExpireSoon", "Sum", SERVICE, 1),
    "AccessRefusalsAlarm": (NAMESPACE, "AccessRefusals", "Sum", SERVICE, 1),
    "DeadLetterQueueAlarm": (
        "AWS/SQS",
        "ApproximateNumberOfMessagesVisible",
        "Maximum",
        of_queue("DeadLetterQueue"),
        1,
    ),
    "UndeliveredQueueAlarm": (
        "AWS/SQS",
        "ApproximateNumberOfMessagesVisible",
        "Maximum",
        of_queue("UndeliveredQueue"),
        1,
    ),
    "DeliveryFailuresAlarm": ("AWS/Events", "FailedInvocations", "Sum", of_the_rule("EventRule"), 1),
    "DeliveryLossesAlarm": ("AWS/Events", "InvocationsFailedToBeSentToDlq", "Sum", of_the_rule("EventRule"), 1),
    "OwnDeliveryFailuresAlarm": ("AWS/Events", "FailedInvocations", "Sum", of_the_rule("OwnEventRule"), 1),
    "OwnDeliveryLossesAlarm": ("AWS/Events", "InvocationsFailedToBeSentToDlq", "Sum", of_the_rule("OwnEventRule"), 1),
    "EventsNotFetchedAlarm": ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "Minimum", of_queue("EventQueue"), 1),
    "FunctionErrorsAlarm": ("AWS/Lambda", "Errors", "Sum", of_function("EventsFunction"), 1),
    "FunctionThrottlesAlarm": ("AWS/Lambda", "Throttles", "Sum", of_function("EventsFunction"), 1),
    "DefectsAlarm": (NAMESPACE, "Defects", "Sum", SERVICE, 1),
    "RecordConflictsAlarm": (NAMESPACE, "RecordConflicts", "Sum", SERVICE, 1),
    "MarkersDiscardedAlarm": (NAMESPACE, "MarkersDiscarded", "Sum", SERVICE, 1),
    "ApiThrottlesAlarm": ("AWS/Lambda", "Throttles", "Sum", of_function("ApiFunction"), 1),
    "ApiServerErrorsAlarm": (
        "AWS/ApiGateway",
        "5XXError",
        "Sum",
        {"Name": "ApiName", "Value": {"Ref": "AWS::StackName"}},
        5,
    ),
    "CallersRefusedAlarm": (NAMESPACE, "CallersRefused", "Sum", SERVICE, 20),
    "ApiRefusalsAlarm": (
        "AWS/ApiGateway",
        "4XXError",
        "Sum",
        {"Name": "ApiName", "Value": {"Ref": "AWS::StackName"}},
        100,
    ),
    "ApiErrorsAlarm": ("AWS/Lambda", "Errors", "Sum", of_function("ApiFunction"), 1),
    # A filter's metric has no dimension, so the stack is in its namespace.
    "DeniedReadsAlarm": ({"Fn::Sub": "ServiceNowBridge/${AWS::StackName}"}, "DeniedReads", "Sum", {}, 1),
    "SecretRotationErrorsAlarm": ("AWS/Lambda", "Errors", "Sum", of_function("SecretRotationFunction"), 1),
    "ActionDeliveryFailuresAlarm": ("AWS/Events", "FailedInvocations", "Sum", of_the_rule("ActionRule"), 1),
    "ActionDeliveryLossesAlarm": ("AWS/Events", "InvocationsFailedToBeSentToDlq", "Sum", of_the_rule("ActionRule"), 1),
    "ActionsNotFetchedAlarm": ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "Minimum", of_queue("ActionQueue"), 1),
    "ActionsHeldAlarm": (NAMESPACE, "ActionsHeld", "Sum", SERVICE, 1),
    "WatchErrorsAlarm": ("AWS/Lambda", "Errors", "Sum", of_function("WatchFunction"), 1),
    "FollowUpsRefusedAlarm": (NAMESPACE, "FollowUpsRefused", "Sum", SERVICE, 1),
    "TokenRefreshErrorsAlarm": ("AWS/Lambda", "Errors", "Sum", of_function("TokenRefreshFunction"), 1),
}


def test_these_alarms_exist(resources: Resources) -> None:
    """One for each way in which events can stop on their way, and one for the token that they need."""
    assert set(of_type(resources, "AWS::CloudWatch::Alarm")) == set(WATCHED)


@pytest.mark.parametrize("name", WATCHED)
def test_an_alarm_watches_the_metric_of_this_stack(resources: Resources, name: str) -> None:
    """The dimension is this stack's own queue, function or service name."""
    alarm = of_type(resources, "AWS::CloudWatch::Alarm")[name]
    dimensions = alarm.get("Dimensions", {})
    (dimension,) = [dimensions] if isinstance(dimensions, dict) else dimensions

    watched = (alarm["Namespace"], alarm["MetricName"], alarm["Statistic"], dimension, alarm["Threshold"])

    assert watched == WATCHED[name]
    assert alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"


def test_every_rule_and_queue_on_the_way_of_an_event_is_watched(resources: Resources) -> None:
    """What EventBridge gives up on or loses, and what lies in a queue that nobody empties: without it, not a sound."""
    watched = {
        (str(alarm["MetricName"]), name)
        for alarm in of_type(resources, "AWS::CloudWatch::Alarm").values()
        for name in referred_to(alarm.get("Dimensions", []))
    }
    of_rules = ("FailedInvocations", "InvocationsFailedToBeSentToDlq")
    needed = {
        (metric, rule)
        for metric in of_rules
        for rule in of_type(resources, "AWS::Events::Rule")
        if delivers(resources, rule)
    }
    # What waits too long to be added is dropped, and nobody has to do anything about it.
    queues = of_type(resources, "AWS::SQS::Queue").keys() - {"FollowUpQueue"}
    needed |= {("ApproximateNumberOfMessagesVisible", f"{queue}.QueueName") for queue in queues}

    assert needed - watched == set()
    assert ("FailedInvocations", "OwnEventRule") in needed


def delivers(resources: Resources, rule: str) -> bool:
    """Tell whether a rule of EventBridge brings events, rather than waking a function by a schedule."""
    return "EventPattern" in of_type(resources, "AWS::Events::Rule")[rule]


@pytest.mark.parametrize("name", RED_AFTER_ONE_OF)
def test_an_alarm_on_what_waits_does_not_flip_between_two_looks_at_it(resources: Resources, name: str) -> None:
    """One period in which something came back keeps it red until the next one has to come."""
    alarm = of_type(resources, "AWS::CloudWatch::Alarm")[name]
    longest = 3600 if name.startswith("Events") else 900

    assert alarm["DatapointsToAlarm"] == 1
    assert alarm["EvaluationPeriods"] == RED_AFTER_ONE_OF[name]
    assert (RED_AFTER_ONE_OF[name] - 1) * alarm["Period"] >= longest


def test_one_failed_look_wakes_nobody_and_an_outage_once(resources: Resources) -> None:
    """Two of four periods: the next look mends a single failure, and one that comes late turns nothing off."""
    for name in ("WatchErrorsAlarm", "FollowUpsRefusedAlarm"):
        alarm = of_type(resources, "AWS::CloudWatch::Alarm")[name]

        assert (alarm["Period"], alarm["DatapointsToAlarm"], alarm["EvaluationPeriods"]) == (300, 2, 4)


@pytest.mark.parametrize("name", WATCHED)
def test_an_alarm_is_quiet_without_data_and_tells_the_topic_both_ways(resources: Resources, name: str) -> None:
    """An idle stack is healthy, and whoever was woken hears that it is over."""
    alarm = of_type(resources, "AWS::CloudWatch::Alarm")[name]

    assert alarm["TreatMissingData"] == "notBreaching"
    assert alarm["AlarmActions"] == TOLD
    assert alarm["OKActions"] == TOLD
    assert len(alarm["AlarmDescription"]) > 80


def test_an_alarm_on_a_metric_of_the_bridge_names_one_that_is_reported(resources: Resources) -> None:
    """A misspelt name would stay quiet for ever."""
    alarms = of_type(resources, "AWS::CloudWatch::Alarm").values()
    own = {alarm["MetricName"] for alarm in alarms if alarm["Namespace"] == NAMESPACE}

    assert own
    assert own <= reported_metrics()


def test_the_alarm_of_the_api_looks_for_the_name_that_the_api_has(resources: Resources) -> None:
    """API Gateway's metrics carry the API's name, not its id."""
    (api,) = of_type(resources, "AWS::ApiGateway::RestApi").values()

    assert api["Name"] == WATCHED["ApiServerErrorsAlarm"][3]["Value"] == WATCHED["ApiRefusalsAlarm"][3]["Value"]


@pytest.mark.parametrize("name", WATCHED)
def test_the_runbook_has_a_row_for_every_alarm(name: str) -> None:
    """Meaning, what to look at, what to do: whoever is woken finds all three."""
    guide = (TEMPLATE.parent / "docs" / "operations.md").read_text()
    rows = [line for line in guide.splitlines() if line.startswith(f"| {name.removesuffix('Alarm')} |")]

    (row,) = rows
    assert [len(cell.strip()) > 5 for cell in row.strip("|").split("|")] == [True] * 4


def test_the_metrics_carry_the_service_name_that_the_alarm_looks_for(resources: Resources) -> None:
    """Powertools takes the dimension from the environment of the function."""
    variables = of_type(resources, "AWS::Lambda::Function")["EventsFunction"]["Environment"]["Variables"]

    assert variables["POWERTOOLS_SERVICE_NAME"] == WATCHED["CredentialsOrSettingsAlarm"][3]["Value"]
