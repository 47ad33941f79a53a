"""Which log belongs to what an event is about."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from common.context.aws import Services
from common.context.request import Request
from common.errors import PermanentError

ERRORS = '?ERROR ?Error ?error ?Exception ?FATAL ?Fatal ?CRITICAL ?Traceback ?panic ?"timed out" ?OutOfMemory'
"""What a line of a program says that went wrong: a pattern of FilterLogEvents."""

_OF_API = '?"Execution failed" ?"status\\":\\"5" ?"status\\": \\"5" ?"status\\":5" ?"status\\": 5" ' + " ".join(
    f'?" {status} "' for status in (500, 502, 503, 504)
)
_OF_DATABASE = "?ERROR ?FATAL ?PANIC ?CRASH ?Error ?deadlock"
_DATABASE_LOGS = ("error", "postgresql", "alert", "agent")
_MOST_GROUPS = 3
_MOST_APIS = 500
_ECS_LOGS = "awslogs"


@dataclass(frozen=True, slots=True)
class LogSource:
    """A log group, which of its lines count, and the streams that are meant, none for all."""

    group: str
    pattern: str = ERRORS
    stream_prefix: str = ""


class LogGroups:
    """Finds the logs of an event."""

    def __init__(self, services: Services) -> None:
        """Ask AWS what the event does not say."""
        self._services = services

    def of(self, request: Request) -> Sequence[LogSource]:
        """Return the log groups of an event's resource, those of which it names nothing left out.

        Raises what `Services.ask` raises.
        """
        detail = request.detail
        match request.event.get("detail-type"):
            case "CloudWatch Alarm State Change":
                found = self._of_alarm(request)
            case "ECS Task State Change":
                found = self._of_task(request, str(detail.get("taskDefinitionArn", "")), str(detail.get("taskArn", "")))
            case "ECS Service Action" | "ECS Deployment State Change":
                found = self._of_service_named(request)
            case "Lambda Function Invocation Result - Failure":
                arn = str(_at(detail, "requestContext", "functionArn") or "")
                found = self._of_function(request, arn.split(":")[6]) if arn.count(":") >= 6 else iter(())  # noqa: PLR2004
            case "RDS DB Instance Event":
                found = self._of_database(request, "instance", str(detail.get("SourceIdentifier", "")))
            case "RDS DB Cluster Event":
                found = self._of_database(request, "cluster", str(detail.get("SourceIdentifier", "")))
            case "CodeBuild Build State Change":
                found = _of_build(detail)
            case _:
                found = iter(())
        return list(dict.fromkeys(found))[:_MOST_GROUPS]

    def _of_alarm(self, request: Request) -> Iterator[LogSource]:
        for namespace, name, dimensions in metrics_of(request.detail):
            match namespace:
                case "AWS/Lambda" if "FunctionName" in dimensions:
                    yield from self._of_function(request, dimensions["FunctionName"])
                case "AWS/ECS" | "ECS/ContainerInsights" if {"ClusterName", "ServiceName"} <= dimensions.keys():
                    yield from self._of_service(request, dimensions["ClusterName"], dimensions["ServiceName"])
                case "AWS/RDS" if "DBInstanceIdentifier" in dimensions:
                    yield from self._of_database(request, "instance", dimensions["DBInstanceIdentifier"])
                case "AWS/RDS" if "DBClusterIdentifier" in dimensions:
                    yield from self._of_database(request, "cluster", dimensions["DBClusterIdentifier"])
                case "AWS/ApiGateway":
                    yield from self._of_api(request, dimensions)
                case _ if not namespace.startswith("AWS/"):
                    yield from self._of_filters(request, namespace, name)

    def _of_function(self, request: Request, name: str) -> Iterator[LogSource]:
        answer = self._services.ask("lambda", request.place, "get_function_configuration", FunctionName=name)
        yield LogSource(_at(answer, "LoggingConfig", "LogGroup") or f"/aws/lambda/{name}")

    def _of_service(self, request: Request, cluster: str, service: str) -> Iterator[LogSource]:
        answer = self._services.ask("ecs", request.place, "describe_services", cluster=cluster, services=[service])
        for found in answer.get("services", []):
            yield from self._of_task(request, found.get("taskDefinition", ""), "")

    def _of_service_named(self, request: Request) -> Iterator[LogSource]:
        """Yield the logs of the service that an event's ARN names: `…:service/<cluster>/<service>`."""
        resources = request.event.get("resources")
        parts = str(resources[0] if isinstance(resources, list) and resources else "").split("/")
        if len(parts) == 3:  # noqa: PLR2004 (the long form, which every service has had since 2021)
            yield from self._of_service(request, parts[1], parts[2])

    def _of_task(self, request: Request, definition: str, task: str) -> Iterator[LogSource]:
        if not definition:
            return
        answer = self._services.ask("ecs", request.place, "describe_task_definition", taskDefinition=definition)
        for container in answer["taskDefinition"].get("containerDefinitions", []):
            log = container.get("logConfiguration", {})
            options = log.get("options", {})
            if log.get("logDriver") != _ECS_LOGS or "awslogs-group" not in options:
                continue
            prefix = options.get("awslogs-stream-prefix", "")
            # A stream is called <prefix>/<container>/<task>. Of one task that failed every line may say why.
            stream = f"{prefix}/{container['name']}/{task.rpartition('/')[2]}" if prefix and task else ""
            yield LogSource(options["awslogs-group"], "" if stream else ERRORS, stream)

    def _of_database(self, request: Request, kind: str, name: str) -> Iterator[LogSource]:
        if not name:
            return
        prefix = f"/aws/rds/{kind}/{name}/"
        answer = self._services.ask("logs", request.place, "describe_log_groups", logGroupNamePrefix=prefix)
        names = [group["logGroupName"] for group in answer.get("logGroups", [])]
        for wanted in _DATABASE_LOGS:
            yield from (LogSource(group, _OF_DATABASE) for group in names if group == f"{prefix}{wanted}")

    def _of_api(self, request: Request, dimensions: Mapping[str, str]) -> Iterator[LogSource]:
        stage = dimensions.get("Stage", "")
        if not stage:
            return
        if api := dimensions.get("ApiId"):
            answer = self._services.ask("apigatewayv2", request.place, "get_stage", ApiId=api, StageName=stage)
            group = _named_in(_at(answer, "AccessLogSettings", "DestinationArn"))
        else:
            found = self._services.ask("apigateway", request.place, "get_rest_apis", limit=_MOST_APIS)
            name = dimensions.get("ApiName")
            api = next((one["id"] for one in found.get("items", []) if one.get("name") == name), None)
            if api is None:
                raise PermanentError(
                    "The API is not there any more.", action="Nothing is to be done.", code="aws_absent"
                )
            answer = self._services.ask("apigateway", request.place, "get_stage", restApiId=api, stageName=stage)
            group = _named_in(_at(answer, "accessLogSettings", "destinationArn"))
            if any(one.get("loggingLevel", "OFF") != "OFF" for one in answer.get("methodSettings", {}).values()):
                yield LogSource(f"API-Gateway-Execution-Logs_{api}/{stage}", _OF_API)
        if group:
            yield LogSource(group, _OF_API)

    def _of_filters(self, request: Request, namespace: str, name: str) -> Iterator[LogSource]:
        """Yield the groups from which a metric filter makes the metric, each with the filter's own pattern."""
        answer = self._services.ask(
            "logs", request.place, "describe_metric_filters", metricNamespace=namespace, metricName=name
        )
        for found in answer.get("metricFilters", []):
            if "logGroupName" in found:
                yield LogSource(found["logGroupName"], found.get("filterPattern", ""))


