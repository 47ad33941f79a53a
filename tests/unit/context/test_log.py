"""Which log belongs to an event, and which of its lines a person gets to read."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import pytest

from common.clock import Deadline
from common.context.log import AFTER, BEFORE, LONGEST_LINE, MOST_BYTES, MOST_LINES, Log
from common.context.log_groups import ERRORS
from common.context.outside import Outside
from common.context.queries import lines_of
from common.context.request import Request
from common.errors import BridgeError, ConfigurationError, PermanentError, TransientError
from tests.support.aws_service import Service, refused
from tests.support.clock import FakeClock
from tests.support.context import BEGAN, event, request, services_at
from tests.support.planted import SECRETS, lines_with

HISTORY = {
    "events": [
        {
            "timestamp": 0,
            "id": 5,
            "previousEventId": 4,
            "type": "ExecutionFailed",
            "executionFailedEventDetails": {"error": "E"},
        },
        {
            "timestamp": 0,
            "id": 4,
            "previousEventId": 3,
            "type": "LambdaFunctionFailed",
            "lambdaFunctionFailedEventDetails": {"error": "ValueError", "cause": "No template for group 7"},
        },
        {"timestamp": 0, "id": 3, "previousEventId": 2, "type": "LambdaFunctionStarted"},
        {
            "timestamp": 0,
            "id": 2,
            "previousEventId": 1,
            "type": "TaskStateEntered",
            "stateEnteredEventDetails": {"name": "Render"},
        },
    ]
}
ANSWERS: dict[str, dict[str, Mapping[str, Any]]] = {
    "lambda": {"GetFunctionConfiguration": {"LoggingConfig": {"LogGroup": "/shop/checkout"}}},
    "ecs": {
        "DescribeServices": {"services": [{"taskDefinition": "checkout:41"}]},
        "DescribeTaskDefinition": {
            "taskDefinition": {
                "containerDefinitions": [
                    {
                        "name": "checkout",
                        "logConfiguration": {
                            "logDriver": "awslogs",
                            "options": {"awslogs-group": "/ecs/checkout", "awslogs-stream-prefix": "run"},
                        },
                    },
                    {"name": "proxy", "logConfiguration": {"logDriver": "splunk", "options": {}}},
                ]
            }
        },
    },
    "apigateway": {
        "GetRestApis": {"items": [{"id": "other", "name": "other"}, {"id": "a1b2", "name": "shop"}]},
        "GetStage": {
            "accessLogSettings": {"destinationArn": "arn:aws:logs:eu-central-1:111122223333:log-group:/shop/access"},
            "methodSettings": {"*/*": {"loggingLevel": "ERROR"}},
        },
    },
    "apigatewayv2": {
        "GetStage": {
            "StageName": "prod",
            "AccessLogSettings": {"DestinationArn": "arn:aws:logs:eu-central-1:111122223333:log-group:/shop/http:*"},
        }
    },
    "stepfunctions": {
        "GetExecutionHistory": HISTORY,
        "ListExecutions": {
            "executions": [
                {
                    "executionArn": "arn:aws:states:eu-central-1:111122223333:execution:invoice-run:newest",
                    "stateMachineArn": "arn:aws:states:eu-central-1:111122223333:stateMachine:invoice-run",
                    "name": "newest",
                    "status": "FAILED",
                    "startDate": 0,
                }
            ]
        },
    },
    "logs": {
        "DescribeLogGroups": {
            "logGroups": [{"logGroupName": f"/aws/rds/instance/orders/{one}"} for one in ("error", "slowquery")]
        },
        "DescribeMetricFilters": {"metricFilters": [{"logGroupName": "/shop/payments", "filterPattern": "refused"}]},
        "StartQuery": {"queryId": "q"},
        "StopQuery": {"success": True},
        "GetQueryResults": {
            "status": "Complete",
            "results": [
                [
                    {"field": "@timestamp", "value": "2026-11-23 15:05:01"},
                    {"field": "@message", "value": "payment refused"},
                ]
            ],
        },
    },
}


class World:
    """AWS, as far as a log needs it. `answers` replace those of all."""

    def __init__(self, *lines: str, **answers: Mapping[str, Any] | Exception) -> None:
        """Let every log group hold these lines, the newest last."""
        self.clock = FakeClock(BEGAN / 1000 + 60)
        self.lines = lines or ("ERROR it broke",)
        self.answers = answers
        self.services = {name: Service(name, partial(self.answer, name)) for name in ANSWERS}
        self.log = Log(services_at(self.clock, **self.services), Outside(), self.clock)

    def answer(self, service: str, call: str, asked: Mapping[str, Any]) -> Mapping[str, Any] | Exception:
        """Answer a call."""
        if call in self.answers:
            return self.answers[call]
        if call != "FilterLogEvents":
            return ANSWERS[service][call]
        newest = list(enumerate(self.lines))[-asked["limit"] :]
        return {"events": [{"timestamp": BEGAN - 1000 + number, "message": line} for number, line in reversed(newest)]}

    def notes(self, asked: Request) -> list[str]:
        """Return the texts that are found."""
        return [note.text for note in self.log(asked, Deadline.after(self.clock, 60))]

    def asked(self, call: str) -> list[Mapping[str, Any]]:
        """Return the arguments of every call of that name."""
        return [told for service in self.services.values() for name, told in service.calls if name == call]


def metric(namespace: str, name: str = "Errors", **dimensions: str) -> dict[str, Any]:
    """Return the event of an alarm on a metric."""
    stat = {"metricStat": {"metric": {"namespace": namespace, "name": name, "dimensions": dimensions}}}
    return event("cloudwatch-alarm-metric-alarm", configuration={"metrics": [stat]})


@pytest.mark.parametrize(
    ("about", "groups"),
    [
        (metric("AWS/Lambda", FunctionName="checkout"), [("/shop/checkout", ERRORS)]),
        (metric("AWS/ECS", ClusterName="shop", ServiceName="checkout"), [("/ecs/checkout", ERRORS)]),
        (metric("AWS/RDS", DBInstanceIdentifier="orders"), [("/aws/rds/instance/orders/error", None)]),
        (
            metric("AWS/ApiGateway", ApiName="shop", Stage="prod"),
            [("API-Gateway-Execution-Logs_a1b2/prod", None), ("/shop/access", None)],
        ),
        (metric("AWS/ApiGateway", ApiId="x9", Stage="prod"), [("/shop/http", None)]),
        (metric("Shop/Payments", "Refused"), [("/shop/payments", "refused")]),
        (event("ecs-deployment-failed"), [("/ecs/checkout", ERRORS)]),
        (event("lambda-invocation-failure"), [("/shop/checkout", ERRORS)]),
        (event("rds-storage-low"), [("/aws/rds/instance/orders/error", None)]),
        (event("codebuild-build-failed"), [("/aws/codebuild/shop-tests", "")]),
        (metric("AWS/EC2", InstanceId="i-1"), []),
        (event("guardduty-finding-high"), []),
    ],
    ids=[
        "Lambda",
        "ECS service",
        "RDS",
        "REST API",
        "HTTP API",
        "metric filter",
        "deployment",
        "destination",
        "database",
        "build",
        "EC2",
        "finding",
    ],
)
def test_the_log_of_a_resource_is_found(about: dict[str, Any], groups: list[tuple[str, str | None]]) -> None:
    """Each way of finding it, and nothing where there is no way."""
    world = World()
    notes = world.notes(request(about))

    found = [(asked["logGroupName"], asked.get("filterPattern", "")) for asked in world.asked("FilterLogEvents")]
    assert [name for name, _ in found] == [name for name, _ in groups]
    assert all(pattern in (None, seen) for (_, seen), (_, pattern) in zip(found, groups, strict=True))
    assert len(notes) == len(groups)


def test_of_a_task_that_failed_its_own_stream_is_read_whole() -> None:
    """Whatever words it uses."""
    world = World("no module named shop")
    world.notes(request(event("ecs-task-failed")))

    [asked] = world.asked("FilterLogEvents")
    assert asked["logStreamNamePrefix"] == "run/checkout/9fe01a1b0831002ee66e429ee5b7ae2e"
    assert "filterPattern" not in asked


def test_a_note_shows_the_newest_lines_with_their_times() -> None:
    """Bounded in time, number and length."""
    world = World(*(f"ERROR {number} {'x' * 2_000 if number == 49 else ''}" for number in range(50)))
    [note] = world.notes(request(metric("AWS/Lambda", FunctionName="checkout")))

    [asked] = world.asked("FilterLogEvents")
    assert (asked["startTime"], asked["limit"], asked["startFromHead"]) == (BEGAN - BEFORE, MOST_LINES, False)
    assert BEGAN <= asked["endTime"] <= BEGAN + AFTER
    head, *lines = note.split("\n")
    assert "/shop/checkout" in head
    assert lines[-1].startswith("09:15:30 ERROR 49 x")
    assert len(lines[-1]) <= LONGEST_LINE + 10
    assert lines[0].startswith("09:15:30 ERROR 30")
    assert len(note) < 4_000


@pytest.mark.parametrize("configuration", ["production", ["production"], None])
def test_an_event_that_calls_something_else_its_configuration_has_a_log_too(configuration: object) -> None:
    """Only that of an alarm is an object, in which a query may stand; others choose their own words."""
    [note] = World().notes(request(event("ecs-task-failed", configuration=configuration)))

    assert "it broke" in note


def test_pages_without_a_line_are_read_on_and_not_for_ever() -> None:
    """CloudWatch answers empty pages while it searches."""
    world = World(FilterLogEvents={"events": [], "nextToken": "more"})

    assert world.notes(request(metric("AWS/Lambda", FunctionName="checkout"))) == []
    assert len(world.asked("FilterLogEvents")) == 10


def test_a_failed_state_is_told_with_its_cause() -> None:
    """Of the execution that the event names, and of an alarm's state machine the newest that failed."""
    machine = "arn:aws:states:eu-central-1:111122223333:stateMachine:invoice-run"
    for about, name in (
        (event("stepfunctions-execution-failed"), "f49bcd10-b8c5-4c66-b2b1-5a8253784595"),
        (metric("AWS/States", "ExecutionsFailed", StateMachineArn=machine), "newest"),
    ):
        [note] = World().notes(request(about))
        assert note.split("\n") == [
            f"Execution {name} of invoice-run:",
            "State: Render (LambdaFunctionFailed)",
            "Error: ValueError",
            "Cause: No template for group 7",
        ]


