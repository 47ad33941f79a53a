"""What a measurement comes to, and how it is shown."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

BUILD = Path(__file__).resolve().parents[1] / "build"
_LINE = 150
_MANY = 1_000


@dataclass(frozen=True, slots=True)
class Result:
    """One measured number under its key, the target it has to meet, and what it was made of.

    `ours` and `yardstick` say in words what was compared. With `exactly` the number has to be the target, otherwise
    it may be less. A number of the yardstick alone has no target: infinity.
    """

    key: str
    value: float
    target: float
    ours: str
    yardstick: str
    exactly: bool = False

    @property
    def is_met(self) -> bool:
        """Tell whether the target is met."""
        return self.value == self.target if self.exactly else self.value <= self.target

    @property
    def demand(self) -> str:
        """Return the target as it is written: `= 1` or `≤ 0.5`, nothing where there is none."""
        if math.isinf(self.target):
            return ""
        return f"{'=' if self.exactly else '≤'} {self.target:g}"


def terminal() -> Console:
    """Return where to print to; a file gets lines that are long enough for the tables."""
    console = Console()
    return console if console.is_terminal else Console(width=_LINE)


def show(results: Sequence[Result], console: Console, title: str) -> None:
    """Print a table of results."""
    table = Table(title=title, title_justify="left", caption_justify="left")
    table.add_column("measurement", no_wrap=True)
    for heading in ("here", "yardstick"):
        table.add_column(heading)
    for heading in ("result", "target", "verdict"):
        table.add_column(heading, justify="right")
    for result in results:
        verdict = "[green]met[/]" if result.is_met else "[bold red]missed[/]"
        verdict = verdict if result.demand else ""
        table.add_row(result.key, result.ours, result.yardstick, _as_text(result.value), result.demand, verdict)
    console.print(table)


def _as_text(value: float) -> str:
    return f"{value:,.0f}" if value >= _MANY else f"{value:.3g}"


def write(name: str, content: object) -> Path:
    """Write `content` as JSON into the folder `build` and return the file."""
    BUILD.mkdir(exist_ok=True)
    path = BUILD / name
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="ascii")
    return path
