"""Tell three stories of alarms to the bridge and to what stands beside it: `python -m bench.quiet`.

Writes build/quiet.json; exits with 1 where a target was missed. `python -m bench.quiet.plot` draws it.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from math import inf

from bench.quiet import bridge, others, traces
from bench.quiet.outcome import Outcome, Told, outcome_of
from bench.result import Result, show, terminal, write

_SEED = 2026
_STORIES: Sequence[Callable[[int], traces.Trace]] = (traces.spikes, traces.flapping, traces.outage)
_TELLERS: Mapping[str, Callable[[traces.Trace], list[Told]]] = {
    "as it is": bridge.as_it_is,
    "quiet": bridge.quiet,
    "Alertmanager": others.alertmanager,
    "ideal": others.ideal,
}
_FEWER = 0.8


def main() -> int:
    """Tell the stories; return 1 where a target was missed."""
    stories = {story.name: story for story in (make(_SEED) for make in _STORIES)}
    console = terminal()
    with console.status("Telling a week's alarms"), ProcessPoolExecutor() as pool:
        running = {
            (name, teller): pool.submit(_outcome, teller, story)
            for name, story in stories.items()
            for teller in _TELLERS
        }
        outcomes: dict[str, dict[str, Outcome]] = {name: {} for name in stories}
        for (name, teller), future in running.items():
            outcomes[name][teller] = future.result()
    results = _results(outcomes)
    show(results, console, f"How often somebody is woken; hold {traces.HOLD:.0f} s, settle {traces.SETTLE:.0f} s")
    figures = {name: {teller: asdict(found) for teller, found in told.items()} for name, told in outcomes.items()}
    titles = {name: story.title for name, story in stories.items()}
    numbers = {
        "spikes_fewer": 1 - _woken_again(outcomes["spikes"]),
        "flapping_fewer": 1 - _woken_again(outcomes["flapping"]),
        **{result.key: result.value for result in results[2:]},
    }
    path = write("quiet.json", {**numbers, "titles": titles, "stories": figures})
    console.print(f"Written to build/{path.name}")
    return 0 if all(result.is_met for result in results) else 1


def _outcome(teller: str, story: traces.Trace) -> Outcome:
    return outcome_of(story, _TELLERS[teller](story))


def _results(outcomes: Mapping[str, Mapping[str, Outcome]]) -> list[Result]:
    results = [
        Result(
            f"{name}, of all",
            _woken_again(outcomes[name]),
            1 - _FEWER,
            f"{outcomes[name]['quiet'].woken:,} times",
            _others(outcomes[name]),
        )
        for name in ("spikes", "flapping")
    ]
    storm = outcomes["outage"]["quiet"]
    results.append(
        Result("storm_records", storm.storms, 1, f"{storm.woken:,} in all", _others(outcomes["outage"]), exactly=True)
    )
    for figure in ("missed", "late"):
        values = {name: getattr(told["quiet"], figure) for name, told in outcomes.items()}
        theirs = sum(getattr(told["Alertmanager"], figure) for told in outcomes.values())
        results.append(Result(figure, sum(values.values()), 0, str(values), f"Alertmanager {theirs:,}", exactly=True))
    waits = max(told["quiet"].longest for told in outcomes.values())
    results.append(Result("longest_minutes", waits, inf, "until a problem is seen", ""))
    return results


def _woken_again(told: Mapping[str, Outcome]) -> float:
    return told["quiet"].woken / told["as it is"].woken


def _others(told: Mapping[str, Outcome]) -> str:
    return ", ".join(f"{teller} {found.woken:,}" for teller, found in told.items() if teller != "quiet")


if __name__ == "__main__":
    sys.exit(main())
