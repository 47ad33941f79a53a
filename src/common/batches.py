"""Things that go together as long as they fit: pure."""

from collections.abc import Callable, Iterable, Iterator


def fitting[Thing](things: Iterable[Thing], size_of: Callable[[Thing], int], most: int) -> Iterator[list[Thing]]:
    """Yield things in their order, as many together as have the size `most`; what is larger alone goes alone."""
    together: list[Thing] = []
    size = 0
    for thing in things:
        own = size_of(thing)
        if together and size + own > most:
            yield together
            together, size = [], 0
        together.append(thing)
        size += own
    if together:
        yield together
