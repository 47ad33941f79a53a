"""Simulate fleets of 1 to 10,000 environments, print what they cost, and draw it: `python -m bench.fleet`.

Writes build/fleet.json and docs/fleet.png; exits with 1 where a target was missed.
"""

import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.status import Status

from bench.fleet.fleet import OUTAGE, Fleet, Setting
from bench.fleet.plot import draw
from bench.result import Result, show, terminal, write
from local.simulator.switches import TokenBehaviour

_SIZES = (1, 10, 100, 1_000, 10_000)
_LIFETIMES = 6
# Where a server hands out one token until its end, all environments lose it at once, which is much to simulate.
_LIFETIMES_FIXED = 4
_LIFETIMES_OTHERS = 3
_OUTAGES = 6
_SIZE_OF_OTHERS_IN_OUTAGES = 1_000
_MOST_REQUESTS = 3.0
_LARGE_TOKEN = 6_000

_HERE = "this project"
_OTHERS = ("memory only", "ask at expiry")
_RENEWING: tuple[TokenBehaviour, ...] = ("sliding", "fresh")
_PLOT = Path(__file__).resolve().parents[2] / "docs" / "fleet.png"

type _BySize = Mapping[int, float]


class _Experiments:
    """Runs simulations one after the other and says which."""

    def __init__(self, status: Status) -> None:
        self._status = status

    def requests(self, policy: str, behaviours: Sequence[TokenBehaviour], lifetimes: int) -> _BySize:
        """Return the token requests in the lifetime of a token by size, of the behaviour that causes most."""
        return {
            size: max(
                round(self._fleet(Setting(policy, size, behaviour)).in_steady_state(lifetimes).requests_per_lifetime, 2)
                for behaviour in behaviours
            )
            for size in _SIZES
        }

    def of_large_tokens(self, behaviour: TokenBehaviour) -> _BySize:
        """Return the token requests in the lifetime of a signed token of 6,000 characters by size."""
        return {
            size: round(
                self._fleet(Setting(_HERE, size, behaviour, token_length=_LARGE_TOKEN))
                .in_steady_state(_LIFETIMES)
                .requests_per_lifetime,
                2,
            )
            for size in _SIZES
        }

    def until_the_end(self, *, cold_starts: bool) -> tuple[_BySize, _BySize]:
        """Return requests and failed calls in a lifetime by size, where a server hands out one token until its end."""
        figures = {
            size: self._fleet(Setting(_HERE, size, "fixed", cold_starts)).in_steady_state(_LIFETIMES_FIXED)
            for size in _SIZES
        }
        return (
            {size: round(found.requests_per_lifetime, 2) for size, found in figures.items()},
            {size: round(found.failed_calls / found.lifetimes, 2) for size, found in figures.items()},
        )

    def failed_calls(self, policy: str, behaviours: Sequence[TokenBehaviour], sizes: Sequence[int]) -> int:
        """Return how many calls get no token, in several outages altogether."""
        return sum(
            self._fleet(Setting(policy, size, behaviour)).through_outages(_OUTAGES).failed_calls
            for size in sizes
            for behaviour in behaviours
        )

    def _fleet(self, setting: Setting) -> Fleet:
        environments = f"{setting.size:,} environments" if setting.size > 1 else "1 environment"
        self._status.update(f"Simulating {environments}: {setting.policy}, {setting.behaviour}")
        return Fleet(setting)


def main() -> int:
    """Run all simulations; return 1 where a target was missed."""
    console = terminal()
    with console.status("Simulating") as status:
        run = _Experiments(status)
        renewed = run.requests(_HERE, _RENEWING, _LIFETIMES)
        large = run.of_large_tokens("fresh")
        standing = run.of_large_tokens("sliding")
        fixed, _ = run.until_the_end(cold_starts=False)
        fixed_with_cold_starts, failed_at_the_end = run.until_the_end(cold_starts=True)
        others = {policy: run.requests(policy, ["fresh"], _LIFETIMES_OTHERS) for policy in _OTHERS}
        failed = run.failed_calls(_HERE, _RENEWING, _SIZES)
        failed_others = {
            policy: run.failed_calls(policy, ["fresh"], [_SIZE_OF_OTHERS_IN_OUTAGES]) for policy in _OTHERS
        }
    outages = f"{_OUTAGES} outages of {OUTAGE / 60:.0f} minutes"
    results = [
        *_results("requests_per_lifetime", renewed, _MOST_REQUESTS, "new or renewed token", others),
        *_results("requests_per_lifetime_large", large, _MOST_REQUESTS, "new signed token of 6,000 characters", {}),
        *_results("… that stands still", standing, _MOST_REQUESTS, "its record slides, its exp does not", {}),
        *_results("requests_per_lifetime_fixed", fixed, _MOST_REQUESTS, "one token until its end", {}),
        *_results("… with cold starts", fixed_with_cold_starts, _MOST_REQUESTS, "one token until its end", {}),
        *_results("… calls sent back at its end", failed_at_the_end, math.inf, "one token until its end", {}),
        Result(
            "outage_failed_calls",
            failed,
            0,
            outages,
            ", ".join(f"{policy} {count:,}" for policy, count in failed_others.items())
            + f" ({_SIZE_OF_OTHERS_IN_OUTAGES:,} environments)",
            exactly=True,
        ),
    ]
    show(results, console, "Token requests in the lifetime of a token, and calls that fail without a token endpoint")
    path = write(
        "fleet.json",
        {
            "requests_per_lifetime": renewed,
            "requests_per_lifetime_large": large,
            "requests_per_lifetime_standing_still": standing,
            "requests_per_lifetime_fixed": fixed,
            "requests_per_lifetime_fixed_with_cold_starts": fixed_with_cold_starts,
            "failed_calls_per_lifetime_fixed_with_cold_starts": failed_at_the_end,
            "outage_failed_calls": failed,
        },
    )
    lines = {
        f"{_HERE}, token renewed or replaced": renewed,
        f"{_HERE}, one token until its end": fixed_with_cold_starts,
        **others,
    }
    sizes = f"{_SIZE_OF_OTHERS_IN_OUTAGES:,} environments ({_HERE}: all sizes)"
    draw(_PLOT, lines, {_HERE: failed, **failed_others}, outages=outages, sizes=sizes)
    console.print(f"Written to build/{path.name} and docs/{_PLOT.name}")
    return 0 if all(result.is_met for result in results) else 1


def _results(name: str, found: _BySize, target: float, server: str, others: Mapping[str, _BySize]) -> list[Result]:
    return [
        Result(
            f"{name} {size:,}",
            requests,
            target,
            server,
            ", ".join(f"{policy} {by_size[size]:,.0f}" for policy, by_size in others.items()),
        )
        for size, requests in found.items()
    ]


if __name__ == "__main__":
    sys.exit(main())
