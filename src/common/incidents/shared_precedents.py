"""Precedents that all environments of a deployment share, beside the problems in the ledger's table.

There is one item for a kind of write (method and table), and only while somebody doubts: it holds when each problem was
refused first and last, and when a write was accepted since. Without a doubt it costs a read in five minutes.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, override

from common.errors import BridgeError
from common.incidents.ledger import Attributes, Ledger, LostRaceError, version_of
from common.incidents.precedents import Precedents

LOOKED_UP_EVERY = 300_000
"""Milliseconds for which an environment that sees writes accepted takes for known whether somebody doubts."""

_FORGOTTEN_AFTER = 3_600_000
_KEPT_SECONDS = 2 * 86_400
_MOST_PROBLEMS = 100

type _Kind = tuple[str, str]


class SharedPrecedents(Precedents):
    """Knows what became of writes in every environment. Trouble of the ledger leaves what this one knows itself."""

    def __init__(self, ledger: Ledger, *, deployment: str) -> None:
        """Keep doubts in the table of `ledger`."""
        super().__init__()
        self._ledger = ledger
        self._deployment = deployment
        self._to_tell: dict[_Kind, int] = {}
        self._looked_up: dict[_Kind, int] = {}

    @override
    def accept(self, method: str, table: str, problem: str) -> None:
        super().accept(method, table, problem)
        self._to_tell[method, table] = self._ledger.now()

    @override
    def tell(self) -> None:
        accepted, self._to_tell = self._to_tell, {}
        for kind, at in accepted.items():
            if at - self._looked_up.get(kind, 0) < LOOKED_UP_EVERY:
                continue
            with suppress(BridgeError, LostRaceError):
                self._mark_accepted(kind, at)
                self._looked_up[kind] = at

    @override
    def concerns_everybody(self, method: str, table: str, problem: str) -> bool:
        if not super().concerns_everybody(method, table, problem):
            return False
        kind = (method, table)
        # From now on somebody doubts: what is accepted here next has to be told.
        self._looked_up.pop(kind, None)
        try:
            return self._mark_refused(kind, problem)
        except (BridgeError, LostRaceError):
            return True

    def _mark_accepted(self, kind: _Kind, at: int) -> None:
        stored = self._ledger.stored(self._key(kind))
        if any(_accepted(stored) <= first < at for first, _ in _refused(stored, at).values()):
            self._write(kind, stored, {"accepted": {"N": str(at)}}, at)

    def _mark_refused(self, kind: _Kind, problem: str) -> bool:
        """Write down that a problem was refused; return whether nobody saw another accepted since its first time."""
        stored, now = self._ledger.stored(self._key(kind)), self._ledger.now()
        refused = _refused(stored, now)
        first, _ = refused.pop(problem, (now, now))
        kept = dict(list(refused.items())[1 - _MOST_PROBLEMS :]) | {problem: (first, now)}
        times = {name: {"L": [{"N": str(time)} for time in span]} for name, span in kept.items()}
        self._write(kind, stored, {"refused": {"M": times}}, now)
        return _accepted(stored) <= first

    def _write(self, kind: _Kind, stored: Attributes, changes: Attributes, now: int) -> None:
        expires_at = {"N": str(now // 1000 + _KEPT_SECONDS)}
        item = stored | changes | {"expires_at": expires_at}
        self._ledger.put(self._key(kind), item, seen=version_of(stored))

    def _key(self, kind: _Kind) -> str:
        return "/".join(("doubt", self._deployment, *kind))


def _accepted(stored: Mapping[str, Any]) -> int:
    return int(stored.get("accepted", {"N": "0"})["N"])


def _refused(stored: Mapping[str, Any], now: int) -> dict[str, tuple[int, int]]:
    """Return when each problem was refused first and last, those alone that come back still; the latest last."""
    found = {}
    for problem, times in stored.get("refused", {"M": {}})["M"].items():
        first, last = (int(time["N"]) for time in times["L"])
        if now - last <= _FORGOTTEN_AFTER:
            found[problem] = (first, last)
    return dict(sorted(found.items(), key=lambda entry: entry[1][1]))
