"""Whether the metric that each alarm watches arrives in CloudWatch."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from common.telemetry import NAMESPACE
from tools.accept.account import Described
from tools.accept.sheet import ImpossibleError, MissedError, Sheet
from tools.deployed import DeployedStack

_WINDOW = timedelta(hours=3)
_PERIOD_SECONDS = 300
_PAUSE_SECONDS = 15.0
_SISTERS = {
    NAMESPACE: "EventsApplied",
    "AWS/Lambda": "Invocations",
    "AWS/SQS": "NumberOfMessagesReceived",
    "AWS/Events": "Invocations",
    "AWS/ApiGateway": "Count",
}
"""A metric of each source that counts what goes well, so that it comes wherever the source reports at all."""

type Key = tuple[str, str, tuple[tuple[str, str], ...]]
"""Namespace, name and dimensions of a metric."""


@dataclass(slots=True)
class Metrics:
    """The metrics of a stack's alarms. What `used` names, of functions, queues and the stack, was used just now."""

    stack: DeployedStack
    described: Described
    patience: float = 900.0
    used: set[str] = field(default_factory=set)
    _found: frozenset[Key] | None = None

    def take(self, sheet: Sheet, emulated: str = "") -> None:
        """Take one step for each alarm. `emulated` says why there are no metrics where AWS itself does not answer."""
        alarms: dict[str, Key] = {}

        def describe() -> str:
            if emulated:
                raise ImpossibleError(emulated)
            alarms.update(self._alarms())
            return f"{len(alarms)} alarms"

        sheet.take("alarms", "each is there", describe)
        for name, key in sorted(alarms.items()):
            sheet.take(f"metric of {name}", "it has arrived", lambda key=key: self._arrived(key, alarms.values()))  # type: ignore[misc]

    def _alarms(self) -> dict[str, Key]:
        names = {name: found for name, found in self.described.resources.items() if name.endswith("Alarm")}
        rows = self.stack.client("cloudwatch").describe_alarms(AlarmNames=list(names.values()), MaxRecords=100)
        keys = {row["AlarmName"]: _key(row) for row in rows["MetricAlarms"]}
        missing = sorted(name for name, found in names.items() if found not in keys)
        if missing or not names:
            raise MissedError(f"CloudWatch has no alarm {', '.join(missing) or 'of this stack'}")
        return {name: keys[found] for name, found in names.items()}

    def _arrived(self, key: Key, all_keys: Iterable[Key]) -> str:
        if self._found is None:
            self._found = self._wait(set(all_keys))
        namespace, name, _ = key
        if key in self._found:
            return f"{namespace} {name} has values"
        sister = _sister(key)
        if sister in self._found:
            raise ImpossibleError(f"nothing was there to count for {name}; {sister[1]} of the same source arrives")
        if not self._was_used(key):
            raise ImpossibleError(f"nothing came this way yet, so that {_source(key)} has no values of its source")
        raise MissedError(f"neither {name} nor {sister[1]} of {_source(key)} came within {self.patience:.0f} s")

    def _wait(self, keys: set[Key]) -> frozenset[Key]:
        end = time.monotonic() + self.patience
        while True:
            found = self._with_values(keys | {_sister(key) for key in keys})
            waiting = [key for key in keys if self._was_used(key) and not {key, _sister(key)} & found]
            if not waiting or time.monotonic() >= end:
                return found
            time.sleep(_PAUSE_SECONDS)

    def _was_used(self, key: Key) -> bool:
        return any(value in self.used for _, value in key[2])

    def _with_values(self, keys: set[Key]) -> frozenset[Key]:
        ordered = sorted(keys)
        now = datetime.now(UTC)
        pages = (
            self.stack.client("cloudwatch")
            .get_paginator("get_metric_data")
            .paginate(
                MetricDataQueries=[_query(number, key) for number, key in enumerate(ordered)],
                StartTime=now - _WINDOW,
                EndTime=now + timedelta(seconds=_PERIOD_SECONDS),
            )
        )
        rows = [row for page in pages for row in page["MetricDataResults"] if row["Values"]]
        return frozenset(ordered[int(row["Id"].removeprefix("m"))] for row in rows)


def _key(alarm: Mapping[str, Any]) -> Key:
    dimensions = tuple(sorted((each["Name"], each["Value"]) for each in alarm.get("Dimensions", [])))
    return alarm["Namespace"], alarm["MetricName"], dimensions


def _source(key: Key) -> str:
    """Return who reports a metric, without the stack's name, which a namespace has where no dimension can hold it."""
    namespace, _, _ = key
    return NAMESPACE if namespace.startswith(NAMESPACE) else namespace


def _sister(key: Key) -> Key:
    namespace, name, dimensions = key
    return namespace, _SISTERS.get(namespace, name), dimensions


def _query(number: int, key: Key) -> dict[str, Any]:
    namespace, name, dimensions = key
    metric = {
        "Namespace": namespace,
        "MetricName": name,
        "Dimensions": [{"Name": each, "Value": value} for each, value in dimensions],
    }
    return {"Id": f"m{number}", "MetricStat": {"Metric": metric, "Period": _PERIOD_SECONDS, "Stat": "Maximum"}}
