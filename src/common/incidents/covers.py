"""Problems that are not opened while another one, which covers them, fires.

One item of the ledger's table lists the problems that cover others, each with the event that says so. It is only a
list: whether such a problem fires is what its own item says, so that one that was not taken off covers nothing. What is
covered waits in the queue (docs/rules.md) and is judged anew each time, so that nothing has to wake it.
"""

import json
from collections.abc import Mapping
from copy import replace
from typing import TYPE_CHECKING, Any

from common.clock import Deadline
from common.errors import BridgeError
from common.incidents.alert import Alert, Fold, Status, digest
from common.incidents.due import NotDueError
from common.incidents.expressions import Expression
from common.incidents.fields import inert_note
from common.incidents.item import Item, problem_of
from common.incidents.ledger import Attributes
from common.servicenow.event_management import EVENT_TABLE

if TYPE_CHECKING:
    from common.incidents.desk import Desk

COVERS_KEY = "covers/"
"""What the key of the list begins with; a problem's key is a hash without a slash."""

LONGEST_COVER = 12 * 3_600_000
"""Milliseconds after which a problem that still fires is opened all the same."""

AGAIN_SECONDS = 240.0
"""How long a covered problem waits before it is judged anew: fifteen times an hour."""

MOST_COVERING = 20
"""Problems on the list: it is read for each opening, and an item holds 400 KB."""

LARGEST_EVENT = 8192
"""Characters of a covering event, as JSON."""

MOST_NOTED = 20
"""Problems that are noted one by one in the record of the one that covers them."""

_ENTRY = "covers_"
_NOTED = "noted_"


class Covers:
    """Works for a desk, of which it uses the ledger and the records."""

    def __init__(self, desk: "Desk") -> None:
        """Judge what is covered for `desk`."""
        self._desk = desk
        self._key = f"{COVERS_KEY}{digest(desk.deployment)}"

    def check(self, item: Item, fold: Fold, deadline: Deadline) -> None:
        """Raise NotDueError where a problem that would open a record is covered, after it was noted there, once."""
        alert = next((alert for alert in reversed(fold.alerts) if alert.status is Status.FIRING), None)
        if alert is None or alert.about is None:
            return
        left = alert.occurred_at + LONGEST_COVER - self._desk.ledger.now()
        if left <= 0:
            return
        covering = self._covering(item, alert)
        if covering is None:
            return
        self._note(item, covering, alert, deadline)
        raise NotDueError(min(AGAIN_SECONDS, left / 1000))

    def tell(self, key: str, fold: Fold) -> None:
        """Put a problem that covers others on the list, or take it off, by what its item says by now."""
        cover = next((alert.covers for alert in reversed(fold.alerts) if alert.covers is not None), None)
        if cover is None:
            return
        problem = problem_of(self._desk.deployment, key)
        item = self._desk.ledger.read(problem, dedup_key=key, table=fold.newest.table)
        stored = self._desk.ledger.stored(self._key)
        name = f"{_ENTRY}{problem}"
        if item.fires is (name in stored):
            return
        if not item.fires:
            self._update("REMOVE #entry, #noted", {"#entry": name, "#noted": f"{_NOTED}{problem}"})
            return
        event = json.dumps(cover.event)
        if len(event) > LARGEST_EVENT or sum(name.startswith(_ENTRY) for name in stored) >= MOST_COVERING:
            self._desk.telemetry.count("CoversRefused")
            self._desk.telemetry.log.warning(
                "A problem can't cover others: its event is too large, or too many problems cover others already.",
                dedup_key=key,
                action=f"Let its rule be met by fewer events, of {LARGEST_EVENT} characters at most.",
            )
            return
        entry = {"key": {"S": key}, "event": {"S": event}, "by": {"L": [{"S": one} for one in cover.expressions]}}
        self._update("SET #entry = :entry", {"#entry": name}, {":entry": {"M": entry}})

    def _covering(self, item: Item, alert: Alert) -> Item | None:
        """Return the item of a problem that fires and covers the one of `alert`."""
        for name, entry in sorted(self._desk.ledger.stored(self._key).items()):
            problem = name.removeprefix(_ENTRY)
            if not name.startswith(_ENTRY) or problem == item.problem or not _covers(entry["M"], alert):
                continue
            covering = self._desk.ledger.read(problem, dedup_key=entry["M"]["key"]["S"], table=alert.table)
            if covering.fires:
                return covering
        return None

    def _update(self, expression: str, names: Mapping[str, str], values: Attributes | None = None) -> Attributes:
        arguments: dict[str, Any] = {} if values is None else {"ExpressionAttributeValues": values}
        answer = self._desk.ledger.call(
            "update_item",
            Key={"pk": {"S": self._key}},
            UpdateExpression=expression,
            ExpressionAttributeNames=names,
            ReturnValues="UPDATED_NEW",
            **arguments,
        )
        found: Attributes = answer.get("Attributes", {})
        return found

    def _note(self, item: Item, covering: Item, alert: Alert, deadline: Deadline) -> None:
        """Write into the covering problem's record that it covers this one: once at most, and not without end."""
        if covering.record is None or item.covered_in == covering.record.sys_id:
            return
        if self._desk.ledger.write(replace(item, covered_in=covering.record.sys_id)) is None:
            return
        self._desk.telemetry.count("ProblemsCovered")
        self._desk.telemetry.log.info(
            "A problem is not opened while another one covers it.",
            not_opened="covers",
            because_of=covering.record.number,
            dedup_key=item.dedup_key,
            event_id=alert.event_id or None,
        )
        name = f"{_NOTED}{covering.problem}"
        noted = self._update("ADD #noted :one", {"#noted": name}, {":one": {"N": "1"}})
        if int(noted[name]["N"]) > MOST_NOTED or covering.table == EVENT_TABLE:
            return
        title = alert.fields.get("short_description", item.dedup_key)
        note = f"Not opened while this lasts: {title}"
        try:
            self._desk.records.update(
                covering.table, covering.record.sys_id, {"work_notes": inert_note(note)}, deadline
            )
        except BridgeError as error:
            self._desk.telemetry.log.warning(
                "A record could not be told of a problem that it covers. It is not tried again.",
                record=covering.record.number,
                reason=error.message,
            )


def _covers(entry: Attributes, alert: Alert) -> bool:
    event = {**(alert.about or {}), "covering": json.loads(entry["event"]["S"])}
    return any(Expression.parse(source["S"]).holds(event) for source in entry["by"]["L"])
