"""Written by `make tickets` into docs/rules-shipped.md: what each rule of src/rules takes, told by the rule's file.

A rule file begins with a comment whose first words name what it is about. Right under `[[rule]]`, comments say when the
rule `Fires:`, when it `Recovers:` (none where it has no recovery) and what its `Severity:` is (none where it is a
constant). Lines that go on are indented.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from common.incidents.own_events import SEVERITIES
from common.incidents.rules import Rule, load_rules
from local.written_parts import BY_TICKETS, write_part

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/rules-shipped.md"
COLUMNS = ("About", "Rule", "Source", "Detail types", "Fires", "Recovers", "Severity")
NO_RECOVERY = "no event tells; a person resolves"

_ABOUT = re.compile(r"# ([^:.,]+)")
_RULE = re.compile(r'^\[\[rule\]\]\n((?:#.*\n)*)name = "([^"\n]+)"', re.MULTILINE)
_LABEL = re.compile(r"# (Fires|Recovers|Severity): (.*)")
_CONSTANT = re.compile(r"'([a-z]+)'")


class UntoldError(Exception):
    """A rule file lacks a comment that the table is made of, or has one too many. The text says which."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table."""

    about: str
    file: str
    rule: Rule
    told: dict[str, str]

    def cells(self) -> tuple[str, ...]:
        """Return the row's cells. Raises UntoldError where the file does not say what they hold."""
        constant = _CONSTANT.fullmatch(self.rule.severity.source) if self.rule.severity is not None else None
        severity = constant[1] if constant and constant[1] in SEVERITIES else ""
        return (
            f"[{self.about}](../src/rules/{self.file})",
            f"`{self.rule.name}`",
            "; ".join(f"`{source}`" for source in self.rule.sources),
            "; ".join(self.rule.detail_types),
            self._cell("Fires", ""),
            self._cell("Recovers", self._without_recovery),
            self._cell("Severity", severity or ("" if self.rule.severity is not None else "as the request says")),
        )

    @property
    def _without_recovery(self) -> str:
        if self.rule.resolved is not None:
            return ""
        return "there is none" if self.rule.once else NO_RECOVERY

    def _cell(self, label: str, known: str) -> str:
        told = self.told.get(label, "")
        if bool(told) == bool(known):
            wrong = "has a comment that the rule itself answers" if told else "lacks a comment"
            raise UntoldError(f"{self.file}, rule {self.rule.name}: {wrong}: # {label}: …, right under [[rule]].")
        return told or known


def rows(folder: Path) -> Iterator[Row]:
    """Yield a row for each rule in the files of `folder`, in the order of files and rules."""
    rules = {rule.name: rule for rule in load_rules(folder)}
    for path in sorted(folder.glob("*.toml")):
        text = path.read_text(encoding="utf-8")
        about = _ABOUT.match(text)
        for comments, name in _RULE.findall(text):
            yield Row(about[1].strip() if about else path.stem, path.name, rules.pop(name), _told(comments))
    if rules:
        raise UntoldError(f"Begin each rule with its comments, and then its name: {', '.join(sorted(rules))}.")


def table() -> str:
    """Return the table of all shipped rules. Raises UntoldError where a file does not say what it has to."""
    lines = [COLUMNS, ("---",) * len(COLUMNS), *(row.cells() for row in rows(ROOT / "src/rules"))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _told(comments: str) -> dict[str, str]:
    told: dict[str, str] = {}
    label = ""
    for line in comments.splitlines():
        if found := _LABEL.fullmatch(line):
            label = found[1]
            told[label] = found[2]
        elif label and line.startswith("#   "):
            told[label] += f" {line[4:].strip()}"
    return told


if __name__ == "__main__":
    write_part(PAGE, BY_TICKETS, table())
