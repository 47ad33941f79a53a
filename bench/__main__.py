"""Measure the client against its yardsticks: `python -m bench [group …]`, all groups where none is named.

A group is a module with a function `measure` that returns results; it is added to `GROUPS`.
"""

import sys
from argparse import ArgumentParser
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from bench import (
    alarm_storm,
    api_create,
    api_start,
    batch_of_ten,
    byte_code,
    client_call,
    enriched,
    many_threads,
    short_lives,
    start_up,
    warm_token,
    watch,
    webhook,
)
from bench.result import Result, show, terminal, write

GROUPS: Mapping[str, Callable[[], Sequence[Result]]] = {
    "warm_token": warm_token.measure,
    "many_threads": many_threads.measure,
    "short_lives": short_lives.measure,
    "start_up": start_up.measure,
    "client_call": client_call.measure,
    "api_create": api_create.measure,
    "api_start": api_start.measure,
    "byte_code": byte_code.measure,
    "batch_of_ten": batch_of_ten.measure,
    "alarm_storm": alarm_storm.measure,
    "webhook": webhook.measure,
    "watch": watch.measure,
    "enriched": enriched.measure,
}


def main(arguments: Sequence[str]) -> int:
    """Run the groups, print one table and write build/bench.json; return 1 where a target was missed."""
    parser = ArgumentParser(prog="python -m bench", description="Measure the client against its yardsticks.")
    parser.add_argument("groups", nargs="*", metavar="group", help=f"all, or some of {', '.join(GROUPS)}")
    chosen = parser.parse_args(arguments).groups
    if unknown := sorted(set(chosen) - set(GROUPS)):
        parser.error(f"there is no group {', '.join(unknown)}, only {', '.join(GROUPS)}")
    console = terminal()
    results: list[Result] = []
    # A process for each group: what one leaves behind in loggers, modules and memory must not slow the next.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1) as processes:
        for name in chosen or GROUPS:
            with console.status(f"Measuring {name}"):
                results += processes.submit(GROUPS[name]).result()
    show(results, console, "This client beside its yardsticks")
    if not chosen:
        path = write("bench.json", {result.key: result.value for result in results})
        console.print(f"Written to {path.relative_to(path.parents[1])}")
    return 0 if all(result.is_met for result in results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
