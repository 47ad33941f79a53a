"""`python -m campaign`: let every fault happen, plant every defect, and count (build/faults.json).

`--seeds 1` for a first look, `--only 12,54` for some faults; then nothing is written.
"""

import argparse
import json
import resource
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from campaign.catalogue import NUMBERS, SEEDS
from campaign.crew import Crew, number_of_planted
from campaign.run import Tally, chosen

_BUILD = Path(__file__).resolve().parents[1] / "build"
_WIDE = 150
_RUNS_A_LINE = 100


def main(arguments: Sequence[str]) -> int:
    """Run the campaign, print a table and write build/faults.json; return 1 where anything went wrong."""
    options = _options(arguments)
    console = Console() if sys.stdout.isatty() else Console(width=_WIDE)
    began = time.monotonic()
    tally, unseen = Tally(), list[str]()
    with Crew(options.processes) as crew, _progress(console) as progress:
        runs = chosen(options.only or NUMBERS, options.seeds)
        task = progress.add_task("faults", total=len(runs))
        outcomes = crew.outcomes(runs)
        planted = iter(()) if options.only else crew.planted()  # begun where the longest faults leave processes idle
        for outcome in outcomes:
            tally.outcomes.append(outcome)
            _tell(console, tally, len(runs))
            progress.update(task, advance=1, description=f"{outcome.fault.number} {outcome.fault.name}"[:50])
        if not options.only:
            task = progress.add_task("planted defects", total=number_of_planted())
            for name, caught in planted:
                unseen += [] if caught else [name]
                progress.update(task, advance=1, description=f"planted: {name}"[:50])
    console.print(_table(tally))
    for name in unseen:
        console.print(f"planted and not caught: {name}", style="bold red", markup=False)
    number_planted = 0 if options.only else number_of_planted()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    counts = tally.counts() | {
        "planted": number_planted,
        "planted_caught": number_planted - len(unseen),
        "seconds": round(time.monotonic() - began),
        "cpu_seconds": round(used.ru_utime + used.ru_stime),
    }
    console.print(", ".join(f"{name} {number}" for name, number in counts.items()))
    if not options.only and options.seeds >= SEEDS:
        _BUILD.mkdir(exist_ok=True)
        document = {**counts, "faults": tally.by_fault()}
        (_BUILD / "faults.json").write_text(json.dumps(document, indent=2) + "\n", encoding="ascii")
    return 0 if counts["survived"] == counts["total"] and not unseen else 1


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m campaign", description="Every fault, and what becomes of it.")
    parser.add_argument("--seeds", type=_seeds, default=SEEDS, help="how often a fault happens at most")
    parser.add_argument("--only", type=_numbers, default=(), help="numbers of faults, separated by commas")
    parser.add_argument("--processes", type=int, default=0, help="how many happen at once; one a processor by default")
    return parser.parse_args(arguments)


def _seeds(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on: nothing would happen")
    return int(text)


def _numbers(text: str) -> list[int]:
    unknown = [number for number in text.split(",") if not number.isdecimal() or int(number) not in NUMBERS]
    if unknown:
        raise argparse.ArgumentTypeError(f"the catalogue has no fault {', '.join(unknown)}")
    return [int(number) for number in text.split(",")]


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description:<50}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True)


def _tell(console: Console, tally: Tally, total: int) -> None:
    number, outcome = len(tally.outcomes), tally.outcomes[-1]
    if not outcome.survived:
        words = f"{outcome.fault.number} {outcome.fault.name}, seed {outcome.seed}: {outcome.what_is_wrong}"
        console.print(words, style="bold red", markup=False)
    if not console.is_terminal and number % _RUNS_A_LINE == 0:
        console.print(f"{number} of {total} runs")


def _table(tally: Tally) -> Table:
    table = Table(title="Faults, and what became of them", title_justify="left")
    for heading in ("", "fault", "group", "expected", "runs", "seconds", "outcome"):
        table.add_column(heading, justify="right" if heading in {"", "runs", "seconds"} else "left")
    for row in tally.by_fault():
        failed = row["runs"] - row["survived"]
        verdict = f"[bold red]{failed} failed[/]" if failed else "[green]survived[/]"
        table.add_row(*(str(row[name]) for name in ("number", "name", "group", "expected", "runs", "seconds")), verdict)
    return table


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
