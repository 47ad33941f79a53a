"""A call with a token in memory: what every call to ServiceNow pays."""

from bench import parts
from bench.result import Result
from bench.timing import seconds_per_call

_ROUNDS = 301
_CALLS = 500


def measure() -> list[Result]:
    """Compare the time that it takes to have a token that is good for another half hour."""
    with parts.instance() as simulator:
        candidates = {"here": parts.bridge(simulator)}
        candidates |= {name: make(simulator) for name, make in parts.OTHERS.items()}
        for get_token in candidates.values():
            get_token()
        measured = seconds_per_call(candidates, rounds=_ROUNDS, calls=_CALLS, warm_up=30)
    ours = measured.pop("here")
    return [
        Result(
            "warm_token_vs_fastest_anchor",
            ours / min(measured.values()),
            0.5,
            f"{ours * 1e9:.0f} ns",
            ", ".join(f"{name} {seconds * 1e9:.0f} ns" for name, seconds in measured.items()),
        )
    ]
