"""Which state of a state machine failed, and why, as the history of its execution says."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from common.context.aws import Services
from common.context.log_groups import metrics_of
from common.context.request import Request

_MOST_EVENTS = 100
_FAILED = ("Failed", "TimedOut", "Aborted")
_CHANGE = "Step Functions Execution Status Change"
_ENDED_BADLY = ("FAILED", "TIMED_OUT")


class Executions:
    """Finds the execution that an event is about, or the newest one of an alarm's state machine that failed."""

    def __init__(self, services: Services) -> None:
        """Ask Step Functions in the account and Region of the event."""
        self._services = services

    def of(self, request: Request) -> Iterator[Sequence[str]]:
        """Yield, for each execution, lines that say which state failed and why. Raises what `Services.ask` raises."""
        for arn in self._executions(request):
            answer = self._services.ask(
                "stepfunctions",
                request.place,
                "get_execution_history",
                executionArn=arn,
                reverseOrder=True,
                maxResults=_MOST_EVENTS,
                includeExecutionData=False,
            )
            if lines := list(_told(answer.get("events", []))):
                yield [f"Execution {arn.rpartition(':')[2]} of {arn.split(':')[-2]}:", *lines]

    def _executions(self, request: Request) -> Iterator[str]:
        if request.event.get("detail-type") == _CHANGE:
            arn = request.detail.get("executionArn")
            # Express executions keep no history.
            if isinstance(arn, str) and ":execution:" in arn:
                yield arn
            return
        for namespace, name, dimensions in metrics_of(request.detail):
            if namespace != "AWS/States" or "StateMachineArn" not in dimensions:
                continue
            status = "TIMED_OUT" if "TimedOut" in name else "FAILED"
            answer = self._services.ask(
                "stepfunctions",
                request.place,
                "list_executions",
                stateMachineArn=dimensions["StateMachineArn"],
                statusFilter=status,
                maxResults=1,
            )
            yield from (one["executionArn"] for one in answer.get("executions", []))
            return


def _told(events: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the newest failure with its cause, and the state in which it happened; events come newest first."""
    by_id = {event["id"]: event for event in events}
    for event in events:
        if not event["type"].endswith(_FAILED) or event["type"].startswith("Execution"):
            continue
        details: Mapping[str, Any] = next((part for name, part in event.items() if name.endswith("Details")), {})
        yield f"State: {_state(event, by_id) or 'unknown'} ({event['type']})"
        yield from (f"{name.capitalize()}: {details[name]}" for name in ("error", "cause") if details.get(name))
        return
    for event in events:
        ended = event.get("executionFailedEventDetails") or event.get("executionTimedOutEventDetails")
        if ended:
            yield from (f"{name.capitalize()}: {ended[name]}" for name in ("error", "cause") if ended.get(name))
            return


def _state(event: Mapping[str, Any], by_id: Mapping[int, Mapping[str, Any]]) -> str:
    """Return the name of the state that an event happened in: that of the state that was entered before it."""
    seen = set()
    while event["id"] not in seen:
        seen.add(event["id"])
        if "stateEnteredEventDetails" in event:
            return str(event["stateEnteredEventDetails"]["name"])
        event = by_id.get(event.get("previousEventId", 0), event)
    return ""
