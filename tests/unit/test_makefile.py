"""The Makefile: which Region a command takes, and that what it offers is told somewhere."""

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from local.house import PROJECT

MAKE = shutil.which("make") or "make"
TEXT = (PROJECT / "Makefile").read_text()
PAGES = [*PROJECT.glob("*.md"), *PROJECT.glob("docs/*.md")]


def region_of(target: str, environment: Mapping[str, str]) -> str:
    """Return the Region that the recipe of a target is given, empty for that of the profile."""
    answer = subprocess.run(
        [MAKE, "--dry-run", "--file", "-", target],
        cwd=PROJECT,
        input="include Makefile\n$(info $(AWS_DEFAULT_REGION))\n",
        env={"PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return answer.stdout.splitlines()[0]


def recipes() -> Mapping[str, str]:
    """Return the recipe of each target that a person calls."""
    return dict(re.findall(r"^([a-z0-9-]+):.*## .*\n((?:\t.*\n)+)", TEXT, re.MULTILINE))


@pytest.mark.parametrize("target", [name for name, recipe in recipes().items() if "tools." in recipe])
def test_what_is_deployed_is_looked_for_where_the_profile_says(target: str) -> None:
    """As `sam deploy` put it there; a Region in the environment goes before the profile."""
    assert region_of(target, {}) == ""
    assert region_of(target, {"AWS_DEFAULT_REGION": "us-east-2"}) == "us-east-2"


@pytest.mark.parametrize("target", ["test", "lint", "build", "demo"])
def test_what_stays_on_this_machine_has_a_region(target: str) -> None:
    """Whichever it is, so that nobody has to set one to try it."""
    assert region_of(target, {}) == "eu-west-1"


@pytest.mark.parametrize("target", recipes())
def test_every_target_is_told_in_a_document(target: str) -> None:
    """Nobody reads the Makefile to learn what there is."""
    assert [page.name for page in PAGES if re.search(rf"make {target}\b", page.read_text())]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_no_page_names_a_command_that_only_an_active_environment_has(page: Path) -> None:
    """In a fresh clone `make`, and what stands in the virtual environments, are all that there is."""
    bare = r"(?<![\w/])(?:python3? -m (?:bench|campaign|local|tests|tools)|pytest -|mutmut show)"
    assert re.findall(bare, page.read_text()) == []
