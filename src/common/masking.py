"""What must not be read: keys, tokens, numbers of cards and people, mail addresses, as src/masking.toml says.

In logs always, in what ServiceNow gets where that is asked for.
"""

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FILE = Path(__file__).resolve().parents[1] / "masking.toml"

_MASKED = "[masked]"
# What the bridge knows its own records by: hashes and its own words, in which a pattern could only hit by chance.
_OURS = frozenset(
    {"correlation_id", "correlation_display", "message_key", "resolution_state", "state", "time_of_event"}
)
_ESCAPED = re.compile(r"(\\[nrtbf]|\\u[0-9a-f]{4})")


def _luhn(text: str) -> bool:
    digits = [int(digit) for digit in reversed(text) if digit.isdecimal()]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


def _iban(text: str) -> bool:
    letters = text.replace(" ", "")
    number = "".join(str(int(letter, 36)) for letter in letters[4:] + letters[:4])
    return int(number) % 97 == 1


_CHECKS: Mapping[str, Callable[[str], bool]] = {"luhn": _luhn, "iban": _iban}


@dataclass(frozen=True, slots=True)
class Pattern:
    """What is masked: `mask` stands for it afterwards, and `check` says of what was found whether it is that.

    Every match holds one of `hints`, in whatever case; a text without any is not searched. No hint at all means that
    every text is.
    """

    mask: str
    expression: re.Pattern[str]
    check: Callable[[str], bool] | None
    hints: tuple[str, ...]

    def masked(self, text: str, *, fits: bool) -> str:
        """Return `text` with everything that it finds replaced, with `fits` by nothing longer."""

        def replacement(found: re.Match[str]) -> str:
            if self.check is not None and not self.check(found[0]):
                return found[0]
            return _fitting(self.mask, found[0]) if fits else self.mask

        return self.expression.sub(replacement, text)


@dataclass(frozen=True, slots=True)
class Masking:
    """Patterns, and fields that are masked whole.

    `fields` are those of records in logs, `record_fields` those of what ServiceNow gets.
    """

    patterns: tuple[Pattern, ...]
    fields: frozenset[str]
    record_fields: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, text: str) -> "Masking":
        """Return what a file says. Raises ValueError, KeyError or re.PatternError for one that is wrong."""
        document = tomllib.loads(text)
        patterns = tuple(
            Pattern(
                f"[{entry['name']}]",
                re.compile(entry["pattern"]),
                _CHECKS[entry["check"]] if "check" in entry else None,
                tuple(hint.casefold() for hint in entry.get("hints", [])),
            )
            for entry in document.get("pattern", [])
        )
        return cls(patterns, frozenset(document.get("fields", [])), frozenset(document.get("record_fields", [])))

    def text(self, text: str, *, fits: bool = False) -> str:
        """Return `text` with what matches a pattern replaced by its name.

        With `fits` it is no longer than it was: stars stand where a name would be longer than what it replaces.
        """
        return _masked(text, self._hinted(text), fits=fits)

    def line(self, line: str) -> str:
        """Return a line of JSON, masked. A line end in a text is spelt with a letter there, and ends a word too."""
        hinted = self._hinted(line)
        if "\\" not in line:
            return _masked(line, hinted)
        # Every second part is an escape.
        parts = _ESCAPED.split(line)
        parts[::2] = [_masked(part, hinted) for part in parts[::2]]
        return "".join(parts)

    def record(self, fields: Mapping[str, str]) -> dict[str, str]:
        """Return the fields of a record as they may be logged."""
        return {name: _MASKED if name in self.fields and value else self.text(value) for name, value in fields.items()}

    def written(self, fields: Mapping[str, str]) -> dict[str, str]:
        """Return the fields of a record as ServiceNow may get them: what fitted into a column still does."""
        return {name: value if name in _OURS else self._written(name, value) for name, value in fields.items()}

    def _written(self, name: str, value: str) -> str:
        return _fitting(_MASKED, value) if name in self.record_fields and value else self.text(value, fits=True)

    def _hinted(self, text: str) -> list[Pattern]:
        holds = text.casefold().__contains__
        return [pattern for pattern in self.patterns if not pattern.hints or any(map(holds, pattern.hints))]


def _masked(text: str, patterns: Iterable[Pattern], *, fits: bool = False) -> str:
    for pattern in patterns:
        text = pattern.masked(text, fits=fits)
    return text


def _fitting(mask: str, text: str) -> str:
    return mask if len(mask) <= len(text) else "*" * len(text)


@cache
def masking() -> Masking:
    """Return what the deployed file says, read once."""
    return Masking.parse(FILE.read_text(encoding="utf-8"))
