"""What GitHub runs for this project."""

import re
from pathlib import Path

import pytest

WORKFLOWS = sorted((Path(__file__).parents[2] / ".github" / "workflows").glob("*.y*ml"))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_action_is_named_by_the_hash_of_a_commit_and_says_its_version(path: Path) -> None:
    """A tag can be moved to other code; a hash can't, and the version beside it tells people what it is."""
    used = [line.strip() for line in path.read_text().splitlines() if re.match(r"[\s-]*uses:", line)]

    assert used
    assert [line for line in used if not re.fullmatch(r"(- )?uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line)] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_starts_with_the_right_to_read_alone(path: Path) -> None:
    """What more a job needs, it asks for itself."""
    assert re.search(r"^permissions:\n  contents: read\n(?! )", path.read_text(), re.MULTILINE)
