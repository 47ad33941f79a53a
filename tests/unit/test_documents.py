"""What the documents say can be done, can be done."""

import re
import tomllib
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([PROJECT / "README.md", *PROJECT.glob("docs/*.md")])


def _makefile() -> str:
    return (PROJECT / "Makefile").read_text()


def _targets() -> set[str]:
    return set(re.findall(r"^([a-z0-9-]+):", _makefile(), re.MULTILINE))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_every_make_target_that_a_document_names_exists(document: Path) -> None:
    """A command that is written down works."""
    named = set(re.findall(r"(?:`|^|\n)make ([a-z0-9-]+)", document.read_text()))
    assert named <= _targets()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_every_file_that_a_document_links_to_exists(document: Path) -> None:
    """No link leads nowhere."""
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text())
    missing = [link for link in links if not (document.parent / link).exists()]
    assert missing == []


def _anchors(document: Path) -> set[str]:
    """Return what links may name: each heading in small letters, with hyphens for spaces, as GitHub makes them."""
    text = re.sub(r"```.*?```", "", document.read_text(), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_every_heading_that_a_document_links_to_exists(document: Path) -> None:
    """In the page itself or in another one: whoever follows a link does not search."""
    links = re.findall(r"\]\((?!https?:)([^)#]*\.md|)#([^)]+)\)", document.read_text())
    missing = [
        f"{page}#{name}" for page, name in links if name not in _anchors(document.parent / page if page else document)
    ]
    assert missing == []


@pytest.mark.parametrize("document", ["README.md", "docs/setup.md"])
def test_the_first_commands_are_about_one_stack(document: str) -> None:
    """Whoever presses Enter at each question of the guided deployment has the stack that the next commands name."""
    text = (PROJECT / document).read_text()
    (begun,) = re.findall(r"^make build .*\n(?:.+\n)+?```", text, re.MULTILINE)
    deployed = re.findall(r"sam deploy --guided --stack-name (\S+)", begun)
    named = re.findall(r"^make (?:secret|doctor) STACK=(\S+)", begun, re.MULTILINE)

    assert len(deployed) == 1
    assert named == deployed * 2


def test_the_version_is_the_one_that_the_changelog_begins_with() -> None:
    """`make sbom` writes it into the list of what is deployed."""
    version = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["version"]
    newest = re.search(r"^## Version (\S+)( \(unreleased\))?$", (PROJECT / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert newest
    assert version.startswith(f"{newest[1]}.")
    assert ("dev" in version) is bool(newest[2])


def test_the_first_page_stays_short() -> None:
    """What is more than a glance belongs to the page that it leads to."""
    assert len((PROJECT / "README.md").read_text().split()) <= 1020


def test_every_page_is_on_the_map() -> None:
    """docs/README.md says for each what it answers."""
    on_it = set(re.findall(r"\]\(([^)/]+\.(?:md|toml|json))\)", (PROJECT / "docs" / "README.md").read_text()))
    pages = {path.name for suffix in ("md", "toml", "json") for path in (PROJECT / "docs").glob(f"*.{suffix}")}

    assert on_it == pages - {"README.md"}


def test_the_commands_of_make_find_the_package() -> None:
    """Under pytest the path is set; a module that begins to import from `src` would break the command alone."""
    ours = r"^\t@?(.*python -m (?:local|campaign|tests\.contract|tools\.\w+ --).*)$"
    commands = re.findall(ours, _makefile(), re.MULTILINE)

    assert len(commands) > 9
    assert [command for command in commands if not command.startswith("PYTHONPATH=src ")] == []
