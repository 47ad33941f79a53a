"""How time is measured: after a warm-up, in turns, so that a slow moment of the machine meets everybody; medians."""

import gc
import time
from collections.abc import Callable, Mapping
from statistics import median


def seconds_per_call(
    candidates: Mapping[str, Callable[[], object]],
    *,
    rounds: int,
    calls: int,
    warm_up: int = 1,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, float]:
    """Return for each candidate the median over `rounds` of the seconds that one of `calls` calls took.

    The candidates take turns, in an order that is turned by one every round. `clock` gives seconds; one that stands
    still while something else is at work leaves that out.
    """
    names = list(candidates)
    measured: dict[str, list[float]] = {name: [] for name in names}
    gc.collect()
    gc.disable()
    try:
        for number in range(warm_up + rounds):
            names = [*names[1:], names[0]]
            for name in names:
                seconds = _block(candidates[name], calls, clock)
                if number >= warm_up:
                    measured[name].append(seconds / calls)
    finally:
        gc.enable()
    return {name: median(values) for name, values in measured.items()}


def _block(call: Callable[[], object], calls: int, clock: Callable[[], float]) -> float:
    began = clock()
    for _ in range(calls):
        call()
    return clock() - began
