"""`make build RULES=…`: rules that lie outside of the checkout travel into the package."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.rules import PROJECT

MAKE = shutil.which("make") or "make"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a checkout whose other steps of a build do nothing."""
    (tmp_path / ".venv-sam" / "bin").mkdir(parents=True)
    shutil.copy("/bin/true", tmp_path / ".venv-sam" / "bin" / "sam")
    (tmp_path / "requirements").mkdir()
    shutil.copy("/bin/true", tmp_path / "requirements" / "install.sh")
    shutil.copy(PROJECT / "Makefile", tmp_path)
    own = tmp_path / "src" / "rules" / "own"
    own.mkdir(parents=True)
    (own / "mine.toml").touch()
    return tmp_path


def built(checkout: Path, *rules: str) -> list[str]:
    """Build with a folder that holds these rules, and return the names of one's own files that are packed then."""
    folder = checkout / "rules of mine"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for rule in rules:
        (folder / rule).touch()
    given = [f"RULES={folder}"] if rules else []
    subprocess.run([MAKE, "--silent", "build", *given], cwd=checkout, check=True)
    return sorted(path.name for path in (checkout / "src" / "rules" / "own").iterdir())


def test_a_folder_of_rules_travels_into_the_package(checkout: Path) -> None:
    """Beside those that stand in the checkout; without the parameter nothing changes."""
    assert built(checkout) == ["mine.toml"]
    assert built(checkout, "a.toml", "b.toml") == ["folder-a.toml", "folder-b.toml", "mine.toml"]


def test_what_left_the_folder_leaves_the_package(checkout: Path) -> None:
    """A rule that was renamed would else count twice, and a build that names no folder would have the last one's."""
    built(checkout, "a.toml", "b.toml")
    assert built(checkout, "b.toml", "c.toml") == ["folder-b.toml", "folder-c.toml", "mine.toml"]
    assert built(checkout) == ["mine.toml"]


def test_a_folder_without_rules_is_told(checkout: Path) -> None:
    """A path that was mistyped would else build the package without them."""
    command = [MAKE, "--silent", "build", f"RULES={checkout / 'absent'}"]
    answer = subprocess.run(command, cwd=checkout, check=False, capture_output=True, text=True)
    assert answer.returncode == 2
    assert f"RULES names no folder with rules (*.toml): {checkout / 'absent'}" in answer.stderr
