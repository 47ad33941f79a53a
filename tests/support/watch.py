"""What a watcher watches, in memory: an instance whose transactions commit late, a table, and a bus."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, override

from common.clock import Deadline
from common.incidents.item import deployment_prefix
from common.servicenow.records import Page, Record, Records
from common.watch.event import Told
from tests.support.ledger import LOST_RACE, Attributes, expected_version, metadata, refusal, version_of

DEPLOYMENT = "test"
PREFIX = deployment_prefix(DEPLOYMENT)
BRIDGE = "aws.bridge"


def written(seconds: float) -> str:
    """Return a time as ServiceNow stores it."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%d %H:%M:%S")


def row(number: int = 1, *, updates: int = 0, at: float = 0.0, by: str = BRIDGE, **fields: str) -> Record:
    """Return a record of ours as an answer holds it."""
    sys_id = f"{number:032x}"
    found = {
        "sys_id": sys_id,
        "number": f"INC{number:07}",
        "state": "1",
        "active": "true",
        "correlation_id": f"{PREFIX}{number:024x}-{'0' * 16}",
        "sys_created_by": BRIDGE,
        "sys_updated_by": by,
        "sys_updated_on": written(at),
        "sys_mod_count": str(updates),
    }
    return Record(sys_id, found | fields)


class Killed(BaseException):
    """The environment ended, and nothing that it would have done is done."""


@dataclass(frozen=True)
class Version:
    """A record as one transaction left it; it shows from `visible_at` on."""

    record: Record
    stamp: float
    visible_at: float


class Instance(Records):
    """Records with all their versions. `now` is the instance's clock; `step` is called before every answer."""

    def __init__(self, now: Callable[[], float], step: Callable[[], None] = lambda: None) -> None:
        """Start without records."""
        self.versions: dict[str, list[Version]] = {}
        self.calls = 0
        self._now = now
        self._step = step

    def write(self, record: Record, *, stamp: float, visible_at: float) -> None:
        """Add a version; those of one record show in their order."""
        versions = self.versions.setdefault(record.sys_id, [])
        shown = max([visible_at, *(version.visible_at for version in versions)])
        versions.append(Version(record, stamp, shown))

    def visible(self) -> dict[str, Version]:
        """Return what shows now, by sys_id."""
        now = self._now()
        shown = ((sys_id, [one for one in all_ if one.visible_at <= now]) for sys_id, all_ in self.versions.items())
        return {sys_id: versions[-1] for sys_id, versions in shown if versions}

    @override
    def page(self, table: str, query: str, deadline: Deadline, *, limit: int, offset: int = 0) -> Page:
        """Answer the one query that a watcher asks."""
        self.calls += 1
        self._step()
        terms = query.split("^")
        assert terms.pop() == "ORDERBYsys_id"
        assert terms[0] == f"correlation_idSTARTSWITH{PREFIX}"
        minutes = int(terms[1].removeprefix("sys_updated_onRELATIVEGE@minute@ago@"))
        after = terms[2].removeprefix("sys_id>") if len(terms) > 2 else ""
        first = written(self._now() - 60 * minutes)
        found = [
            version.record
            for sys_id, version in sorted(self.visible().items())
            if sys_id > after and version.record.fields["sys_updated_on"] >= first
        ][offset:]
        return Page(found[:limit], more=len(found) > limit)


@dataclass
class Table:
    """The ledger's table: every item, and the three calls that a watch makes. `step` is called before each."""

    now: Callable[[], float]
    step: Callable[[], None] = lambda: None
    items: dict[str, Attributes] = field(default_factory=dict)
    unprocessed: Callable[[], bool] = lambda: False

    def get_item(self, *, TableName: str, Key: Attributes, ConsistentRead: bool) -> Mapping[str, Any]:  # noqa: N803
        """Read one item."""
        assert (TableName, ConsistentRead) == ("ledger", True)
        self.step()
        found = self.items.get(Key["pk"]["S"])
        return {"ResponseMetadata": metadata(self.now())} | ({} if found is None else {"Item": dict(found)})

    def put_item(self, *, TableName: str, Item: Attributes, **condition: Any) -> Mapping[str, Any]:  # noqa: N803, ANN401
        """Write one item, under the ledger's condition or under none."""
        assert TableName == "ledger"
        self.step()
        stored = self.items.get(Item["pk"]["S"])
        if condition:
            expected = expected_version(
                condition["ConditionExpression"],
                condition.get("ExpressionAttributeNames", {}),
                condition.get("ExpressionAttributeValues", {}),
            )
            if version_of(stored) != expected:
                raise refusal(LOST_RACE, "PutItem", self.now(), stored)
        self.items[Item["pk"]["S"]] = Item
        return {"ResponseMetadata": metadata(self.now())}

    def batch_get_item(self, *, RequestItems: Attributes) -> Mapping[str, Any]:  # noqa: N803
        """Read many items; with `unprocessed` the last one is left for another call."""
        self.step()
        keys = RequestItems["ledger"]["Keys"]
        assert 0 < len(keys) <= 100
        left = keys[-1:] if len(keys) > 1 and self.unprocessed() else []
        read = [self.items.get(key["pk"]["S"]) for key in keys[: len(keys) - len(left)]]
        answer: dict[str, Any] = {"Responses": {"ledger": [item for item in read if item is not None]}}
        if left:
            answer["UnprocessedKeys"] = {"ledger": RequestItems["ledger"] | {"Keys": left}}
        return answer | {"ResponseMetadata": metadata(self.now())}


@dataclass
class Listener:
    """A bus that writes down what it took, in its order. `takes` says of each event whether it does."""

    step: Callable[[], None] = lambda: None
    takes: Callable[[], bool] = lambda: True
    events: list[Told] = field(default_factory=list)

    def put(self, events: Sequence[Told]) -> Sequence[bool]:
        """Take events."""
        self.step()
        taken = [self.takes() for _ in events]
        self.events += [event for event, was_taken in zip(events, taken, strict=True) if was_taken]
        return taken

    @property
    def told(self) -> list[tuple[str, int]]:
        """The sys_id and the count of updates of each event."""
        return [(event.detail["sys_id"], event.detail["updates"]) for event in self.events]


def seeded(seed: int) -> random.Random:
    """Return a source of numbers that are the same each time."""
    return random.Random(seed)  # noqa: S311 (repeatable, no secrets)
