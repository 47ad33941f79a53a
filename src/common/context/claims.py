"""What was added already, and how much this minute: items of the ledger's table, beside those of the problems.

Every key begins with `follow-up/`. A claim is written before anything is added, so that nothing is added twice
whatever is delivered again; one whose addition was provably not carried out is given back.
"""

from copy import replace
from dataclasses import dataclass

from common.context.request import Request
from common.errors import TransientError
from common.incidents.alert import FollowUp
from common.incidents.item import deployment_prefix
from common.incidents.ledger import Attributes, Ledger, LostRaceError, version_of

FOLLOW_UP_KEY = "follow-up/"
"""How the keys of all of it begin."""

_KEPT_SECONDS = 2 * 86_400
_MINUTE = 60
_TRIES = 5


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to add one thing to one record once. `version` is that of the stored item."""

    key: str
    owner: str
    version: int


class Claims:
    """Reads and writes those items. Raises what the ledger raises."""

    def __init__(self, ledger: Ledger, *, deployment: str) -> None:
        """Remember in the table of `ledger`; what another deployment remembers there is not seen."""
        self._ledger = ledger
        self._prefix = deployment_prefix(deployment)
        self._place = f"{FOLLOW_UP_KEY}{self._prefix}/"

    def concerns(self, request: Request) -> bool:
        """Tell whether a request is about a problem of this deployment."""
        return request.problem.startswith(self._prefix)

    def is_taken(self, request: Request, kind: FollowUp) -> bool:
        """Tell whether somebody adds this already, or did."""
        stored = self._ledger.stored(self._key(request, kind))
        return bool(stored) and "free" not in stored

    def take(self, request: Request, kind: FollowUp, owner: str) -> Claim | None:
        """Take the right to add this; None where another has it."""
        key = self._key(request, kind)
        stored = self._ledger.stored(key)
        if stored and "free" not in stored:
            return None
        claim = Claim(key, owner, version_of(stored))
        return self._write(claim, {})

    def give_back(self, claim: Claim) -> None:
        """Let another take it: nothing was added."""
        self._write(claim, {"free": {"BOOL": True}})

    def share(self, wanted: int, per_minute: int) -> int:
        """Take as many of this minute's as are wanted and left, and return how many those are.

        Raises TransientError where others were quicker each time.
        """
        key = f"{self._place}minute"
        for _ in range(_TRIES):
            stored = self._ledger.stored(key)
            minute = self._ledger.now() // 1000 // _MINUTE
            is_current = stored.get("minute", {}).get("N") == str(minute)
            used = int(stored["used"]["N"]) if is_current else 0
            granted = max(0, min(wanted, per_minute - used))
            if not granted:
                return 0
            values = {"minute": {"N": str(minute)}, "used": {"N": str(used + granted)}}
            claim = Claim(key, "", version_of(stored))
            if self._write(claim, values) is not None:
                return granted
        raise TransientError("Others took their share first each time.", action="Nothing: the message comes back.")

    def _write(self, claim: Claim, values: Attributes) -> Claim | None:
        """Write an item where it is still as it was seen; None where it is not."""
        item = {
            "expires_at": {"N": str(self._ledger.now() // 1000 + _KEPT_SECONDS)},
            **({"owner": {"S": claim.owner}} if claim.owner else {}),
            **values,
        }
        try:
            self._ledger.put(claim.key, item, seen=claim.version)
        except LostRaceError:
            return None
        return replace(claim, version=claim.version + 1)

    def _key(self, request: Request, kind: FollowUp) -> str:
        return f"{self._place}{request.sys_id}/{request.order}/{kind}"
