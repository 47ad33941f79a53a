"""The door of the room for callers of the API: who waits is asked, kept and dropped here."""

from common.gate.gate import Gate, Place
from common.gate.heartbeat import Heartbeat
from common.gate.reminders import Reminders
from common.gate.tokens import TokenUsedUpError
from common.incidents.waiting import Waiting

__all__ = ["Door", "TokenUsedUpError"]


class Door:
    """What a request for a change has to do with the gate. Raises what the ledger raises."""

    def __init__(self, gate: Gate, heartbeat: Heartbeat, reminders: Reminders) -> None:
        """Keep through `gate`, ask AWS through `heartbeat`, and the actions function through `reminders`."""
        self._gate = gate
        self._heartbeat = heartbeat
        self._reminders = reminders

    def expect(self, problem: str, waiting: Waiting, *, asked_at: int) -> None:
        """Let `waiting` wait for the change of a problem, asked for at `asked_at` (milliseconds since the epoch).

        Raises TokenUsedUpError, and keeps nothing, where nothing waits with the token, and what `Heartbeat.check` and
        `Gate.expect` raise.
        """
        try:
            self._heartbeat.check(waiting)
        except TokenUsedUpError:
            self._gate.forget(problem, waiting)
            raise
        self._gate.expect(problem, waiting, asked_at=asked_at)

    def forget(self, problem: str, waiting: Waiting) -> None:
        """Drop a token that no change stands for."""
        self._gate.forget(problem, waiting)

    def remind(self, dedup_key: str) -> None:
        """Ask for a look at a change that may be decided already. Raises what `Reminders.send` raises."""
        self._reminders.send(dedup_key)

    def read(self, problem: str) -> Place:
        """Return who waits for the change of a problem, and what was told."""
        return self._gate.read(problem)
