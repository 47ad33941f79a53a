"""`python -m campaign`: let every fault happen, plant every defect, and count (build/faults.json).

`--seeds 1` for a first look, `--only 12,54` for some faults; then nothing is written.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from campaign import (
    api,
    beyond,
    messages,
    planted_leaks,
    plants,
    queue_and_function,
    secrets_and_parameters,
    servicenow_api,
    servicenow_outages,
    token_endpoint,
)
from campaign.catalogue import NUMBERS, SEEDS
from campaign.run import Outcome, Tally, chosen, run
from campaign.stage import Stage

GROUPS = (
    token_endpoint,
    secrets_and_parameters,
    servicenow_api,
    servicenow_outages,
    queue_and_function,
    messages,
    api,
    beyond,
)
"""The modules of scenarios."""

PLANTS = (plants, planted_leaks)
"""The modules of defects."""

_BUILD = Path(__file__).resolve().parents[1] / "build"
_WIDE = 150


def main(arguments: Sequence[str]) -> int:
    """Run the campaign, print a table and write build/faults.json; return 1 where anything went wrong."""
    options = _options(arguments)
    console = Console(file=sys.stdout) if sys.stdout.isatty() else Console(file=sys.stdout, width=_WIDE)
    began, used = time.monotonic(), time.process_time()
    with Stage() as stage, _progress(console) as progress:
        runs = chosen(options.only or NUMBERS, options.seeds)
        task = progress.add_task("faults", total=len(runs))

        def told(outcome: Outcome) -> None:
            progress.update(task, advance=1, description=f"{outcome.fault.number} {outcome.fault.name}"[:50])

        tally = run(stage, runs, told)
        unseen = [] if options.only else _planted(stage, progress)
    console.print(_table(tally))
    for name in unseen:
        console.print(f"planted and not caught: {name}", style="bold red", markup=False)
    counts = tally.counts() | _planted_counts(unseen, ran=not options.only)
    counts |= {"seconds": round(time.monotonic() - began), "cpu_seconds": round(time.process_time() - used)}
    console.print(", ".join(f"{name} {number}" for name, number in counts.items()))
    if not options.only and options.seeds >= SEEDS:
        _BUILD.mkdir(exist_ok=True)
        (_BUILD / "faults.json").write_text(json.dumps(counts, indent=2) + "\n", encoding="ascii")
    return 0 if counts["survived"] == counts["total"] and not unseen else 1


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m campaign", description="Every fault, and what becomes of it.")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="how often a fault happens at most")
    parser.add_argument("--only", type=_numbers, default=(), help="numbers of faults, separated by commas")
    return parser.parse_args(arguments)


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description:<50}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    # Standard output is listened to while faults happen, so nothing may be redirected into it, nor away from it.
    return Progress(*columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False)


def _planted(stage: Stage, progress: Progress) -> list[str]:
    searched = plants.names_of_explored()
    task = progress.add_task("planted defects", total=len(plants.PLANTED) + len(searched))
    unseen = []
    for planted in plants.PLANTED:
        progress.update(task, advance=1, description=f"planted: {planted.name}"[:50])
        if not plants.is_caught(stage, planted):
            unseen.append(planted.name)
    for number, name in enumerate(searched):
        progress.update(task, advance=1, description=f"planted: {name}"[:50])
        if not plants.is_found(number):
            unseen.append(name)
    return unseen


def _planted_counts(unseen: Sequence[str], *, ran: bool) -> dict[str, int]:
    planted = len(plants.PLANTED) + len(plants.names_of_explored()) if ran else 0
    return {"planted": planted, "planted_caught": planted - len(unseen)}


def _table(tally: Tally) -> Table:
    table = Table(title="Faults, and what became of them", title_justify="left")
    for heading in ("", "fault", "group", "expected", "runs", "outcome"):
        table.add_column(heading, justify="right" if heading in {"", "runs"} else "left")
    for number in NUMBERS:
        outcomes = tally.of(number)
        if not outcomes:
            continue
        fault = outcomes[0].fault
        wrong = next((f"seed {each.seed}: {each.what_is_wrong}" for each in outcomes if not each.survived), "")
        verdict = f"[bold red]{wrong}[/]" if wrong else "[green]survived[/]"
        table.add_row(str(number), fault.name, fault.group, fault.expected, str(len(outcomes)), verdict)
    return table


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
