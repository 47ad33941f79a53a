"""Counts how many problems of one kind open within a time, in one call of DynamoDB each.

One item for each storm's key. It holds the problems by the tenth of the time in which they opened, so that a problem
that is tried again counts once, and the name of the storm's record, on which all workers agree that way.
"""

from dataclasses import dataclass

from common.incidents.alert import dedup_key, digest
from common.incidents.ledger import Attributes, Ledger, LostRaceError
from common.incidents.storm import GATHERING, Storm

OPENINGS_KEY = "openings/"
"""What the key of such an item begins with; a problem's key is a hash without a slash."""

_PARTS = 10
_KEPT_SECONDS = 7 * 86_400
_PART = "part"
_MOST_STALE = 20


@dataclass(frozen=True, slots=True)
class Counted:
    """The problems that opened within the time, this one among them, and the dedup key of what gathers the others."""

    problems: frozenset[str]
    gathering: str


class Openings:
    """Counts openings. Raises what the ledger raises."""

    def __init__(self, ledger: Ledger, *, deployment: str) -> None:
        """Count in the table of `ledger`, for one deployment."""
        self._ledger = ledger
        self._deployment = deployment
        self._stale: dict[str, list[str]] = {}

    def count(self, storm: Storm, problem: str) -> Counted:
        """Count the opening of `problem` and return what is counted by now.

        Each part of the time holds a problem more than the bound at most, which is enough to know that it is exceeded.
        """
        pk = self._pk(storm)
        part = self._part(storm)
        old = [f"{_PART}{part - back}" for back in range(_PARTS, 2 * _PARTS)]
        old += [name for name in self._stale.pop(pk, []) if name not in old]
        names = {f"#old{index}": name for index, name in enumerate(old)}
        try:
            stored: Attributes = dict(
                self._ledger.call(
                    "update_item",
                    Key={"pk": {"S": pk}},
                    UpdateExpression="ADD #part :problem "
                    "SET #gathering = if_not_exists(#gathering, :gathering), #expires = :expires "
                    f"REMOVE {', '.join(names)}",
                    ConditionExpression="attribute_not_exists(#part) OR size(#part) <= :more_than",
                    ExpressionAttributeNames={
                        "#part": f"{_PART}{part}",
                        "#gathering": "gathering",
                        "#expires": "expires_at",
                        **names,
                    },
                    ExpressionAttributeValues={
                        ":problem": {"SS": [problem]},
                        ":gathering": {"S": _name(storm, problem, self._ledger.now())},
                        ":expires": {"N": str(self._ledger.now() // 1000 + _KEPT_SECONDS)},
                        ":more_than": {"N": str(storm.more_than)},
                    },
                    ReturnValues="ALL_NEW",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                ).get("Attributes", {})
            )
        except LostRaceError as full:
            stored = full.stored or {}
        self._note_stale(pk, stored, part)
        found = (stored.get(f"{_PART}{part - back}", {}).get("SS", []) for back in range(_PARTS))
        return Counted(frozenset({problem}.union(*found)), stored["gathering"]["S"])

    def succeed(self, storm: Storm, problem: str, gathering: str) -> None:
        """Let another record gather what opens from now on; where somebody already did so, leave it."""
        try:
            self._ledger.call(
                "update_item",
                Key={"pk": {"S": self._pk(storm)}},
                UpdateExpression="SET #gathering = :new",
                ConditionExpression="#gathering = :old",
                ExpressionAttributeNames={"#gathering": "gathering"},
                ExpressionAttributeValues={
                    ":old": {"S": gathering},
                    ":new": {"S": _name(storm, f"{problem} after {gathering}", self._ledger.now())},
                },
            )
        except LostRaceError:
            return

    def _pk(self, storm: Storm) -> str:
        return f"{OPENINGS_KEY}{digest(self._deployment, storm.key)}"

    def _part(self, storm: Storm) -> int:
        return self._ledger.now() // (storm.within * 1000 // _PARTS)

    def _note_stale(self, pk: str, stored: Attributes, part: int) -> None:
        """Remember parts that are long over, so that the next call takes them out; many are taken out at once."""
        stale = [name for name in stored if name.startswith(_PART) and int(name.removeprefix(_PART)) < part - _PARTS]
        if len(stale) < _MOST_STALE:
            self._stale = {pk: stale} if stale else {}
            return
        names = {f"#old{index}": name for index, name in enumerate(stale)}
        self._ledger.call(
            "update_item",
            Key={"pk": {"S": pk}},
            UpdateExpression=f"REMOVE {', '.join(names)}",
            ExpressionAttributeNames=names,
        )


def _name(storm: Storm, problem: str, now: int) -> str:
    """Return the dedup key of a new gathering: what opened it tells it apart from those before."""
    return dedup_key(GATHERING, storm.key, digest(problem, str(now))[:16])
