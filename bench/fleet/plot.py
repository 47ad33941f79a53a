"""The plot of the fleets."""

from collections.abc import Mapping
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.ticker import StrMethodFormatter

_COLOURS = ("#0b6e4f", "#6bbf59", "#c8553d", "#f28f3b")
_WHOLE = StrMethodFormatter("{x:,.0f}")
_MARKERS = ("o", "s", "^", "D")


def draw(
    path: Path, lines: Mapping[str, Mapping[int, float]], failed: Mapping[str, int], *, outages: str, sizes: str
) -> None:
    """Draw token requests by the size of the fleet, one line a policy, and calls that failed in outages, as bars.

    `outages` and `sizes` say in words what the bars are about.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(10.5, 4.2), width_ratios=(2.0, 1.0), layout="constrained")
    for (name, by_size), colour, marker in zip(lines.items(), _COLOURS, _MARKERS, strict=True):
        left.plot(list(by_size), list(by_size.values()), label=name, color=colour, marker=marker, linewidth=2)
    left.set(xscale="log", yscale="log", xlabel="environments", ylabel="token requests in a token's lifetime")
    left.set_title("What the token endpoint sees\n")
    left.xaxis.set_major_formatter(_WHOLE)
    left.yaxis.set_major_formatter(_WHOLE)
    left.grid(visible=True, which="major", alpha=0.3)
    left.legend(loc="upper left", frameon=False)
    names = [name.replace(" ", "\n", 1) for name in failed]
    bars = right.bar(names, list(failed.values()), color=(_COLOURS[0], *_COLOURS[2:]))
    right.bar_label(bars, [f"{count:,}" for count in failed.values()])
    right.set_title(f"Failed calls without a token endpoint,\n{outages}", fontsize="medium")
    right.set_xlabel(sizes)
    right.yaxis.set_major_formatter(_WHOLE)
    right.set_ylim(0, max(1.15 * max(failed.values()), 1.0))
    right.spines[["top", "right"]].set_visible(False)
    right.grid(visible=True, axis="y", alpha=0.3)
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, dpi=150, metadata={"Software": None})
    plt.close(figure)
