"""What is added to records, deployed: by the role that the template gives, from the emulator's own alarms and logs."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.alarms import alarm_event, put_event
from local.stack import STACK_NAME, LocalStack
from tests.e2e.deployments import deployed_with
from tests.e2e.identities import clients_of_role
from tests.support.planted import SECRETS, lines_with

ALARM = "checkout errors"


@pytest.fixture(scope="module")
def adding(deployed: LocalStack) -> Iterator[LocalStack]:
    """The stack with everything that can be added, an alarm on one of its functions, and lines in that one's log."""
    with deployed_with(deployed, FollowUps="graph,log,events"):
        _fill(deployed)
        yield deployed


def _fill(deployed: LocalStack) -> None:
    """Let the alarm have a metric, and the log lines that hold secrets."""
    deployed.store_credentials()
    cloudwatch: Any = deployed.root.client("cloudwatch")
    metric = {"Namespace": "AWS/Lambda", "MetricName": "Errors"}
    dimensions = [{"Name": "FunctionName", "Value": deployed.outputs["EventsFunctionName"]}]
    cloudwatch.put_metric_alarm(
        AlarmName=ALARM,
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=5,
        ComparisonOperator="GreaterThanThreshold",
        Dimensions=dimensions,
        **metric,
    )
    now = datetime.now(UTC)
    cloudwatch.put_metric_data(
        Namespace=metric["Namespace"],
        MetricData=[
            {
                "MetricName": metric["MetricName"],
                "Dimensions": dimensions,
                "Timestamp": now - timedelta(minutes=minutes),
                "Value": 9.0 if minutes < 4 else float(minutes % 3),
            }
            for minutes in range(170)
        ],
    )
    group = deployed.outputs["EventsLogGroupName"]
    deployed.root.logs.create_log_stream(logGroupName=group, logStreamName="planted")
    deployed.root.logs.put_log_events(
        logGroupName=group,
        logStreamName="planted",
        logEvents=[
            {"timestamp": int(now.timestamp() * 1000) - 1000 + number, "message": f"ERROR {line}"}
            for number, line in enumerate(lines_with())
        ],
    )


def put(stack: LocalStack, state: str) -> None:
    """Put the event of that alarm on the bus, and wait until it is handled."""
    event = alarm_event(state, name=ALARM)
    dimensions = {"FunctionName": stack.outputs["EventsFunctionName"]}
    metric = {"namespace": "AWS/Lambda", "name": "Errors", "dimensions": dimensions}
    event["detail"]["configuration"]["metrics"] = [{"id": "m", "metricStat": {"metric": metric, "stat": "Sum"}}]
    put_event(stack.root, event)
    stack.wait_until_handled()


def test_graph_log_and_picture_of_the_episode_come_after_the_record(adding: LocalStack) -> None:
    """Each once; nothing that is planted in the log is anywhere in ServiceNow."""
    simulator = adding.simulator
    put(adding, "ALARM")
    [incident] = [row for row in simulator.records("incident") if ALARM in row["short_description"]]
    adding.wait_until(lambda: len(files(adding, incident)) == 1, "The picture was not attached", 60)
    adding.wait_until(lambda: bool(notes(adding, incident["sys_id"])), "The log was not added", 60)
    put(adding, "OK")
    adding.wait_until(lambda: len(files(adding, incident)) == 2, "The picture of the episode was not attached", 60)

    fired, episode = files(adding, incident)
    assert "-fired-" in fired["file_name"]
    assert "-episode-" in episode["file_name"]
    assert (simulator.file(fired["sys_id"]) or b"").startswith(b"\x89PNG")
    [note] = [text for text in notes(adding, incident["sys_id"]) if "Log group" in text]
    assert "ERROR" in note
    everything = str([simulator.records(name) for name in ("incident", "sys_journal_field", "sys_attachment")])
    assert [secret for secret in SECRETS if secret in everything] == []


def files(stack: LocalStack, record: dict[str, str]) -> list[dict[str, str]]:
    """Return the attachments of a record, the oldest first."""
    return [row for row in stack.simulator.records("sys_attachment") if row["table_sys_id"] == record["sys_id"]]


def notes(stack: LocalStack, sys_id: str) -> list[str]:
    """Return the work notes of a record."""
    return stack.simulator.journal(sys_id, "work_notes")


def test_its_role_looks_and_changes_nothing(adding: LocalStack) -> None:
    """It sees alarms and logs, and can neither write them nor read what the ledger knows of problems."""
    resources = adding.root.cloudformation.describe_stack_resources(StackName=STACK_NAME)["StackResources"]
    (role,) = [one["PhysicalResourceId"] for one in resources if one["LogicalResourceId"] == "FollowUpFunctionRole"]
    clients = clients_of_role(adding, role)

    assert clients.client("cloudwatch").describe_alarms(AlarmNames=[ALARM])["MetricAlarms"]
    for service, call, arguments in (
        ("cloudwatch", "delete_alarms", {"AlarmNames": [ALARM]}),
        ("logs", "delete_log_group", {"logGroupName": adding.outputs["EventsLogGroupName"]}),
        ("sqs", "send_message", {"QueueUrl": adding.outputs["QueueUrl"], "MessageBody": "{}"}),
    ):
        client: Any = clients.client(service)
        with pytest.raises(ClientError, match="AccessDenied"):
            getattr(client, call)(**arguments)
