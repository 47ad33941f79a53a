"""Who waits for which change, in the ledger's table: one item a change, under a key that begins with `gate/`.

The token lies there alone, encrypted as the table is, until it was answered or `KEPT` seconds are over. An answer is
claimed before it is sent, and settled after: whoever breaks off in between sends it again, and a token that is used up
by then was used by that answer. What is sent is always what ServiceNow says now.
"""

from collections.abc import Callable
from copy import replace
from dataclasses import dataclass

from common.errors import BridgeError, NotYetError, TransientError
from common.gate.tokens import UNREACHABLE, TokenUsedUpError
from common.gate.verdict import Outcome, Verdict
from common.incidents.alert import digest
from common.incidents.item import deployment_prefix
from common.incidents.ledger import Attributes, Ledger, LostRaceError, version_of
from common.incidents.waiting import Waiting
from common.telemetry import Telemetry

GATE_KEY = "gate/"
"""How the keys of all of it begin."""

KEPT = 60 * 86_400
"""Seconds for which a token is kept, and what became of it: an approval of CodePipeline waits no longer."""

type Send = Callable[[Waiting, Verdict], None]

_TRIES = 4
# Milliseconds: the ledger's clock and the times of events count whole seconds.
_GRAIN = 2000


@dataclass(frozen=True, slots=True)
class Place:
    """One change's item. `waiting` is None once nobody waits any more.

    `asked_at` is when the newest of them asked, in milliseconds since the epoch. `claimed` is the answer that somebody
    began to send. `outcome` is what was told in the end, empty where the token turned out to be used up; `ended` is a
    hash of that token in either case.
    """

    problem: str
    version: int = 0
    waiting: Waiting | None = None
    asked_at: int = 0
    claimed: str = ""
    outcome: str = ""
    ended: str = ""


class Gate:
    """Keeps who waits, and answers them. Raises what the ledger raises."""

    def __init__(self, ledger: Ledger, *, deployment: str, telemetry: Telemetry) -> None:
        """Keep in the table of `ledger`; what another deployment keeps there is not seen."""
        self._ledger = ledger
        self._telemetry = telemetry
        self._prefix = f"{GATE_KEY}{deployment_prefix(deployment)}/"

    def read(self, problem: str) -> Place:
        """Return who waits for the change of a problem of the ledger; a token that is too old is none."""
        stored = self._ledger.stored(self._prefix + problem)
        if not stored or int(stored["expires_at"]["N"]) * 1000 <= self._ledger.now():
            return Place(problem, version_of(stored))
        return _decode(problem, stored)

    def expect(self, problem: str, waiting: Waiting, *, asked_at: int) -> None:
        """Let `waiting` wait for the change of a problem, unless it was told already.

        The newest token counts: a task that is tried again has another, and the one before ended with its try.
        """
        for _ in range(_TRIES):
            place = self.read(problem)
            is_old = place.asked_at > asked_at + _GRAIN or place.ended == _hash(waiting)
            if is_old or place.waiting == waiting:
                return
            if self._write(Place(problem, place.version, waiting, asked_at)) is not None:
                return
        raise TransientError(
            "Several requests for this change came at once.", action="Send the request again.", code="gate_busy"
        )

    def forget(self, problem: str, waiting: Waiting) -> None:
        """Drop a token that no change stands for, unless another has come meanwhile."""
        place = self.read(problem)
        if place.waiting == waiting:
            self._write(Place(problem, place.version))

    def answer(self, place: Place, outcome: Outcome, verdict: Callable[[Outcome], Verdict], send: Send) -> None:
        """Tell who waits what became of the change, and drop the token; `send` sends it, as `Answers.send` does.

        Raises NotYetError where somebody else is at it, and what `send` raises but for a token that is used up: that
        ends the waiting, is counted and logged once, and is nobody's to repeat.
        """
        if place.waiting is None:
            return
        claimed = self._write(replace(place, claimed=outcome.value))
        if claimed is None:
            raise _busy()
        told = outcome.value if self._told(claimed, verdict(outcome), send, before=place.claimed) else place.claimed
        if self._write(replace(claimed, waiting=None, claimed="", outcome=told, ended=_hash(place.waiting))) is None:
            raise _busy()

    def _told(self, claimed: Place, verdict: Verdict, send: Send, *, before: str) -> bool:
        """Send an answer; return False where its token is used up. `before` is what was claimed earlier."""
        if claimed.waiting is None:
            raise ValueError("Where nobody waits, nobody is told.")
        about = {"change": verdict.number, "outcome": verdict.outcome.value}
        try:
            send(claimed.waiting, verdict)
        except TokenUsedUpError as error:
            if not before:
                self._telemetry.count("ChangeTokensUsedUp")
                action = "The execution has ended, or another has answered it. Look at it, and close the change."
                self._telemetry.log.warning(error.message, action=action, extra=about)
            return False
        except BridgeError as error:
            if error.code != UNREACHABLE:
                # AWS itself said no, so that nothing was told.
                self._write(replace(claimed, claimed=before))
            raise
        self._telemetry.count("ChangesAnswered")
        self._telemetry.log.info("What waited for a change was told.", extra=about)
        return True

    def _write(self, place: Place) -> Place | None:
        """Write an item where its version is still the stored one; None where somebody else was first."""
        written = replace(place, version=place.version + 1)
        attributes = _encode(written, expires_at=self._ledger.now() // 1000 + KEPT)
        try:
            self._ledger.put(self._prefix + place.problem, attributes, seen=place.version)
        except LostRaceError as lost:
            # The SDK repeated a write whose answer was lost, and meets its own.
            is_ours = lost.stored is not None and _decode(place.problem, lost.stored) == written
            return written if is_ours else None
        return written


def _hash(waiting: Waiting) -> str:
    return digest(waiting.token)


def _busy() -> NotYetError:
    return NotYetError("Somebody else answers this change.", action="Nothing: it is looked at again.", retry_after=5.0)


def _encode(place: Place, *, expires_at: int) -> Attributes:
    attributes: Attributes = {"expires_at": {"N": str(expires_at)}, "asked_at": {"N": str(place.asked_at)}}
    told = {"claimed": place.claimed, "outcome": place.outcome, "ended": place.ended}
    if place.waiting is not None:
        waiting = place.waiting
        told |= {
            "token": waiting.token,
            "pipeline": waiting.pipeline,
            "stage": waiting.stage,
            "action": waiting.action,
        }
    return attributes | {name: {"S": text} for name, text in told.items() if text}


def _decode(problem: str, attributes: Attributes) -> Place:
    def text(name: str) -> str:
        found: str = attributes.get(name, {}).get("S", "")
        return found

    waiting = None
    if "token" in attributes:
        waiting = Waiting(text("token"), text("pipeline"), text("stage"), text("action"))
    return Place(
        problem,
        int(attributes["version"]["N"]),
        waiting,
        int(attributes["asked_at"]["N"]),
        text("claimed"),
        text("outcome"),
        text("ended"),
    )
