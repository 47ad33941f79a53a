"""What `FollowUps` adds to a record: an alarm of the stack's own is let fire, and its incident looked after."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from common.incidents.item import Item
from common.strict_json import json_object
from tools.accept.account import Described
from tools.accept.ledger import item_of
from tools.accept.log import messages
from tools.accept.sheet import MissedError, SkippedError
from tools.accept.waiting import wait_for
from tools.deployed import DeployedStack

ALARM = "FollowUpsRefusedAlarm"
"""The alarm that is there wherever something is added. CloudWatch sets it right again at its next look by itself."""

ADDED = "Something was added to a record."
LEFT_ALONE = "The record stays as it is."
"""How the follow-up function's lines about one record begin."""

_RULE, _SOURCE = "cloudwatch-alarm", "aws.cloudwatch"
_PAUSE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class FollowUps:
    """`began` is when the acceptance did, in seconds since the epoch."""

    stack: DeployedStack
    described: Described
    began: float
    patience: float = 120.0

    def pictures(self) -> str:
        """Let the alarm fire and recover; wait for the picture of both in its incident, which is resolved."""
        kinds = self.described.parameters.get("FollowUps", "")
        if "graph" not in kinds.split(","):
            raise SkippedError("FollowUps adds no graph; what else it adds the doctor's step follow-ups tries")
        cloudwatch, alarm = self.stack.client("cloudwatch"), self.described.resources[ALARM]
        [shown] = cloudwatch.describe_alarms(AlarmNames=[alarm])["MetricAlarms"]
        if shown["StateValue"] == "ALARM":
            raise SkippedError(f"the alarm {ALARM} is red already: see the follow-up function's log")
        try:
            self._set("ALARM")
            opened = self._wait(lambda: self._told(1), "no picture was attached")
        finally:
            self._set("OK")
        self._wait(lambda: self._told(2), "no picture of the whole episode was attached")
        self._wait(self._is_over, "the incident was not resolved")
        return f"two pictures are attached to {opened}, which is resolved; nothing was refused"

    def _set(self, state: str) -> None:
        self.stack.client("cloudwatch").set_alarm_state(
            AlarmName=self.described.resources[ALARM],
            StateValue=state,
            StateReason="servicenow-bridge acceptance, please ignore",
        )

    def _told(self, pictures: int) -> str:
        """Return the number of the incident once it has so many pictures. Raises MissedError where one was refused."""
        record = self._item().record
        if record is None:
            return ""
        lines = [line for line in self._lines() if line.get("record") == record.number]
        for line in lines:
            if str(line.get("message", "")).startswith(LEFT_ALONE):
                raise MissedError(f"{line.get('kind')} was refused: {line['message'].removeprefix(LEFT_ALONE).strip()}")
        seen = [line for line in lines if line.get("message") == ADDED and line.get("kind") == "graph"]
        return record.number if len(seen) >= pictures else ""

    def _is_over(self) -> bool:
        item = self._item()
        return not item.fires and item.pending is None

    def _item(self) -> Item:
        return item_of(self.stack, _SOURCE, _RULE, self.described.resources[ALARM])

    def _lines(self) -> Iterator[dict[str, Any]]:
        texts = messages(self.stack, self.described.resources["FollowUpFunctionLogs"], self.began)
        return (line for text in texts if (line := json_object(text)))

    def _wait[Seen](self, look: Callable[[], Seen | None], missed: str) -> Seen:
        return wait_for(look, missed, patience=self.patience, pause=_PAUSE_SECONDS)
