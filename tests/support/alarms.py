"""CloudWatch on a test's clock: what a function wrote as EMF, what SQS measures, and the template's alarms on both."""

import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from common.telemetry import NAMESPACE
from local.yaml_text import read_yaml
from tests.support.function import Account, Handler

TEMPLATE = Path(__file__).resolve().parents[2] / "template.yaml"
PERIOD = 300.0
_MINUTE = 60.0
_OF_THE_QUEUE = [{"Name": "QueueName", "Value": {"Fn::GetAtt": ["EventQueue", "QueueName"]}}]
_STATISTICS: Mapping[str, Callable[[list[float]], float]] = {"Sum": sum, "Maximum": max, "Minimum": min}

type Samples = dict[int, list[float]]


def alarms() -> dict[str, dict[str, Any]]:
    """Return the properties of every alarm of template.yaml."""
    resources = read_yaml(TEMPLATE.read_text())["Resources"]
    return {name: one["Properties"] for name, one in resources.items() if one["Type"] == "AWS::CloudWatch::Alarm"}


class Watch:
    """Lets time pass as Lambda's poller would see it, and samples every metric of the events function and its queue."""

    def __init__(self, account: Account, output: Callable[[], str]) -> None:
        """Begin now; `output` returns what was written to standard output since it was last asked."""
        self.dimensions: set[tuple[str, ...]] = set()
        self._account = account
        self._output = output
        self._began = self._ticked = account.now()
        self._metrics: dict[str, Samples] = defaultdict(lambda: defaultdict(list))

    def pass_time(self, handler: Handler, until: float) -> None:
        """Hand over messages as they become visible, until it is `until`."""
        account = self._account
        while (visible_at := account.queue.next_visible_at()) is not None and visible_at < until:
            self.sample(visible_at)
            account.clock.advance(max(0.0, visible_at - account.now()) + 0.5)
            account.poll(handler)
            self._take(self._output())
        self.sample(until)
        account.clock.advance(max(0.0, until - account.now()))

    def sample(self, until: float) -> None:
        """Sample the queue at every whole minute before `until`: SQS measures once a minute."""
        while self._ticked < until:
            visible = self._account.queue.visible_at(self._ticked)
            period = int((self._ticked - self._began) // PERIOD)
            self._metrics["ApproximateNumberOfMessagesVisible"][period].append(visible)
            self._ticked += _MINUTE

    def is_red(self, alarm: Mapping[str, Any]) -> list[bool]:
        """Return for each whole period from the beginning whether an alarm is red in it; missing data is no breach."""
        last = int((self._account.now() - self._began) // PERIOD)
        values = self._values(alarm)
        breaches = [values.get(period, 0.0) >= alarm["Threshold"] for period in range(last)]
        looks_at: int = alarm["EvaluationPeriods"]
        needed: int = alarm.get("DatapointsToAlarm", looks_at)
        return [sum(breaches[max(0, period - looks_at + 1) : period + 1]) >= needed for period in range(last)]

    def _values(self, alarm: Mapping[str, Any]) -> dict[int, float]:
        statistic = _STATISTICS[alarm["Statistic"]]
        seen = alarm["Namespace"] == NAMESPACE or alarm.get("Dimensions") == _OF_THE_QUEUE
        samples = self._metrics[alarm["MetricName"]] if seen else {}
        return {period: statistic(several) for period, several in samples.items()}

    def total(self, metric: str) -> float:
        """Return the sum of everything that was reported of a metric."""
        return sum(sum(samples) for samples in self._metrics[metric].values())

    def _take(self, output: str) -> None:
        period = int((self._account.now() - self._began) // PERIOD)
        for line in output.splitlines():
            if '"_aws"' not in line:
                continue
            document = json.loads(line)
            (directive,) = document["_aws"]["CloudWatchMetrics"]
            assert directive["Namespace"] == NAMESPACE
            self.dimensions |= {tuple(names) for names in directive["Dimensions"]}
            for metric in directive["Metrics"]:
                self._metrics[metric["Name"]][period].extend(document[metric["Name"]])
