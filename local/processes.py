"""Child processes that never outlive their owner, and the one error of the local stack."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

_STOP_TIMEOUT = 3.0
_TAIL_LINES = 25


class LocalStackError(Exception):
    """Something on this machine did not work; `detail` holds what was printed last, it may be empty."""

    def __init__(self, reason: str, detail: str = "") -> None:
        """Keep the reason, one sentence, apart from the output that explains it."""
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


class Process:
    """A running command in a process group of its own; leaving `with` ends it and what it started.

    Its output goes to a file. It does not hear the terminal's Ctrl-C: its owner decides when it ends.
    """

    def __init__(
        self, command: Sequence[str | Path], *, environment: Mapping[str, str], log: Path, directory: Path
    ) -> None:
        """Start `command` in `directory` with just `environment`. Raises LocalStackError if that fails."""
        self.log = log
        self._name = " ".join(Path(part).name for part in map(str, command[:2]))
        try:
            with log.open("wb") as output:
                self._process = subprocess.Popen(  # noqa: S603 -- commands are fixed, no shell
                    [str(part) for part in command],
                    env=dict(environment),
                    cwd=directory,
                    stdin=subprocess.PIPE,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
        except OSError as error:
            raise LocalStackError(f"{command[0]} does not start: {error}. Run `make setup`.") from error

    def __enter__(self) -> Self:
        """Return the running process."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self.stop()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Tell whether it has not ended yet."""
        return self._process.poll() is None

    def finish(self, timeout: float) -> None:
        """Wait for its end. Raises LocalStackError unless it ends with status 0 in `timeout` seconds."""
        try:
            status = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.stop()
            reason = f"{self._name} took more than {timeout:.0f} s."
            raise LocalStackError(reason, self.tail()) from None
        if status != 0:
            raise LocalStackError(f"{self._name} ended with status {status}.", self.tail())

    def stop(self) -> None:
        """Ask the whole group to end, and force what is left: at once when the command ends, after seconds else."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_STOP_TIMEOUT)
        self._signal(signal.SIGKILL)
        self._process.wait()

    def tail(self, lines: int = _TAIL_LINES) -> str:
        """Return the last lines of its output."""
        return tail(self.log.read_text(errors="replace"), lines)

    def _signal(self, number: signal.Signals) -> None:
        try:
            os.killpg(self._process.pid, number)
        except ProcessLookupError:
            return


def tail(text: str, lines: int = _TAIL_LINES) -> str:
    """Return the last lines of a text that are not blank."""
    return "\n".join([line for line in text.splitlines() if line.strip()][-lines:])