def metrics_of(detail: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, str]]]:
    """Yield namespace, name and dimensions of each metric of an alarm, as its event names them."""
    metrics = _at(detail, "configuration", "metrics")
    for one in metrics if isinstance(metrics, list) else []:
        metric = _at(one, "metricStat", "metric")
        if isinstance(metric, dict) and isinstance(metric.get("namespace"), str):
            dimensions = metric.get("dimensions")
            yield metric["namespace"], str(metric.get("name", "")), dimensions if isinstance(dimensions, dict) else {}


def _of_build(detail: Mapping[str, Any]) -> Iterator[LogSource]:
    logs = _at(detail, "additional-information", "logs")
    if isinstance(logs, dict) and isinstance(logs.get("group-name"), str) and isinstance(logs.get("stream-name"), str):
        # The end of a build's own log says why it failed, whatever words it uses.
        yield LogSource(logs["group-name"], "", logs["stream-name"])


def _named_in(arn: object) -> str:
    """Return the name of a log group in its ARN; empty where it is another kind of destination."""
    found = re.fullmatch(r"arn:[^:]+:logs:[^:]*:[^:]*:log-group:([^:]+)(?::\*)?", str(arn or ""))
    return found[1] if found else ""


def _at(value: object, *names: str) -> Any:  # noqa: ANN401 (any JSON value)
    """Return what stands at a place inside JSON objects, None where nothing does."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value
