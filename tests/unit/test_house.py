"""No import goes up: the order of the rooms in CONTRIBUTING.md is the one that the code has; and nothing strays in."""

import graphlib
import re
import subprocess
from pathlib import Path

import pytest

from local.house import LOWEST, MODULES, PAGE, PROJECT, doors, imports, picture, room_of
from local.written_parts import BY_HOUSE, with_part

FRONT_YARD = """
    .ci .cfnlintrc.yaml .editorconfig .github .gitignore .pre-commit-config.yaml .python-version .secrets.baseline
    CHANGELOG.md CONTRIBUTING.md LICENSE Makefile README.md SECURITY.md pyproject.toml samconfig.toml template.yaml
    bench campaign deploy docs events local requirements src tests tools
"""
MOST_BYTES = 400_000
"""The largest files are a screenshot and the lists of hashes."""


def order() -> dict[str, int]:
    """Return how far up each room stands, by the arrows in CONTRIBUTING.md; single modules are lowest."""
    text = PAGE.read_text(encoding="utf-8")
    found = re.search(r"^`(handlers` → .*)$", text, re.MULTILINE)
    assert found, "CONTRIBUTING.md has a line that begins with `handlers` →"
    floors = [re.findall(r"[a-z_]+", floor) for floor in found[1].split("→")[:-1]]
    return {room: -number for number, floor in enumerate(floors) for room in floor} | {LOWEST: -len(floors)}


def test_no_module_imports_what_stands_above_it() -> None:
    """A room that the order lacks has no place yet: put it there first."""
    floors = order()
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


def test_every_room_of_the_order_is_there() -> None:
    """What is gone from the code goes from the order."""
    assert order().keys() - {room_of(module) for module in MODULES} == set()


def test_the_picture_of_the_house_is_todays() -> None:
    """`make house` writes it, and what each room says of itself."""
    page = PAGE.read_text(encoding="utf-8")
    assert with_part(page, BY_HOUSE, picture()) == page


@pytest.mark.parametrize("room", ["actions", "context", "gate", "watch"])
def test_what_stands_between_aws_and_the_incidents_has_one_door(room: str) -> None:
    """Only the bridge, which puts all together, and the doctor, who tries each part, know what is behind it."""
    assert len(doors(room)) <= 1


@pytest.mark.parametrize(
    ("module", "may"),
    [
        ("openings", {"incidents.storms"}),
        ("gathering", {"incidents.storms", "incidents.desk"}),
        ("storms", {"incidents.desk"}),
        ("covers", {"incidents.desk"}),
        (
            "schedule",
            {"incidents.windows", "incidents.open_windows", "incidents.change_windows", "incidents.rules.window"},
        ),
    ],
)
def test_what_stands_behind_windows_and_storms_is_asked_through_them(module: str, may: set[str]) -> None:
    """Whoever wants to know whether it is quiet asks the one module that decides it."""
    asked = {name for name, path in MODULES.items() if f"common.incidents.{module}" in imports(path)}
    assert {name.removeprefix("common.") for name in asked if "bridge" not in name} <= may


@pytest.fixture(scope="module")
def tracked() -> list[Path]:
    """Provide the files that git keeps, seen from the top."""
    if not (PROJECT / ".git").exists():
        pytest.skip("there is no git repository to look at")
    command = ["git", "ls-files", "-z"]
    answer = subprocess.run(command, cwd=PROJECT, check=True, capture_output=True, text=True)
    return [Path(name) for name in answer.stdout.split("\0") if name and (PROJECT / name).is_file()]


def test_nothing_strays_into_the_front_yard(tracked: list[Path]) -> None:
    """What a tool leaves behind at the top level is not committed by mistake; what belongs there is listed here."""
    assert {path.parts[0] for path in tracked} == set(FRONT_YARD.split())


def test_only_pictures_of_the_documents_are_no_text(tracked: list[Path]) -> None:
    """Whatever is tracked can be read and compared, but for the pictures in docs."""
    binary = {path for path in tracked if b"\0" in (PROJECT / path).read_bytes()}
    assert [str(path) for path in binary if path.parent != Path("docs") or path.suffix != ".png"] == []


def test_no_tracked_file_is_too_large_or_empty(tracked: list[Path]) -> None:
    """A package, a dump or a log that was committed by mistake is larger; an empty file was forgotten."""
    sizes = {str(path): (PROJECT / path).stat().st_size for path in tracked}
    assert {name: size for name, size in sizes.items() if not 0 < size <= MOST_BYTES} == {}
