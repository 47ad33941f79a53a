"""No import goes up: the order of the rooms in CONTRIBUTING.md is the one that the code has."""

import ast
import graphlib
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
SOURCE = PROJECT / "src"
LOWEST = "the modules of common"


def picture() -> dict[str, int]:
    """Return how far up each room stands, by the arrows in CONTRIBUTING.md; single modules are lowest."""
    text = (PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    found = re.search(r"^`(handlers` → .*)$", text, re.MULTILINE)
    assert found, "CONTRIBUTING.md has a line that begins with `handlers` →"
    floors = [re.findall(r"[a-z_]+", floor) for floor in found[1].split("→")[:-1]]
    return {room: -number for number, floor in enumerate(floors) for room in floor} | {LOWEST: -len(floors)}


def room_of(module: str) -> str:
    """Return the room in which a module stands."""
    parts = module.split(".")
    if parts[0] == "handlers" or module == "common.intake":
        return parts[0] if parts[0] == "handlers" else "intake"
    return parts[1] if len(parts) > 1 and (SOURCE / parts[0] / parts[1]).is_dir() else LOWEST


def imports(path: Path) -> Iterator[str]:
    """Yield the modules of ours that a file imports, but for those that only types need."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_types = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for part in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and id(node) not in for_types:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            yield from (name for name in names if (SOURCE / Path(*name.split("."))).with_suffix(".py").is_file())


MODULES = {
    ".".join(path.relative_to(SOURCE).with_suffix("").parts): path
    for path in chain((SOURCE / "common").rglob("*.py"), (SOURCE / "handlers").rglob("*.py"))
    if path.name != "__init__.py"
}


def test_no_module_imports_what_stands_above_it() -> None:
    """A room that the picture lacks has no place yet: put it there first."""
    floors = picture()
    unplaced = {room_of(module) for module in MODULES} - floors.keys()
    assert unplaced == set(), "give each a place in CONTRIBUTING.md"
    upwards = [
        f"{module} imports {other}"
        for module, path in MODULES.items()
        for other in imports(path)
        if floors[room_of(other)] > floors[room_of(module)]
    ]
    assert upwards == []


def test_no_module_imports_itself_by_way_of_others() -> None:
    """Within a room too: what is below can be read, and tried, without what is above."""
    graph = {module: set(imports(path)) for module, path in MODULES.items()}
    graphlib.TopologicalSorter(graph).prepare()


def test_every_room_of_the_picture_is_there() -> None:
    """What is gone from the code goes from the picture."""
    assert picture().keys() - {room_of(module) for module in MODULES} == set()
