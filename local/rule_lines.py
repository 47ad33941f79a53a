"""In which line of a rule file an entry stands, for a person who has to look at it."""

import re
from itertools import pairwise
from pathlib import Path

from common.incidents.rules.names import OWN

_HEADING = re.compile(r"\s*\[\[(rule|override|window)\]\]")
_PLACE = re.compile(r"(?:(?P<file>[^,]+\.toml), )?(?P<heading>rule|override|window) (?P<name>.+)")


def where(folder: Path, place: str, field: str) -> str:
    """Return ` (own/teams.toml, line 12)` for a field of what stands at `place`; empty where it is not found.

    `place` is as a mistake names it, with or without its file: `own/teams.toml, override payments`, `rule orders`. The
    line is that of the field, or of the heading where the field has none of its own.
    """
    found = _PLACE.fullmatch(place)
    if found is None:
        return ""
    files = [found["file"]] if found["file"] else [*_names(folder), *(f"{OWN}/{name}" for name in _names(folder / OWN))]
    for file in files:
        line = _line(folder / file, found["heading"], found["name"], field.rpartition(".")[2])
        if line:
            return f" ({file}, line {line})"
    return ""


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.toml"))


def _line(path: Path, heading: str, name: str, field: str) -> int:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return 0
    starts = [number for number, line in enumerate(lines) if _HEADING.match(line)] + [len(lines)]
    index = 0
    for start, end in pairwise(starts):
        if f"[[{heading}]]" not in lines[start]:
            continue
        index += 1
        named = any(re.match(rf"\s*name\s*=\s*[\"']{re.escape(name)}[\"']", line) for line in lines[start:end])
        if named or name == str(index):
            key = re.compile(rf"(?:.*[{{,\s]|\s*){re.escape(field)}\s*=|\s*\[{heading}\.{re.escape(field)}\]")
            return next((number for number in range(start, end) if key.match(lines[number])), start) + 1
    return 0
