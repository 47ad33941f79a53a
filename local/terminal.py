"""What a person sees of the local stack, on a terminal or in a log, and how they stop it."""

import io
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from local.processes import LocalStackError

EXIT_FAILED = 1
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143


class Terminal:
    """Prints steps with the seconds they took; on a terminal a running step shows that it is alive."""

    def __init__(self, console: Console | None = None) -> None:
        """Write to standard output unless a console is given."""
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")  # logs hold any character, a terminal may not know all
        self.console = console or Console(highlight=False, soft_wrap=True)
        self._started = time.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds since this terminal was made."""
        return time.monotonic() - self._started

    @contextmanager
    def step(self, title: str) -> Iterator[list[str]]:
        """Show that a step is under way and, once it is done, how long it took.

        What the caller appends to the list is shown behind the title. A step that raises is shown as failed.
        """
        details: list[str] = []
        started = time.monotonic()
        outcome, style = "failed", "bold red"
        try:
            if self.console.is_terminal:
                with self._spinner(title):
                    yield details
            else:
                self.console.print(f"         {title} ...", markup=False)
                yield details
            outcome, style = "ok", "bold green"
        finally:
            line = Text.assemble(
                (f"{time.monotonic() - started:6.1f} s  ", "dim"),
                (f"{outcome:<6}", style),
                f"  {title}",
                (f"  {' '.join(details)}", "cyan") if details else "",
            )
            self.console.print(line)

    def say(self, text: str = "", style: str = "") -> None:
        """Print a line as it is."""
        self.console.print(Text(text, style=style))

    def fail(self, reason: str, detail: str = "") -> None:
        """Print why it ends, behind the output that explains it."""
        if detail:
            self.console.print(Text(detail, style="dim"))
        self.console.print(Text(reason, style="bold red"))

    def _spinner(self, title: str) -> Progress:
        columns = (TimeElapsedColumn(), SpinnerColumn("line"), TextColumn("{task.description}"))
        progress = Progress(*columns, console=self.console, transient=True)
        progress.add_task(title.replace("[", "\\["), total=None)
        return progress


class _Terminated(BaseException):
    """Somebody asked this process to end."""


@contextmanager
def exit_status(terminal: Terminal) -> Iterator[None]:
    """Turn errors and signals inside the block into a message and end the process with a status.

    SIGTERM unwinds the block as Ctrl-C does, so everything that was started is stopped.
    """

    def terminate(*_: object) -> None:
        raise _Terminated

    previous = signal.signal(signal.SIGTERM, terminate)
    status = 0
    try:
        yield
    except LocalStackError as error:
        terminal.fail(error.reason, error.detail)
        status = EXIT_FAILED
    except KeyboardInterrupt:
        terminal.fail("Interrupted.")
        status = EXIT_INTERRUPTED
    except _Terminated:
        terminal.fail("Terminated.")
        status = EXIT_TERMINATED
    finally:
        signal.signal(signal.SIGTERM, previous)
    if status:
        sys.exit(status)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Ignore Ctrl-C and SIGTERM inside the block: cleaning up takes a moment and must not be cut short."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    previous = [signal.signal(number, signal.SIG_IGN) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, previous, strict=True):
            signal.signal(number, handler)
