"""`python -m campaign.load`: load the deployed local stack while half of all answers fail (build/load.json).

Takes about eight minutes, ten at most. `--seed` draws other events and other failures, `--hold-circuit` keeps the
circuit breaker from protecting ServiceNow (build/load-circuit-held.json).
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from campaign.load.drive import LONGEST_DRAIN, SECONDS, Course, Drive, Look
from campaign.load.memory import growth
from campaign.load.outcome import Account, Bound, account, bounds, found, numbers
from campaign.load.traffic import Traffic
from local.stack import LocalStack, run_stack
from local.terminal import Terminal, exit_status

_BUILD = Path(__file__).resolve().parents[2] / "build"
_MEBIBYTE = 1 << 20
_MOST_DETAILS = 20
_SECONDS_BETWEEN_LINES = 10.0


def main(arguments: Sequence[str]) -> int:
    """Run the load, print what it came to and write build/load.json; return 1 where a bound was broken."""
    parser = argparse.ArgumentParser(prog="python -m campaign.load", description=main.__doc__)
    parser.add_argument("--seed", type=int, default=1, help="what events and failures are drawn from")
    parser.add_argument("--hold-circuit", action="store_true", help="delete the circuit breaker's state once a second")
    options = parser.parse_args(arguments)
    terminal = Terminal()
    kept = False
    with exit_status(terminal):
        with run_stack(terminal, seed=options.seed) as stack:
            stack.store_credentials()
            traffic = Traffic(options.seed)
            course = _driven(terminal, stack, traffic, hold_circuit=options.hold_circuit)
            with terminal.step("Compare what is there with what was put on the bus"):
                accounted = account(traffic.deliveries, found(stack))
                figures = numbers(len(traffic.deliveries), traffic.events, course, stack.simulator.calls)
        demands = bounds(accounted, course, figures["share_failed"])
        kept = all(demand.is_kept for demand in demands)
        _show(terminal, figures, course, accounted, demands)
        name = "load-circuit-held.json" if options.hold_circuit else "load.json"
        _write(name, {"seed": options.seed, "kept": kept, **figures}, accounted, course)
    return 0 if kept else 1


class _Progress:
    """Shows how far a run is: a bar on a terminal, a line now and then elsewhere."""

    def __init__(self, console: Console) -> None:
        columns = (TextColumn("{task.description:<75}"), BarColumn(), TimeElapsedColumn())
        self.bar = Progress(*columns, console=console, transient=True)
        self._task = self.bar.add_task("load", total=SECONDS)
        self._phase = "load"
        self._started = self._said = 0.0

    def drains(self) -> None:
        """Begin a bar of its own for the drain."""
        self._phase, self._started = "drain", SECONDS
        self.bar.reset(self._task, total=LONGEST_DRAIN)

    def told(self, look: Look) -> None:
        """Show what was just seen."""
        queue = f"{look.waiting:>5} waiting, {look.hidden:>5} back later"
        words = f"{self._phase}: {look.delivered:>6} put, {queue}, circuit {look.circuit}"
        self.bar.update(self._task, completed=look.second - self._started, description=words)
        if not self.bar.console.is_terminal and look.second >= self._said:
            self.bar.console.print(f"{look.second:6.0f} s  {words}", markup=False)
            self._said = look.second + _SECONDS_BETWEEN_LINES


def _driven(terminal: Terminal, stack: LocalStack, traffic: Traffic, *, hold_circuit: bool) -> Course:
    progress = _Progress(terminal.console)
    drive = Drive(stack, traffic, progress.told, hold_circuit=hold_circuit)
    with terminal.step("Let the functions start, while nothing fails"):
        drive.warm_up()
    with progress.bar:
        drive.load()
        progress.drains()
        drive.drain()
    return drive.course


def _show(
    terminal: Terminal, figures: dict[str, float], course: Course, accounted: Account, demands: Sequence[Bound]
) -> None:
    table = Table(title="What was put on the bus, and what became of it", title_justify="left")
    for heading in ("", "result", "demanded"):
        table.add_column(heading, justify="left" if heading == "" else "right")
    for name, value in figures.items():
        table.add_row(name.replace("_", " "), f"{value:g}", "")
    table.add_row("records, problems", f"{accounted.records}, {accounted.problems}", "", end_section=True)
    for worker, grown in growth(course.readings).items():
        sizes = f"{grown.first / _MEBIBYTE:.1f} to {grown.last / _MEBIBYTE:.1f} MiB"
        table.add_row(f"memory of {worker}: {sizes}", f"{grown.ratio:.3f}", "")
    table.add_section()
    for demand in demands:
        style = "green" if demand.is_kept else "bold red"
        table.add_row(demand.name, f"[{style}]{demand.value:.3g}[/]", demand.demand)
    terminal.console.print(table)
    for detail in accounted.details[:_MOST_DETAILS]:
        terminal.say(detail, "bold red")


def _write(name: str, figures: dict[str, Any], accounted: Account, course: Course) -> None:
    content = {
        **figures,
        **asdict(accounted),
        "memory": {
            worker: {"first_bytes": grown.first, "last_bytes": grown.last, "ratio": round(grown.ratio, 4)}
            for worker, grown in growth(course.readings).items()
        },
        "looks": [asdict(look) for look in course.looks],
    }
    _BUILD.mkdir(exist_ok=True)
    (_BUILD / name).write_text(json.dumps(content, indent=2) + "\n", encoding="ascii")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
