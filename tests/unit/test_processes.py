"""Commands that the local stack starts: nothing of them outlives their owner."""

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from local import processes
from local.processes import LocalStackError, Process


def started(directory: Path, script: str) -> Process:
    """Start a shell script that writes a line, and wait for it."""
    process = Process(["/bin/sh", "-c", script], environment={}, log=directory / "log", directory=directory)
    until(lambda: (directory / "log").read_text(encoding="ascii").endswith("\n"))
    return process


def until(holds: Callable[[], bool]) -> None:
    """Wait until that holds, for ten seconds at most."""
    end = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < end
        os.sched_yield()


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; one that has ended and that nobody has asked about does not."""
    done = subprocess.run(["/bin/ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return done.stdout.strip()[:1] not in {"", "Z"}


@pytest.mark.parametrize(
    "script",
    [
        "sleep 60 & echo $!; wait",
        "sleep 60 & echo $!; exit 0",
        "sleep 60 & echo $!; exit 3",
        "(trap '' TERM; sleep 60) & echo $!; wait",
        "trap '' TERM; sleep 60 & echo $!; wait; wait",
    ],
    ids=["runs", "has ended", "has failed", "a part that will not", "will not"],
)
def test_what_a_command_started_ends_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Whether the command itself still runs or not, and whether it is willing."""
    monkeypatch.setattr(processes, "_STOP_TIMEOUT", 0.2)
    with started(tmp_path, script) as process:
        child = int(process.tail())
        if "exit" in script:
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert is_alive(child)
    assert not process.running
    until(lambda: not is_alive(child))


def test_a_command_that_fails_or_takes_too_long_tells_its_last_words(tmp_path: Path) -> None:
    """The reason names the command and what became of it."""
    failure = pytest.raises(LocalStackError, match="ended with status 3")
    with started(tmp_path, "echo broken; exit 3") as process, failure as failed:
        process.finish(5)
    assert failed.value.detail == "broken"
    failure = pytest.raises(LocalStackError, match="took more than 0 s")
    with started(tmp_path, "echo slow; sleep 60") as process, failure as late:
        process.finish(0.1)
    assert late.value.detail == "slow"


def test_a_command_that_is_not_there_is_told(tmp_path: Path) -> None:
    """With what to do about it."""
    with pytest.raises(LocalStackError, match="make setup"):
        Process([tmp_path / "nothing"], environment={}, log=tmp_path / "log", directory=tmp_path)


def test_it_does_not_hear_ctrl_c(tmp_path: Path) -> None:
    """A terminal sends it to its own group only: the owner decides when the command ends."""
    with started(tmp_path, "echo here; sleep 60") as process:
        assert os.getpgid(process.pid) != os.getpgrp()
