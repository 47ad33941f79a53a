"""Whether AWS lets what is added to records be looked for: each call is made once, for things that are not there."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from common.checkup.report import Finding
from common.clock import Deadline
from common.context.aws import Services
from common.context.request import Place
from common.errors import BridgeError, ConfigurationError, PermanentError
from common.incidents.alert import FollowUp

_NOBODY = "servicenow-bridge-doctor"
_WIDGET = '{"metrics": [["AWS/SQS", "NumberOfMessagesSent"]], "width": 100, "height": 100}'


@dataclass(frozen=True, slots=True)
class Trial:
    """One call."""

    service: str
    operation: str
    arguments: dict[str, Any]


def trials(kind: str, place: Place, partition: str) -> list[Trial]:
    """Return every call that looks for one kind of addition."""
    states = f"arn:{partition}:states:{place.region}:{place.account}"
    match kind:
        case FollowUp.GRAPH:
            return [
                Trial("cloudwatch", "describe_alarms", {"MaxRecords": 1}),
                Trial("cloudwatch", "get_metric_widget_image", {"MetricWidget": _WIDGET}),
            ]
        case FollowUp.LOG:
            return [
                Trial("logs", "describe_log_groups", {"limit": 1}),
                Trial("logs", "describe_metric_filters", {"limit": 1}),
                Trial("logs", "filter_log_events", {"logGroupName": _NOBODY, "limit": 1}),
                Trial(
                    "logs",
                    "start_query",
                    {"logGroupName": _NOBODY, "startTime": 0, "endTime": 1, "queryString": "limit 1"},
                ),
                Trial("logs", "get_query_results", {"queryId": _NOBODY}),
                Trial("logs", "stop_query", {"queryId": _NOBODY}),
                Trial("lambda", "get_function_configuration", {"FunctionName": _NOBODY}),
                Trial("ecs", "describe_services", {"cluster": _NOBODY, "services": [_NOBODY]}),
                Trial("ecs", "describe_task_definition", {"taskDefinition": _NOBODY}),
                Trial("stepfunctions", "list_executions", {"stateMachineArn": f"{states}:stateMachine:{_NOBODY}"}),
                Trial(
                    "stepfunctions",
                    "get_execution_history",
                    {"executionArn": f"{states}:execution:{_NOBODY}:{_NOBODY}"},
                ),
                Trial("apigateway", "get_rest_apis", {"limit": 1}),
                Trial("apigateway", "get_stage", {"restApiId": "doctor", "stageName": "none"}),
                Trial("apigatewayv2", "get_stage", {"ApiId": "doctor", "StageName": "none"}),
            ]
        case _:
            return [Trial("cloudtrail", "lookup_events", {"MaxResults": 1})]


@dataclass(frozen=True, slots=True)
class FollowUpTrial:
    """The check of the calls behind `kinds`, made in the function's own account and Region."""

    services: Services
    kinds: Collection[str]
    place: Place
    partition: str

    def made(self, _: Deadline) -> Finding:
        """Make each call, and name every permission that is missing. That nothing is found is what is expected."""
        if not self.kinds:
            return Finding("off: FollowUps is empty")
        calls = [one for kind in sorted(self.kinds) for one in trials(kind, self.place, self.partition)]
        troubles = [trouble for call in calls if (trouble := self._trouble_of(call)) is not None]
        denied = [trouble.message for trouble in troubles if isinstance(trouble, ConfigurationError)]
        if denied:
            raise ConfigurationError(
                " ".join(dict.fromkeys(denied)),
                action="Let the roles, the boundary and the organisation's policies allow it, or take the entry out of "
                "FollowUps.",
                code="aws_denied",
            )
        if troubles:
            return Finding(f"{len(troubles)} calls were not answered; try again", observed=False)
        return Finding(f"every call for {', '.join(sorted(self.kinds))} is allowed")

    def _trouble_of(self, call: Trial) -> BridgeError | None:
        try:
            self.services.ask(call.service, self.place, call.operation, **call.arguments)
        except PermanentError:
            return None
        except BridgeError as error:
            return error
        return None
