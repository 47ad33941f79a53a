"""The front door: an alert of one's own on the event bus, and what becomes of it."""

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from common.incidents.item import Item
from tools.accept.ledger import item_of
from tools.accept.sheet import MissedError, Sheet, SkippedError
from tools.accept.waiting import wait_for
from tools.deployed import DeployedStack

SOURCE = "servicenow-bridge.accept"
"""What `OwnEventSources` has to list: nobody's alerts are taken unless they are named."""

_TYPE, _RULE = "ServiceNow Alert", "servicenow-alert"
_PAUSE_SECONDS = 0.5
_MOST_LETTERS = 10


@dataclass(slots=True)
class FrontDoor:
    """One alert of the acceptance's own, marked, and the ledger item that tells what became of it.

    `sources` are those of `OwnEventSources`.
    """

    stack: DeployedStack
    sources: Collection[str]
    patience: float = 120.0
    key: str = field(default_factory=lambda: f"accept-{uuid4()}")

    def take_opening(self, sheet: Sheet) -> bool:
        """Take the step that shows that an event arrives, and tell whether it does."""
        return sheet.take("alert on the bus", "one record is opened", self.listed(self.opens))

    def take_recovery(self, sheet: Sheet) -> None:
        """Take the step that leaves nothing open."""
        sheet.take("recovery", "the record is resolved", self.listed(self.resolves))

    def listed(self, look: Callable[[], str]) -> Callable[[], str]:
        """Return `look` as a step that is skipped where no rule takes what is put on the bus."""

        def step() -> str:
            if SOURCE not in self.sources:
                raise SkippedError(f"add {SOURCE} to the parameter OwnEventSources and deploy")
            return look()

        return step

    def opens(self) -> str:
        """Put the alert on the bus and wait for its record."""
        self._put("firing")
        item = self._wait(lambda item: item.record is not None and item.pending is None, "no record was opened")
        return f"{'' if item.record is None else item.record.number} was opened"

    def repeats(self) -> str:
        """Put it on the bus again, later, and see that it is the same record."""
        before = self._item()
        self._put("firing")
        after = self._wait(lambda item: item.orders != before.orders and item.pending is None, "it never arrived")
        if before.record is None or after.record is None or after.record.sys_id != before.record.sys_id:
            raise MissedError("another record was opened")
        return f"{after.record.number} was kept"

    def resolves(self) -> str:
        """Let the alert recover."""
        self._put("resolved")
        item = self._wait(lambda item: not item.fires and item.pending is None and item.version > 0, "not resolved")
        return "the ledger has it settled and no longer firing" + ("" if item.record else ", without a record")

    def refuses(self) -> str:
        """Put an alert without a summary on the bus, and find it among the dead letters with its reason."""
        mark = f"accept-{uuid4()}"
        self._send({"dedup_key": mark, "status": "firing"})
        queue, sqs = self.stack.output("DeadLetterQueueUrl"), self.stack.client("sqs")

        def look() -> str:
            answer = sqs.receive_message(
                QueueUrl=queue, MaxNumberOfMessages=_MOST_LETTERS, MessageAttributeNames=["All"], VisibilityTimeout=5
            )
            for message in answer.get("Messages", []):
                if mark in message["Body"]:
                    sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
                    reason = message.get("MessageAttributes", {}).get("Reason", {}).get("StringValue", "")
                    if not reason:
                        raise MissedError("the dead letter has no reason")
                    return "found with its reason, and taken out again"
            return ""

        return wait_for(look, "no dead letter", patience=self.patience, pause=_PAUSE_SECONDS)

    def _put(self, status: str) -> None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        summary = f"servicenow-bridge acceptance {self.key}, please ignore"
        self._send({"dedup_key": self.key, "status": status, "summary": summary, "severity": "low", "occurred_at": now})

    def _send(self, detail: dict[str, Any]) -> None:
        _, _, rule = self.stack.output("EventRuleArn").partition(":rule/")
        bus = rule.rpartition("/")[0] or "default"
        entry = {"Source": SOURCE, "DetailType": _TYPE, "Detail": json.dumps(detail), "EventBusName": bus}
        if self.stack.client("events").put_events(Entries=[entry])["FailedEntryCount"]:
            raise MissedError("the event bus refused the event")

    def _item(self) -> Item:
        return item_of(self.stack, SOURCE, _RULE, SOURCE, self.key)

    def _wait(self, condition: Callable[[Item], bool], missed: str) -> Item:
        def look() -> Item | None:
            item = self._item()
            return item if condition(item) else None

        return wait_for(look, missed, patience=self.patience, pause=_PAUSE_SECONDS)
