"""Threads that start at once, and a lock that can be watched."""

import threading
from collections.abc import Callable

from common.errors import BridgeError


def in_threads(number: int, work: Callable[[], object]) -> list[object]:
    """Let `number` threads do `work` at once; return what each returned or raised."""
    outcomes: list[object] = []
    gate = threading.Barrier(number)

    def run() -> None:
        gate.wait()
        try:
            outcomes.append(work())
        except BridgeError as error:
            outcomes.append(error)

    threads = [threading.Thread(target=run) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return outcomes


class WatchedLock:
    """A lock that tells when another thread begins to wait for it."""

    def __init__(self) -> None:
        """Be free."""
        self._lock = threading.Lock()
        self.wanted = threading.Semaphore(0)

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:  # noqa: FBT001, FBT002 (as the real one)
        """Take it, and let go of `wanted` where it was taken."""
        if self._lock.acquire(blocking=False):
            return True
        self.wanted.release()
        return self._lock.acquire(blocking, timeout)

    def release(self) -> None:
        """Give it back."""
        self._lock.release()
