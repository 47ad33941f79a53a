"""What the watch remembers, in the ledger's table: how far each table was read, and what was told of each record.

Every key begins with `watch/`, which the function's role lets it write; of the problems' items it only reads.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from copy import replace
from dataclasses import dataclass
from itertools import batched
from typing import Any

from common.clock import Clock
from common.errors import TransientError
from common.incidents.item import deployment_prefix
from common.incidents.ledger import KEPT_AFTER_RECOVERY, Attributes, Ledger, LostRaceError, objects_in, version_of
from common.retry import tries
from common.servicenow.records import Record
from common.watch.decide import Known, is_over, known_of
from common.watch.event import Problem

WATCH_KEY = "watch/"
"""How the keys of all of it begin."""

_KEPT_WHILE_OPEN = 400 * 86_400
_MOST_KEYS = 100
_TRIES = 4


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a table was read: the last complete look began at `since`, None for never.

    A look that takes several runs began at `began`, and goes on behind the record `after`, empty where none is under
    way. One run holds the mark until `lock_until`. Times are in milliseconds since the epoch, by the ledger's clock.
    """

    table: str
    owner: str
    version: int
    lock_until: int
    since: int | None = None
    began: int | None = None
    after: str = ""


class Memory:
    """Reads and writes those items. Raises what the ledger raises."""

    def __init__(self, ledger: Ledger, *, deployment: str, clock: Clock) -> None:
        """Remember in the table of `ledger`; what another deployment remembers there is not seen."""
        self.ledger = ledger
        self._clock = clock
        self._place = f"{WATCH_KEY}{deployment_prefix(deployment)}/"

    def begin(self, table: str, owner: str, *, seconds: float) -> Mark | None:
        """Take the mark of a table for at most so many seconds; None while another run has it."""
        key = self._mark_key(table)
        stored = self.ledger.stored(key)
        now = self.ledger.now()
        if int(stored.get("lock_until", {"N": "0"})["N"]) > now:
            return None
        version = version_of(stored)
        since, began = (int(stored[name]["N"]) if name in stored else None for name in ("since", "began"))
        after = stored.get("after", {"S": ""})["S"]
        mark = Mark(table, owner, version, now + int(seconds * 1000), since, began, after)
        try:
            return self._write(mark)
        except LostRaceError:
            return None

    def end(self, mark: Mark) -> None:
        """Give a mark back. One that another run has taken over meanwhile stays as that run has it."""
        with suppress(LostRaceError):
            self._write(replace(mark, lock_until=0))

    def known(self, rows: Iterable[Record]) -> dict[str, Known]:
        """Return what was told of these records, by sys_id."""
        place = self._record_key("")
        items = self._read(self._record_key(row.sys_id) for row in rows)
        return {key.removeprefix(place): _known(item) for key, item in items.items()}

    def remember(self, row: Record) -> None:
        """Write down that a record was told of as it is."""
        known = known_of(row)
        kept = KEPT_AFTER_RECOVERY if is_over(row) else _KEPT_WHILE_OPEN
        item = {
            "pk": {"S": self._record_key(row.sys_id)},
            "updates": {"N": str(known.updates)},
            "updated_on": {"S": known.updated_on},
            "values": {"M": {name: {"S": value} for name, value in known.values.items()}},
            "expires_at": {"N": str(self.ledger.now() // 1000 + kept)},
        }
        self.ledger.call("put_item", Item=item)

    def problems(self, names: Iterable[str]) -> dict[str, Problem]:
        """Return what the ledger knows of problems, by their names."""
        items = self._read(names)
        return {name: _problem(item) for name, item in items.items() if "dedup_key" in item}

    def _write(self, mark: Mark) -> Mark:
        item = {
            "owner": {"S": mark.owner},
            "lock_until": {"N": str(mark.lock_until)},
            "expires_at": {"N": str(self.ledger.now() // 1000 + KEPT_AFTER_RECOVERY)},
        }
        if mark.since is not None:
            item["since"] = {"N": str(mark.since)}
        if mark.after and mark.began is not None:
            item |= {"began": {"N": str(mark.began)}, "after": {"S": mark.after}}
        self.ledger.put(self._mark_key(mark.table), item, seen=mark.version)
        return replace(mark, version=mark.version + 1)

    def _read(self, keys: Iterable[str]) -> dict[str, Attributes]:
        """Return the items of those keys that there are, a hundred a call."""
        found: dict[str, Attributes] = {}
        for some in batched(dict.fromkeys(keys), _MOST_KEYS, strict=False):
            found |= {item["pk"]["S"]: item for item in self._read_together(some)}
        return found

    def _read_together(self, keys: Iterable[str]) -> list[Attributes]:
        items: list[Attributes] = []
        waiting: Mapping[str, Any] = {
            self.ledger.table: {"Keys": [{"pk": {"S": key}} for key in keys], "ConsistentRead": True}
        }
        for _ in tries(_TRIES, self._clock):
            answer = self.ledger.ask("batch_get_item", RequestItems=waiting)
            items += answer.get("Responses", {}).get(self.ledger.table, [])
            waiting = answer.get("UnprocessedKeys", {})
            if not waiting:
                return items
        raise TransientError(
            "The ledger's table did not answer for all records.",
            action="Nothing is lost; if this stays, look at the ledger table's throttling.",
        )

    def _mark_key(self, table: str) -> str:
        return f"{self._place}mark/{table}"

    def _record_key(self, sys_id: str) -> str:
        return f"{self._place}record/{sys_id}"


def _problem(item: Attributes) -> Problem:
    resources = tuple(one["S"] for one in item.get("resources", {"L": []})["L"])
    return Problem(item["dedup_key"]["S"], resources, objects_in(item))


def _known(item: Attributes) -> Known:
    values = {name: value["S"] for name, value in item["values"]["M"].items()}
    return Known(int(item["updates"]["N"]), item["updated_on"]["S"], values)
