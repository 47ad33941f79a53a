"""What else changed there in the hour before: who wrote on the resource, deployments, other open problems."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from common.clock import Clock, Deadline
from common.context.additions import Note
from common.context.aws import Services
from common.context.log_groups import metrics_of
from common.context.outside import Outside
from common.context.request import Request
from common.errors import BridgeError
from common.servicenow.query import all_of, equals, newest_first, term
from common.servicenow.records import Record, Records
from common.strict_json import json_object

READ = ("sys_id", "number", "short_description", "description", "active", "correlation_id", "assignment_group")
"""The fields of a record that this looks at."""

BEFORE = 3_600_000
"""Milliseconds before the firing from which on changes count."""

MOST_WRITES = 15
MOST_PROBLEMS = 5

DEPLOYMENTS = ("ExecuteChangeSet", "UpdateStack", "CreateDeployment", "StartPipelineExecution")
"""Calls that deploy something: of CloudFormation, CodeDeploy, API Gateway and CodePipeline."""

_MOST_NAMES = 2
_SHORTEST_NAME = 4
_LONGEST_NAME = 200
_PAUSE = 0.6
_PAGE = 50
_LONGEST_LINE = 300
_LONGEST_NOTE = 3_600
_LOOKS_AT = 20


class Changes:
    """Asks CloudTrail for writes, and ServiceNow for other problems of this deployment."""

    def __init__(self, services: Services, records: Records, prefix: str, outside: Outside, clock: Clock) -> None:
        """Mask with `outside`; `prefix` begins the correlation id of every record of the deployment.

        `records` must show `READ`.
        """
        self._services = services
        self._records = records
        self._prefix = prefix
        self._outside = outside
        self._clock = clock

    def __call__(self, request: Request, deadline: Deadline) -> Sequence[Note]:
        """Return one note, none where there is nothing to tell. Raises what `Services.ask` raises.

        Other problems are told although CloudTrail can't be asked; its trouble is raised where there are none.
        """
        names = names_of(request)
        trouble: BridgeError | None = None
        lines: list[str] = []
        try:
            lines += self._writes(request, names)
            lines += self._deployments(request)
        except BridgeError as error:
            trouble = error
        lines += self._problems(request, names, deadline)
        if trouble is not None and not lines:
            raise trouble
        return [Note("\n".join(lines)[:_LONGEST_NOTE])] if lines else []

    def _writes(self, request: Request, names: Sequence[str]) -> Iterator[str]:
        found: dict[str, Mapping[str, Any]] = {}
        for name in names[:_MOST_NAMES]:
            found |= self._looked_up(request, "ResourceName", name)
        yield from self._told(f"Writes on {', '.join(names[:_MOST_NAMES])} in the hour before", found)

    def _deployments(self, request: Request) -> Iterator[str]:
        found: dict[str, Mapping[str, Any]] = {}
        for name in DEPLOYMENTS:
            found |= self._looked_up(request, "EventName", name)
        yield from self._told("Deployments in this account and Region in the hour before", found)

    def _looked_up(self, request: Request, attribute: str, value: str) -> dict[str, Mapping[str, Any]]:
        """Return the writes of the hour before, by id. CloudTrail answers two calls a second."""
        self._clock.sleep(_PAUSE)
        answer = self._services.ask(
            "cloudtrail",
            request.place,
            "lookup_events",
            LookupAttributes=[{"AttributeKey": attribute, "AttributeValue": value}],
            StartTime=datetime.fromtimestamp((request.began - BEFORE) / 1000, UTC),
            EndTime=datetime.fromtimestamp(max(request.began / 1000, self._clock.now()), UTC),
            MaxResults=_PAGE,
        )
        events = answer.get("Events", [])
        return {event["EventId"]: event for event in events if event.get("ReadOnly") != "true"}

    def _told(self, head: str, found: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
        if not found:
            return
        yield self._masked(f"{head} (CloudTrail, UTC):")
        newest = sorted(found.values(), key=lambda event: event["EventTime"], reverse=True)
        for event in newest[:MOST_WRITES]:
            at = event["EventTime"].astimezone(UTC)
            yield self._masked(f"{at:%H:%M:%S} {event.get('EventName', '')} {_of(event)} by {_who(event)}")
        if len(newest) > MOST_WRITES:
            yield f"and {len(newest) - MOST_WRITES} more"

    def _problems(self, request: Request, names: Sequence[str], deadline: Deadline) -> Iterator[str]:
        ours = [equals("active", "true"), term("correlation_id", "STARTSWITH", self._prefix)]
        own = self._records.read(request.table, request.sys_id, deadline)
        group = own.fields.get("assignment_group", "") if own is not None else ""
        told = {request.sys_id}
        for name in names[:_MOST_NAMES]:
            same = self._open(request, [*ours, term("description", "LIKE", name)], deadline)
            same = [one for one in same if name in one.fields.get("description", "") and one.sys_id not in told]
            told |= {one.sys_id for one in same}
            yield from self._listed(f"Other open problems of {name}", same)
        if group:
            same = self._open(request, [*ours, equals("assignment_group", group)], deadline)
            same = [one for one in same if one.fields.get("assignment_group") == group and one.sys_id not in told]
            yield from self._listed("Other open problems of the same group", same)

    def _open(self, request: Request, terms: Sequence[str], deadline: Deadline) -> list[Record]:
        """Return open records of the deployment, the newest first: a term that ServiceNow drops lets others in."""
        query = newest_first(all_of(terms))
        found = self._records.find(request.table, query, deadline, limit=_LOOKS_AT)
        return [
            one
            for one in found
            if one.fields.get("active") == "true" and one.fields.get("correlation_id", "").startswith(self._prefix)
        ]

    def _listed(self, head: str, records: Sequence[Record]) -> Iterator[str]:
        if not records:
            return
        yield self._masked(f"{head}:")
        for one in records[:MOST_PROBLEMS]:
            yield self._masked(f"{one.fields.get('number', '')} {one.fields.get('short_description', '')}")
        if len(records) > MOST_PROBLEMS:
            yield f"and {len(records) - MOST_PROBLEMS} more"

    def _masked(self, text: str) -> str:
        return self._outside.text(" ".join(text.split()), _LONGEST_LINE)


def names_of(request: Request) -> list[str]:
    """Return what the event's resource is called: of an alarm the values of its metric's dimensions."""
    found = [value for _, _, dimensions in metrics_of(request.detail) for value in dimensions.values()]
    if request.event.get("source") != "aws.cloudwatch":
        resources = request.event.get("resources")
        for arn in resources if isinstance(resources, list) else []:
            parts = str(arn).split(":", 5)
            if len(parts) == 6 and parts[2] != "events":  # noqa: PLR2004 (an ARN; the bus is none that people mean)
                found.append(_name_in(parts[5]))
    usable = [str(name) for name in found if _is_usable(str(name))]
    return list(dict.fromkeys(usable))


def _name_in(resource: str) -> str:
    """Return the name in the last part of an ARN: `db:orders`, `task/shop/9fe0`, `function:import:$LATEST`."""
    if resource.startswith("function:"):
        return resource.split(":")[1]
    return re.split("[/:]", resource)[-1]


def _is_usable(name: str) -> bool:
    return _SHORTEST_NAME <= len(name) <= _LONGEST_NAME and name.isprintable() and "^" not in name


def _of(event: Mapping[str, Any]) -> str:
    names = [one.get("ResourceName", "") for one in event.get("Resources", [])]
    return f"on {', '.join(filter(None, names[:2]))}" if any(names) else ""


def _who(event: Mapping[str, Any]) -> str:
    """Return who made a call: role and session, user, or the service that made it for somebody."""
    told = (json_object(event.get("CloudTrailEvent", "")) or {}).get("userIdentity")
    identity = told if isinstance(told, dict) else {}
    who = str(identity.get("arn", "")).split(":", 5)[-1] or str(event.get("Username", "")) or "somebody"
    service = identity.get("invokedBy")
    return f"{who} through {service}" if service else who
