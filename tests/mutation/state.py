"""What the results in `mutants/` were measured on: they count only as long as code and tests stay as they are."""

import hashlib
from pathlib import Path

_STATE = Path("mutants") / "measured-on"
_MATTERS = (
    "src/**/*.py",
    "src/**/*.toml",
    "tests/unit/**/*.py",
    "tests/support/**/*.py",
    "tests/*.py",
    "events/*.json",
)
_FILES = ("pyproject.toml", "requirements/extras.txt", "tests/mutation/texts.py")


def is_current() -> bool:
    """Return whether the results are those of the code and the tests as they stand."""
    return _STATE.is_file() and _STATE.read_text() == _fingerprint()


def remember() -> None:
    """Note what is measured from now on."""
    _STATE.parent.mkdir(exist_ok=True)
    _STATE.write_text(_fingerprint())


def _fingerprint() -> str:
    found = hashlib.sha256()
    paths = [Path(name) for name in _FILES] + [path for pattern in _MATTERS for path in Path().glob(pattern)]
    for path in sorted(paths):
        found.update(str(path).encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()
