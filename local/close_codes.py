"""Close codes that rules name under `on_change`, held against those that there are."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from common.incidents.alert import DEFAULT_TABLE
from common.incidents.rules import Mistake
from common.incidents.rules.checked import entries
from common.incidents.rules.names import CLOSE_CODES, OWN
from common.incidents.rules.on_change import CHANGE
from common.incidents.rules.places import located
from local.simulator.tables import default_tables

OF_A_NEW_INSTANCE = frozenset(default_tables()[DEFAULT_TABLE].fields["close_code"].choices)
"""The resolution codes of incidents that ServiceNow ships."""


def unknown_close_codes(directory: Path) -> Iterator[Mistake]:
    """Yield a mistake for each entry with a code that neither ServiceNow ships nor a file lists under `close_codes`.

    The files must be readable rules.
    """
    files = [*sorted(directory.glob("*.toml")), *sorted((directory / OWN).glob("*.toml"))]
    texts = {path.relative_to(directory).as_posix(): path.read_text(encoding="utf-8") for path in files}
    contents: dict[str, dict[str, Any]] = {name: tomllib.loads(text) for name, text in texts.items()}
    known = OF_A_NEW_INSTANCE.union(*(content.get(CLOSE_CODES, []) for content in contents.values()))
    for name, content in contents.items():
        yield from located(_unknown(name, content, known), name, texts[name], content)


def _unknown(file: str, content: dict[str, Any], known: frozenset[str]) -> Iterator[Mistake]:
    for heading in ("rule", "override"):
        for place, table in entries(file, heading, content):
            for number, entry in enumerate(table.get(CHANGE, []), start=1):
                codes = entry.get("close_code", [])
                for code in codes if isinstance(codes, list) else [codes]:
                    if code not in known:
                        yield Mistake(
                            place,
                            f"{CHANGE} {number}, close_code",
                            f"has {code}, which is none of {', '.join(sorted(known))}; a code of your own stands in "
                            f"{CLOSE_CODES} = [...] at the top of a file of {OWN}",
                        )
