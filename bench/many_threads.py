"""Fifty threads that want a token at the same moment."""

import threading
import time

from bench import parts
from bench.result import Result
from local.simulator import Fault, Simulator

_THREADS = 50
_ENDPOINT_SECONDS = 1.0
_LIFE = 1799
# Every environment looks for a newer token by then, and the old one is good for another while.
_STALE_AFTER = 0.85 * _LIFE


def measure() -> list[Result]:
    """Count the token requests of 50 threads without a token, and with one whose end is near."""
    clock = parts.MovedClock()
    with parts.instance(now=clock.now) as simulator:
        simulator.add_fault(Fault(on="token", delay=_ENDPOINT_SECONDS, commit=True, times=None))
        others = {name: make(simulator) for name, make in parts.OTHERS.items()}
        beside = ", ".join(f"{name} {_requests(simulator, get_token)[0]}" for name, get_token in others.items())
        get_token = parts.bridge(simulator, clock)
        cold, _ = _requests(simulator, get_token)
        clock.moved += _STALE_AFTER
        late, waiting = _requests(simulator, get_token)
    return [
        Result("cold_50_threads_requests", cold, 1, f"{cold} request", f"{beside} requests", exactly=True),
        Result("expiry_50_threads_requests", late, 1, f"{late} request", "one for the whole process", exactly=True),
        Result("expiry_50_threads_waiting", waiting, 1, f"{waiting} of 50 threads", "the one that asks"),
    ]


def _requests(simulator: Simulator, get_token: parts.GetToken) -> tuple[int, int]:
    """Let all threads ask at once; return the token requests, and how many threads were kept waiting for one."""
    before = simulator.token_requests
    barrier = threading.Barrier(_THREADS)
    taken: list[float] = []

    def ask() -> None:
        barrier.wait()
        began = time.monotonic()
        get_token()
        taken.append(time.monotonic() - began)

    threads = [threading.Thread(target=ask) for _ in range(_THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(taken) < _THREADS:
        raise RuntimeError("a thread got no token")
    return simulator.token_requests - before, sum(seconds > _ENDPOINT_SECONDS / 2 for seconds in taken)
