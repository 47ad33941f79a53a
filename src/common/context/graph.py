"""The metric of an alarm as a picture: of a composite alarm those of the children that fire."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from common.clock import Clock, Deadline
from common.context.additions import File
from common.context.aws import Services
from common.context.request import Request
from common.context.widget import Span, iso, widget_of
from common.errors import PermanentError
from common.masking import masking
from common.servicenow.client import Content
from common.strict_json import json_object

MOST_BYTES = 4 * 1024 * 1024
"""A larger picture is left out; ServiceNow's own limit for attachments is configured by each instance."""

MOST_GRAPHS = 4
"""Of the children of one composite alarm."""

_MOST_LEVELS = 3
_MOST_ALARMS = 20
_CHANGE = "CloudWatch Alarm State Change"
_KINDS = ["MetricAlarm", "CompositeAlarm"]
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_LONGEST_NAME = 60


class Graphs:
    """Draws the alarm that an event is about."""

    def __init__(self, services: Services, clock: Clock) -> None:
        """Ask CloudWatch in the account and Region of the event."""
        self._services = services
        self._clock = clock

    def __call__(self, request: Request, deadline: Deadline) -> Sequence[File]:
        """Return a picture of each metric that fires, none where the event is about no alarm or about one of logs.

        Raises PermanentError where the alarm is gone or a picture too large, and what `Services.ask` raises.
        """
        if request.event.get("detail-type") != _CHANGE or not isinstance(request.detail.get("alarmName"), str):
            return []
        span = Span.of(request.began, request.ended, int(self._clock.now() * 1000))
        found = []
        for alarm in self._drawn(request):
            widget = widget_of(alarm, span)
            if widget is not None and deadline.remaining() > 0:
                answer = self._services.ask(
                    "cloudwatch", request.place, "get_metric_widget_image", MetricWidget=widget, OutputFormat="png"
                )
                found.append(File(_name(alarm["AlarmName"], span), _picture(answer["MetricWidgetImage"])))
        return found

    def _drawn(self, request: Request) -> Sequence[Mapping[str, Any]]:
        """Return the metric alarms that an alarm stands for."""
        waiting = [request.detail["alarmName"]]
        metric: list[Mapping[str, Any]] = []
        seen: set[str] = set()
        for level in range(_MOST_LEVELS):
            names = [name for name in dict.fromkeys(waiting) if name not in seen][:_MOST_ALARMS]
            if not names or len(metric) >= MOST_GRAPHS:
                break
            seen.update(names)
            answer = self._services.ask(
                "cloudwatch", request.place, "describe_alarms", AlarmNames=names, AlarmTypes=_KINDS
            )
            composite = answer.get("CompositeAlarms", [])
            metric += answer.get("MetricAlarms", [])
            if level == 0 and not metric and not composite and not request.configuration.get("queryString"):
                raise PermanentError(
                    "The alarm is not there any more.", action="Nothing is to be done.", code="aws_absent"
                )
            triggering = list(_triggering(request)) if level == 0 else []
            waiting = triggering or [name for one in composite for name in self._children(one, request)]
        return metric[:MOST_GRAPHS]

    def _children(self, alarm: Mapping[str, Any], request: Request) -> Iterator[str]:
        """Yield those that fire, or all of them once the problem is over."""
        named = alarm["AlarmName"]
        answer = self._services.ask(
            "cloudwatch", request.place, "describe_alarms", ChildrenOfAlarmName=named, AlarmTypes=_KINDS
        )
        for child in (*answer.get("MetricAlarms", []), *answer.get("CompositeAlarms", [])):
            if request.ended is not None or child.get("StateValue") == "ALARM":
                yield child["AlarmName"]


def _triggering(request: Request) -> Iterable[str]:
    """Yield the children that an event of a composite alarm names, as far as they are in its account and Region.

    The event of a recovery says in its state before which of them fired.
    """
    state = request.detail.get("state" if request.ended is None else "previousState")
    try:
        data = json_object(state["reasonData"]) if isinstance(state, dict) else None
        arns = [one["arn"] for one in (data or {}).get("triggeringAlarms", [])]
    except (KeyError, TypeError):
        return
    for arn in arns:
        parts = str(arn).split(":", 6)
        if len(parts) == 7 and (parts[4], parts[3]) == (request.place.account, request.place.region):  # noqa: PLR2004
            yield parts[6]


def _picture(data: bytes) -> Content:
    if not data.startswith(_SIGNATURE):
        raise PermanentError("CloudWatch sent something that is no picture.", action="Report it.", code="no_picture")
    if len(data) > MOST_BYTES:
        raise PermanentError(
            f"The picture has {len(data)} bytes, more than 4 MB.", action="Nothing is to be done.", code="too_large"
        )
    return Content("image/png", data)


def _name(alarm: str, span: Span) -> str:
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", masking().text(alarm)).strip("-.")[:_LONGEST_NAME] or "alarm"
    what = "fired" if span.ended is None else "episode"
    return f"{name}-{what}-{re.sub('[-:]', '', iso(span.began))[:15]}Z.png"
