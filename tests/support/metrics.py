"""The names of the metrics that the bridge reports, read from its source."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "src"
_REPORTS = ("count", "gauge", "_report")
_METRIC_NAME = re.compile(r"([A-Z][a-z]+)+")


@cache
def reported_metrics() -> frozenset[str]:
    """Return every name that is handed to `Telemetry.count` or `Telemetry.gauge`, directly or from a table."""
    return frozenset(
        name
        for path in sorted(SOURCE.rglob("*.py"))
        for name in _names(ast.parse(path.read_text()))
        if _METRIC_NAME.fullmatch(name)
    )


def _names(module: ast.Module) -> Iterator[str]:
    tables = {
        target.id: node.value
        for node in module.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name) and isinstance(node.value, ast.Dict)
    }
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _REPORTS:
            yield from _texts(node.args[:1], tables)


def _texts(arguments: list[ast.expr], tables: dict[str, ast.Dict]) -> Iterator[str]:
    for part in (part for argument in arguments for part in ast.walk(argument)):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part.value
        elif isinstance(part, ast.Name) and part.id in tables:
            yield from _texts(tables[part.id].values, {})
