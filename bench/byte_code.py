"""What the byte code of the package saves of a start, and what the rest of a start is spent on.

A start is the import of a handler, clients included, in a fresh process, over one that imports nothing. Nothing is
written meanwhile, as on Lambda, whose file system takes no byte code; what Lambda brings itself is compiled there.
"""

import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping
from math import inf
from pathlib import Path
from statistics import median

from bench.api_start import ENVIRONMENT, built_package, runtime_of_lambda
from bench.result import Result

_ROUNDS = 15
_DEAREST = 10
_TARGETS: Mapping[str, float] = {"events": 0.78, "api": 0.66}
_LINE = re.compile(r"import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)$", re.MULTILINE)


def measure() -> list[Result]:
    """Compare the package with a copy of it that brings no byte code."""
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        package, runtime = built_package(folder), runtime_of_lambda(folder)
        sources = folder / "sources"
        shutil.copytree(package, sources, ignore=shutil.ignore_patterns("__pycache__"))
        results = []
        for handler, target in _TARGETS.items():
            starts = {"package": (package, handler), "sources": (sources, handler), "nothing": (package, None)}
            measured: dict[str, list[float]] = {name: [] for name in starts}
            for number in range(_ROUNDS + 1):
                for name in list(starts)[:: -1 if number % 2 else 1]:
                    seconds = _seconds(*starts[name], runtime)
                    # The first ones read the files from the disk.
                    if number:
                        measured[name].append(seconds)
            nothing = median(measured["nothing"])
            ours, yardstick = (median(measured[name]) - nothing for name in ("package", "sources"))
            results.append(
                Result(
                    f"{handler}_start_bytecode_vs_source",
                    ours / yardstick,
                    target,
                    f"{ours * 1e3:.0f} ms",
                    f"the same package without byte code {yardstick * 1e3:.0f} ms",
                )
            )
            results.append(_dearest(handler, package, runtime))
    return results


def _seconds(package: Path, handler: str | None, runtime: Path) -> float:
    began = time.perf_counter()
    _run(package, handler, runtime)
    return time.perf_counter() - began


def _dearest(handler: str, package: Path, runtime: Path) -> Result:
    """Sum up the imports by package, each without what it imports in turn."""
    milliseconds: dict[str, float] = defaultdict(float)
    for microseconds, name in _LINE.findall(_run(package, handler, runtime, "-X", "importtime")):
        parts = name.split(".")
        milliseconds[".".join(parts[: 2 if parts[0] in ("aws_lambda_powertools", "common") else 1])] += (
            int(microseconds) / 1e3
        )
    # A handler's own module makes the clients.
    milliseconds["clients"] = milliseconds.pop("handlers")
    dearest = sorted(milliseconds, key=milliseconds.__getitem__, reverse=True)[:_DEAREST]
    shown = ", ".join(f"{name} {milliseconds[name]:.0f}" for name in dearest)
    return Result(f"{handler}_start_imports_ms", sum(milliseconds.values()), inf, shown, "")


def _run(package: Path, handler: str | None, runtime: Path, *options: str) -> str:
    code = f"import handlers.{handler}" if handler else ""
    environment = ENVIRONMENT | {"PYTHONPATH": f"{package}:{runtime}"}
    return subprocess.run(  # noqa: S603 (a fixed command)
        [sys.executable, "-S", *options, "-c", code], env=environment, capture_output=True, text=True, check=True
    ).stderr
