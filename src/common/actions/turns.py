"""In which order the changes of one record are followed: one at a time, and never an older one after a newer.

The queue keeps no order, and what comes back does so much later. So the ledger's table holds an item for each record,
which says how new the change is that was followed last, and until when somebody is at it.
"""

from collections.abc import Callable
from contextlib import suppress
from copy import replace
from dataclasses import dataclass
from secrets import token_hex

from common.actions.change import RecordChange
from common.errors import NotYetError
from common.incidents.item import deployment_prefix
from common.incidents.ledger import KEPT_AFTER_RECOVERY, Attributes, Ledger, LostRaceError, version_of

TURN_KEY = "action/"
"""How the keys of these items begin."""

# What the function's timeout leaves to a call that is still under way.
_LONGER_THAN_A_RUN = 15.0


@dataclass(frozen=True, slots=True)
class Turn:
    """The right to follow a change of a record until `lock_until`, in milliseconds by the ledger's clock."""

    key: str
    time: str
    updates: int
    version: int
    owner: str
    lock_until: int


class Turns:
    """Gives and takes back turns. Raises what the ledger raises."""

    def __init__(self, ledger: Ledger, *, deployment: str, new_owner: Callable[[], str] = lambda: token_hex(8)) -> None:
        """Keep them in the table of `ledger`; `new_owner` returns a name for each."""
        self._ledger = ledger
        self._place = f"{TURN_KEY}{deployment_prefix(deployment)}/"
        self._new_owner = new_owner

    def begin(self, change: RecordChange, *, seconds: float) -> Turn | None:
        """Take the turn of a change for so many seconds; None where a newer change was followed already.

        Raises NotYetError while somebody else follows a change of the same record.
        """
        key = f"{self._place}{change.sys_id}"
        stored = self._ledger.stored(key)
        if _age(stored) > (change.time, change.updates):
            return None
        now = self._ledger.now()
        until = int(stored.get("lock_until", {"N": "0"})["N"])
        if until > now:
            raise _somebody((until - now) / 1000)
        version = version_of(stored)
        lock_until = now + int((seconds + _LONGER_THAN_A_RUN) * 1000)
        turn = Turn(key, change.time, change.updates, version, self._new_owner(), lock_until)
        try:
            self._write(turn)
        except LostRaceError:
            raise _somebody(1.0) from None
        return replace(turn, version=version + 1)

    def end(self, turn: Turn) -> None:
        """Give a turn back. One that another has taken over meanwhile stays as that one has it."""
        with suppress(LostRaceError):
            self._write(replace(turn, lock_until=0))

    def _write(self, turn: Turn) -> None:
        item: Attributes = {
            "time": {"S": turn.time},
            "updates": {"N": str(turn.updates)},
            "owner": {"S": turn.owner},
            "lock_until": {"N": str(turn.lock_until)},
            "expires_at": {"N": str(self._ledger.now() // 1000 + KEPT_AFTER_RECOVERY)},
        }
        self._ledger.put(turn.key, item, seen=turn.version)


def _age(stored: Attributes) -> tuple[str, int]:
    """Return how new the change is that was followed last: by time first, since a restored record counts anew."""
    return stored.get("time", {"S": ""})["S"], int(stored.get("updates", {"N": "-1"})["N"])


def _somebody(seconds: float) -> NotYetError:
    return NotYetError(
        "Another change of the same record is being followed.",
        action="Nothing is to be done: the message comes back by itself.",
        retry_after=seconds,
    )
