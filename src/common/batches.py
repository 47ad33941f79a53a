"""Things that go together as long as they fit: pure."""

import sys
from collections.abc import Callable, Iterable, Iterator


def fitting[Thing](
    things: Iterable[Thing], size_of: Callable[[Thing], int], most: int, *, number: int = sys.maxsize
) -> Iterator[list[Thing]]:
    """Yield things in their order, `number` together at most, and of the size `most`; what is larger goes alone."""
    together: list[Thing] = []
    size = 0
    for thing in things:
        own = size_of(thing)
        if together and (len(together) == number or size + own > most):
            yield together
            together, size = [], 0
        together.append(thing)
        size += own
    if together:
        yield together