def test_an_alarm_on_logs_shows_the_lines_that_it_counts() -> None:
    """By its own query, within its own time."""
    world = World()
    [note] = world.notes(request(event("cloudwatch-log-query-alarm")))

    [asked] = world.asked("StartQuery")
    assert asked["logGroupIdentifiers"] == ["/aws/lambda/checkout"]
    assert asked["queryString"].startswith("fields @timestamp, @message | fields @timestamp, @message | filter")
    assert asked["endTime"] - asked["startTime"] <= (BEFORE + AFTER) / 1000 + 1
    assert note.endswith("2026-11-23 15:05:01 payment refused")


@pytest.mark.parametrize(
    "answer",
    [
        {"status": "Running", "statistics": {"bytesScanned": MOST_BYTES + 1.0}},
        {"status": "Running", "statistics": {"bytesScanned": 1.0}},
    ],
    ids=["a gigabyte", "too slow"],
)
def test_a_query_that_costs_too_much_is_stopped(answer: dict[str, Any]) -> None:
    """CloudWatch charges by the gigabyte."""
    world = World(GetQueryResults=answer)

    with pytest.raises(PermanentError) as caught:
        world.notes(request(event("cloudwatch-log-query-alarm")))

    assert caught.value.code == "query_stopped"
    assert world.asked("StopQuery") == [{"queryId": "q"}]


