"""What must not stand in a log: keys, tokens, numbers of cards and people, mail addresses, as src/masking.toml says."""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FILE = Path(__file__).resolve().parents[1] / "masking.toml"

_MASKED = "[masked]"
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
class Masking:
    """Patterns, each with its name and a check digit that may have to be right, and fields that are masked whole."""

    patterns: tuple[tuple[str, re.Pattern[str], Callable[[str], bool] | None], ...]
    fields: frozenset[str]

    @classmethod
    def parse(cls, text: str) -> "Masking":
        """Return what a file says. Raises ValueError or KeyError for one that is wrong."""
        document = tomllib.loads(text)
        patterns = tuple(
            (entry["name"], re.compile(entry["pattern"]), _CHECKS[entry["check"]] if "check" in entry else None)
            for entry in document.get("pattern", [])
        )
        return cls(patterns, frozenset(document.get("fields", [])))

    def text(self, text: str) -> str:
        """Return `text` with what matches a pattern replaced by its name."""
        for name, pattern, check in self.patterns:
            text = pattern.sub(_masker(f"[{name}]", check), text)
        return text

    def line(self, line: str) -> str:
        """Return a line of JSON, masked. A line end in a text is spelt with a letter there, and ends a word too."""
        return "".join(part if _ESCAPED.fullmatch(part) else self.text(part) for part in _ESCAPED.split(line))

    def record(self, fields: Mapping[str, str]) -> dict[str, str]:
        """Return the fields of a record as they may be logged."""
        return {name: _MASKED if name in self.fields and value else self.text(value) for name, value in fields.items()}


def _masker(mask: str, check: Callable[[str], bool] | None) -> Callable[[re.Match[str]], str]:
    return lambda found: mask if check is None or check(found[0]) else found[0]


@cache
def masking() -> Masking:
    """Return what the deployed file says, read once."""
    return Masking.parse(FILE.read_text(encoding="utf-8"))
