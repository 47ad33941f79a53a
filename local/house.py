"""Written by `make house` into CONTRIBUTING.md: the rooms of `src` and which import which, read from their files.

A room is a folder of `src/common` (or `intake.py`, which is a floor by itself), all handlers are one, and so are the
single modules of `src/common`. An arrow of the picture says that one room imports another; arrows that follow from
others are left out.
"""

import ast
from collections.abc import Mapping
from functools import cache
from itertools import chain
from pathlib import Path

from local.written_parts import BY_HOUSE, write_part

PROJECT = Path(__file__).resolve().parents[1]
SOURCE = PROJECT / "src"
PAGE = PROJECT / "CONTRIBUTING.md"

LOWEST = "modules"
"""The modules of `src/common` that stand in no folder."""

MODULES = {
    ".".join(path.relative_to(SOURCE).with_suffix("").parts): path
    for path in sorted(chain((SOURCE / "common").rglob("*.py"), (SOURCE / "handlers").rglob("*.py")))
    if path.name != "__init__.py"
}
"""Each module of the functions, and its file."""

# They put the parts together and try each of them, so they may come in by any way.
_EVERYWHERE = ("bridge", "checkup")

_FILES = {"handlers": "handlers/__init__.py", "intake": "common/intake.py", LOWEST: "common/errors.py"}
_LOWEST_HOLDS = "The single modules: errors, settings, queue, transport, telemetry and other tools of all rooms."


def room_of(module: str) -> str:
    """Return the room in which a module stands."""
    parts = module.split(".")
    if parts[0] == "handlers" or module == "common.intake":
        return parts[0] if parts[0] == "handlers" else "intake"
    return parts[1] if len(parts) > 1 and (SOURCE / parts[0] / parts[1]).is_dir() else LOWEST


@cache
def imports(path: Path) -> tuple[str, ...]:
    """Return the modules of ours that a file imports, but for those that only types need."""
    found: list[str] = []
    waiting: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            found += [name for name in names if (SOURCE / Path(*name.split("."))).with_suffix(".py").is_file()]
        waiting.extend(ast.iter_child_nodes(node))
    return tuple(found)


@cache
def ways_in() -> Mapping[str, Mapping[str, frozenset[str]]]:
    """Return for each room which rooms import it, and for each of those by which modules they come in."""
    ways: dict[str, dict[str, frozenset[str]]] = {room_of(module): {} for module in MODULES}
    for module, path in MODULES.items():
        for other in imports(path):
            came, into = room_of(module), room_of(other)
            if came != into:
                ways[into][came] = ways[into].get(came, frozenset()) | {other}
    return ways


def doors(room: str) -> list[str]:
    """Return the modules by which other rooms come in, but for those that put everything together and try it."""
    ways = (modules for came, modules in ways_in()[room].items() if came not in _EVERYWHERE)
    return sorted({module.removeprefix(f"common.{room}.") for module in frozenset[str]().union(*ways)})


def is_for(room: str) -> str:
    """Return the first sentence that the room says of itself."""
    if room == LOWEST:
        return _LOWEST_HOLDS
    text = (SOURCE / _FILES.get(room, f"common/{room}/__init__.py")).read_text(encoding="utf-8")
    docstring = ast.get_docstring(ast.parse(text))
    if docstring is None:
        raise SystemExit(f"src/common/{room}/__init__.py says nothing: tell in a docstring what the room is for.")
    return docstring.splitlines()[0]


def arrows() -> list[tuple[str, str]]:
    """Return which room imports which, without what follows from other arrows."""
    below = {room: {into for into, ways in ways_in().items() if room in ways} for room in ways_in()}

    @cache
    def reached(room: str) -> frozenset[str]:
        return frozenset(below[room]).union(*(reached(other) for other in below[room]))

    return sorted(
        (room, other)
        for room, others in below.items()
        for other in others
        if not any(other in reached(between) for between in others - {other})
    )


def picture() -> str:
    """Return what stands between the two comments: the picture, and what each room is for."""
    lines = ["```mermaid", "flowchart TD", *(f"    {room} --> {other}" for room, other in arrows()), "```", ""]
    lines += ["| Room | Is for | Other rooms come in by |", "|---|---|---|"]
    few = 3
    for room in sorted(ways_in()):
        ways = doors(room)
        shown = "" if room == LOWEST else ", ".join(f"`{way}`" for way in ways) if len(ways) <= few else "its modules"
        lines.append(f"| `{room}` | {is_for(room)} | {shown} |")
    return "\n".join(lines)


if __name__ == "__main__":
    write_part(PAGE, BY_HOUSE, picture())