@pytest.mark.parametrize(
    ("query", "lines"),
    [
        ("filter @message like /a|b/ | stats count(*) by bin(5m)", "filter @message like /a|b/"),
        ('filter @message like "x|y" and status = 500 | stats sum(n)', 'filter @message like "x|y" and status = 500'),
        ("fields @timestamp | parse @message 'user=*' as user | filter user = 'a|b' | sort user | limit 3", None),
        ("stats count(*) by @logStream", ""),
    ],
)
def test_what_chooses_lines_stays_of_a_query(query: str, lines: str | None) -> None:
    """And nothing that makes something else of them. Bars in texts and patterns are no ends."""
    kept = "fields @timestamp | parse @message 'user=*' as user | filter user = 'a|b'" if lines is None else lines
    expected = " | ".join(filter(None, ["fields @timestamp, @message", kept, "sort @timestamp desc", "limit 20"]))

    assert lines_of(query, 20) == expected


@pytest.mark.parametrize("query", ["SELECT * FROM `log`", "SOURCE logGroups()", "x" * 9_000])
def test_a_query_of_another_language_is_left_alone(query: str) -> None:
    """Nobody guesses."""
    assert lines_of(query, 20) is None


@pytest.mark.parametrize(
    ("call", "fault", "error", "says"),
    [
        ("FilterLogEvents", refused("AccessDeniedException"), ConfigurationError, "logs:FilterLogEvents"),
        ("FilterLogEvents", refused("ResourceNotFoundException"), PermanentError, "logs:FilterLogEvents"),
        ("FilterLogEvents", refused("ThrottlingException"), TransientError, "logs:FilterLogEvents"),
        (
            "GetFunctionConfiguration",
            refused("AccessDeniedException"),
            ConfigurationError,
            "lambda:GetFunctionConfiguration",
        ),
    ],
    ids=["no right", "no such group", "throttled", "no right to find it"],
)
def test_what_aws_refuses_names_the_permission(
    call: str, fault: Exception, error: type[BridgeError], says: str
) -> None:
    """Whether it is worth another try is the error's kind."""
    with pytest.raises(error, match=says):
        World(**{call: fault}).notes(request(metric("AWS/Lambda", FunctionName="checkout")))


def test_a_log_group_in_another_account_is_not_looked_into() -> None:
    """Unless a role is named there."""
    with pytest.raises(ConfigurationError, match="999999999999"):
        World().notes(request({**metric("AWS/Lambda", FunctionName="checkout"), "account": "999999999999"}))


@pytest.mark.attack
def test_nothing_secret_travels() -> None:
    """Keys, tokens, passwords, numbers of cards and mail addresses in lines of a log, and in a cause."""
    world = World(*lines_with())
    notes = world.notes(request(metric("AWS/Lambda", FunctionName="checkout")))
    for line in lines_with():
        failed = {**HISTORY["events"][1], "lambdaFunctionFailedEventDetails": {"error": "E", "cause": line}}
        notes += World(GetExecutionHistory={"events": [failed]}).notes(request(event("stepfunctions-execution-failed")))

    assert len(notes) > len(lines_with())
    assert [secret for secret in SECRETS if secret in "\n".join(notes)] == []
