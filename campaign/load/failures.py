"""Half of all answers fail: equally often in each of several ways, before and after the commit."""

from collections.abc import Sequence
from dataclasses import replace

from local.simulator import Fault

SHARE = 0.5
"""Share of all requests, those of the token endpoint included, whose answer fails."""

WAYS = (
    Fault(status=500, commit=False),
    Fault(status=500, commit=True),
    Fault(status=503, commit=False),
    Fault(status=503, commit=True),
    Fault(connection="abort", commit=False),
    Fault(connection="abort", commit=True),
    Fault(status=429, headers={"Retry-After": "5"}),
)
"""How an answer fails; an abort resets the connection instead of answering."""


def failures(share: float = SHARE) -> Sequence[Fault]:
    """Return faults that together meet that share of all requests for ever, each of them equally many."""
    each = share / len(WAYS)
    # A way is drawn only for requests that those before it have spared.
    return [replace(way, on="any", times=None, probability=each / (1 - index * each)) for index, way in enumerate(WAYS)]
