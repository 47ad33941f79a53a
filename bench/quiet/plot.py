"""The plot of the stories: `python -m bench.quiet.plot` reads build/quiet.json and writes docs/quiet.png."""

import json
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import pyplot as plt

from bench.result import BUILD

_COLOURS = {"as it is": "#c8553d", "Alertmanager": "#f28f3b", "quiet": "#0b6e4f", "ideal": "#9aa5a0"}
_PLOT = Path(__file__).resolve().parents[2] / "docs" / "quiet.png"


def draw(source: Path, path: Path) -> None:
    """Draw how often somebody is woken in each story, a bar for each who tells it, and how long a problem waits."""
    found = json.loads(source.read_text(encoding="utf-8"))
    figure, plots = plt.subplots(1, len(found["stories"]), figsize=(10.5, 4.0), layout="constrained")
    for plot, (name, told) in zip(plots, found["stories"].items(), strict=True):
        woken = [told[teller]["woken"] for teller in _COLOURS]
        bars = plot.bar(list(_COLOURS), woken, color=list(_COLOURS.values()))
        labels = [
            f"{told[teller]['woken']:,}\n{told[teller]['minutes']:.1f} min"
            + (f"\n{told[teller]['missed']} missed" if told[teller]["missed"] else "")
            for teller in _COLOURS
        ]
        plot.bar_label(bars, labels, fontsize="small")
        plot.set_title(found["titles"][name], fontsize="medium")
        plot.set_ylim(0, 1.25 * max(woken))
        plot.spines[["top", "right"]].set_visible(False)
        plot.grid(visible=True, axis="y", alpha=0.3)
        plot.tick_params(axis="x", labelrotation=20)
    plots[0].set_ylabel("incidents opened, or opened again")
    figure.supxlabel("minutes: after which half of the problems that last can be seen", fontsize="small")
    figure.savefig(path, dpi=150, metadata={"Software": None})
    plt.close(figure)


if __name__ == "__main__":
    draw(BUILD / "quiet.json", _PLOT)
