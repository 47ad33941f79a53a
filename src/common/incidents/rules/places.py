"""Where in its file an entry of `on_change` stands, for a person who has to correct it."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from common.incidents.rules.checked import entries
from common.incidents.rules.on_change import CHANGE
from common.incidents.rules.table import Mistake

_ENTRY = re.compile(rf"{CHANGE} (\d+), ")


def located(mistakes: Iterable[Mistake], file: str, text: str, content: Mapping[str, Any]) -> list[Mistake]:
    """Return the mistakes of a file, those about an entry of `on_change` with the line at which it begins.

    Where a file writes such entries in another form than `[[rule.on_change]]` its place stays as it is.
    """
    lines = {
        (place, number): line
        for heading in ("rule", "override")
        if _is_tables(content.get(heading))
        for (place, _), starts in zip(entries(file, heading, content), _starts(text, heading), strict=False)
        for number, line in enumerate(starts, start=1)
    }
    return [_located(mistake, file, lines) for mistake in mistakes]


def _is_tables(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(table, dict) for table in value)


def _located(mistake: Mistake, file: str, lines: Mapping[tuple[str, int], int]) -> Mistake:
    entry = _ENTRY.match(mistake.field)
    line = lines.get((mistake.place, int(entry[1]))) if entry else None
    return mistake if line is None else replace(mistake, place=mistake.place.replace(file, f"{file}:{line}", 1))


def _starts(text: str, heading: str) -> list[list[int]]:
    """Return of each `[[heading]]` of a text the lines at which its entries of `on_change` begin."""
    found: list[list[int]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        bare = re.sub(r"\s|#.*", "", line)
        if bare == f"[[{heading}]]":
            found.append([])
        elif bare == f"[[{heading}.{CHANGE}]]" and found:
            found[-1].append(number)
    return found
