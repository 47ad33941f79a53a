"""Version 1 as it was deployed: its template beside the package of its functions, made from git's history."""

import subprocess
import tarfile
from compileall import compile_dir
from io import BytesIO
from pathlib import Path
from py_compile import PycInvalidationMode

from tools.package import PLATFORMS

COMMIT = "c84135dc6da161fc6e41227d999c7af2e9e7b9cf"
"""The last commit of version 1."""

_PROJECT = Path(__file__).resolve().parents[2]
_CODE = "CodeUri: src/"


class NoHistoryError(Exception):
    """This is no clone with its whole history, so that version 1 can't be told; the text says what to do."""


def template(directory: Path, architecture: str) -> Path:
    """Return version 1's template, ready for `sam deploy`; `directory` gets it, and the package beside it.

    Raises NoHistoryError where this is a shallow clone, or a folder that git knows nothing of.
    """
    unpack(directory, "src", "template.yaml")
    source = directory / "src"
    installer, lock = _PROJECT / "requirements" / "install.sh", source / "requirements.txt"
    subprocess.run([installer, "package", source, PLATFORMS[architecture], lock], check=True)
    compile_dir(source, quiet=2, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH)
    found = directory / "template.yaml"
    text = found.read_text(encoding="utf-8")
    assert text.count(_CODE) == 1
    found.write_text(text.replace(_CODE, f"CodeUri: {source}"), encoding="utf-8")
    return found


def unpack(directory: Path, *paths: str) -> None:
    """Put files and folders of version 1 into `directory`. Raises NoHistoryError as `template` does."""
    answer = _git("archive", "--format=tar", COMMIT, *paths)
    if answer.returncode:
        if _git("rev-parse", "--is-shallow-repository").stdout.strip() == b"false":
            raise AssertionError(f"The history is whole, but {COMMIT} is not in it: {answer.stderr.decode()}")
        raise NoHistoryError("Version 1 is in the history of this project, which is not here: git fetch --unshallow")
    with tarfile.open(fileobj=BytesIO(answer.stdout)) as archive:
        archive.extractall(directory, filter="data")


def _git(*arguments: str) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(["git", *arguments], cwd=_PROJECT, check=False, capture_output=True)  # noqa: S607
