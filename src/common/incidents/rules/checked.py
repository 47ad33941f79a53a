"""The rules as the package brings them: checked and laid together by the build, so that no start does it again."""

import json
from collections.abc import Collection, Iterator, Mapping
from datetime import tzinfo
from pathlib import Path
from typing import Any

from common.incidents.rules.deferred import DeferredRule
from common.incidents.rules.matching import Rules
from common.incidents.rules.names import OWN
from common.incidents.rules.override import Override
from common.incidents.rules.reading import read_override
from common.incidents.rules.surroundings import ACCOUNTS, Surroundings
from common.incidents.rules.table import Mistake, RuleTable
from common.incidents.windows import Window

CHECKED = "checked.json"
"""The file that stands in the package for all rule files: `{name of the file: its content}`."""


def read_checked(
    file: Path,
    tables: Collection[str],
    requestable: Mapping[str, tuple[str, ...]] | None,
    zone: tzinfo | None = None,
) -> tuple[Rules, list[Mistake]]:
    """Return the rules of the package, and what is wrong with them in this deployment.

    That is a table which is none of `tables`: the build can't know it, and has found all other mistakes.
    """
    contents: Mapping[str, Mapping[str, Any]] = json.loads(file.read_text(encoding="utf-8"))
    own: list[DeferredRule] = []
    shipped: list[DeferredRule] = []
    overrides: list[Override] = []
    windows: list[Window] = []
    mistakes: list[Mistake] = []
    accounts: dict[str, str] = {}
    for name, content in contents.items():
        accounts |= content.get(ACCOUNTS, {})
        for place, entry in entries(name, "rule", content):
            table = RuleTable(place, entry, tables)
            table.table()
            mistakes += table.mistakes
            (own if name.startswith(f"{OWN}/") else shipped).append(DeferredRule(place, entry, tables))
        for place, entry in entries(name, "override", content):
            override, wrong = read_override(place, entry, tables)
            mistakes += wrong
            overrides += [override] if override is not None else []
        if "window" in content:
            from common.incidents.rules.window import read_window  # noqa: PLC0415 (most deployments have none)

            for place, entry in entries(name, "window", content):
                window, wrong = read_window(place, entry, tables)
                mistakes += wrong
                windows += [window] if window is not None else []
    return Rules([*own, *shipped], overrides, requestable, windows, Surroundings(zone, accounts)), mistakes


def entries(file: str, heading: str, content: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Return each `[[heading]]` of a file's content, with the place where it stands, for a person who looks for it."""
    for index, table in enumerate(content.get(heading, []), start=1):
        yield f"{file}, {heading} {table.get('name') or index}", table
