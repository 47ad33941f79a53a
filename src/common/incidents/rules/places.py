"""Where in its file a window or an entry of `on_change` stands, for a person who has to correct it."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from common.incidents.rules.checked import entries
from common.incidents.rules.on_change import CHANGE
from common.incidents.rules.table import Mistake, is_tables

_ENTRY = re.compile(rf"{CHANGE} (\d+), ")
_HEADING = re.compile(r"\s*\[\[([\w.\s]+)\]\]")


def lines_of(text: str, heading: str) -> list[int]:
    """Return the lines of a file at which `[[heading]]` stands, from 1 on."""
    return [number for number, found in _headings(text) if found == heading]


def located(mistakes: Iterable[Mistake], file: str, text: str, content: Mapping[str, Any]) -> list[Mistake]:
    """Return the mistakes of a file, those about an entry of `on_change` with the line at which it begins.

    Where a file writes such entries in another form than `[[rule.on_change]]` its place stays as it is.
    """
    lines = {
        (place, number): line
        for heading in ("rule", "override")
        if is_tables(content.get(heading))
        for (place, _), starts in zip(entries(file, heading, content), _starts(text, heading), strict=False)
        for number, line in enumerate(starts, start=1)
    }
    return [_located(mistake, file, lines) for mistake in mistakes]


def _located(mistake: Mistake, file: str, lines: Mapping[tuple[str, int], int]) -> Mistake:
    entry = _ENTRY.match(mistake.field)
    line = lines.get((mistake.place, int(entry[1]))) if entry else None
    return mistake if line is None else replace(mistake, place=mistake.place.replace(file, f"{file}:{line}", 1))


def _starts(text: str, heading: str) -> list[list[int]]:
    """Return of each `[[heading]]` of a text the lines at which its entries of `on_change` begin."""
    found: list[list[int]] = []
    for number, name in _headings(text):
        if name == heading:
            found.append([])
        elif name == f"{heading}.{CHANGE}" and found:
            found[-1].append(number)
    return found


def _headings(text: str) -> Iterator[tuple[int, str]]:
    """Yield each line that begins an entry of a list of tables, and the name of that list."""
    for number, line in enumerate(text.split("\n"), start=1):
        if found := _HEADING.match(line):
            yield number, re.sub(r"\s", "", found[1])
