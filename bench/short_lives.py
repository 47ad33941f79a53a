"""Tokens that live shorter than the minutes by which clients like to be early."""

from bench import parts
from bench.result import Result

_CALLS = 20


def measure() -> list[Result]:
    """Count the token requests of 20 calls, where tokens live 50 s and 280 s.

    Here the calls come one a second; the others, whose clock can't be moved, make them all at once.
    """
    return [_measure(50), _measure(280)]


def _measure(life: int) -> Result:
    with parts.instance(expires_in=life) as simulator:
        beside = []
        for name, make in parts.OTHERS.items():
            get_token = make(simulator)
            before = simulator.token_requests
            for _ in range(_CALLS):
                get_token()
            beside.append(f"{name} {simulator.token_requests - before}")
    clock = parts.MovedClock()
    with parts.instance(expires_in=life, now=clock.now) as simulator:
        get_token = parts.bridge(simulator, clock)
        for _ in range(_CALLS):
            get_token()
            clock.moved += 1.0
        requests = simulator.token_requests
    return Result(
        f"lifetime_{life}_requests_per_{_CALLS}_calls",
        requests,
        1,
        f"{requests} request",
        ", ".join(beside) + " requests",
        exactly=True,
    )
