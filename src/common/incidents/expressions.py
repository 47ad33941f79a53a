"""JMESPath expressions and `{{ }}` templates, with the few functions that rules need beyond the standard ones."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import jmespath
from jmespath import functions
from jmespath.exceptions import JMESPathError
from jmespath.parser import ParsedResult

_PLACEHOLDER = re.compile(r"\{\{(.+?)\}\}", re.DOTALL)
_CONSOLES = {"cn-": "console.amazonaws.cn", "us-gov-": "console.amazonaws-us-gov.com"}


class _Functions(functions.Functions):  # type: ignore[misc] # jmespath has no type hints
    """What an expression may call beside JMESPath's own functions. Nothing here raises on odd input: it gives null."""

    @functions.signature({"types": ["string", "null", "number"]})  # type: ignore[untyped-decorator]
    def _func_url_encode(self, value: object) -> str | None:
        return None if value is None else quote(_text(value), safe="", errors="replace")

    @functions.signature({"types": ["string", "null"]})  # type: ignore[untyped-decorator]
    def _func_from_json(self, value: str | None) -> object:
        try:
            return json.loads(value) if value else None
        except (ValueError, RecursionError):
            return None

    @functions.signature({"types": ["string", "null"]})  # type: ignore[untyped-decorator]
    def _func_console(self, region: str | None) -> str | None:
        if not region or not re.fullmatch(r"[a-z0-9-]{4,30}", region):
            return None
        host = next((host for start, host in _CONSOLES.items() if region.startswith(start)), "console.aws.amazon.com")
        return f"https://{region}.{host}"


_OPTIONS = jmespath.Options(custom_functions=_Functions())


@dataclass(frozen=True, slots=True)
class Expression:
    """One compiled JMESPath expression."""

    source: str
    _compiled: ParsedResult = field(repr=False, compare=False)

    @classmethod
    def parse(cls, source: str) -> "Expression":
        """Compile `source`. Raises ValueError that says where it is wrong."""
        try:
            return cls(source, jmespath.compile(source))
        except JMESPathError as error:
            raise ValueError(f"{source!r} is no JMESPath expression: {str(error).splitlines()[0]}") from None

    def value(self, event: Mapping[str, Any]) -> Any:  # noqa: ANN401 (any JSON value)
        """Return what the expression finds in the event; None where it finds nothing or meets another type."""
        try:
            return self._compiled.search(event, options=_OPTIONS)
        except (JMESPathError, TypeError, RecursionError):
            return None

    def holds(self, event: Mapping[str, Any]) -> bool:
        """Return whether the expression is true of the event, as JMESPath understands truth."""
        return self.value(event) not in (None, False, "", [], {})

    def text(self, event: Mapping[str, Any]) -> str:
        """Return the value as text; empty where there is none."""
        return _text(self.value(event))


@dataclass(frozen=True, slots=True)
class Template:
    """Text with `{{ expression }}` in it. A line of which a placeholder finds nothing is left out."""

    lines: tuple[tuple[str | Expression, ...], ...]

    @classmethod
    def parse(cls, source: str) -> "Template":
        """Compile `source`. Raises ValueError that says which expression is wrong."""
        return cls(tuple(tuple(_pieces(line)) for line in source.strip("\n").split("\n")))

    def render(self, event: Mapping[str, Any]) -> str:
        """Return the text for one event."""
        rendered = []
        for line in self.lines:
            texts = [piece if isinstance(piece, str) else piece.text(event) for piece in line]
            if all(text or isinstance(piece, str) for text, piece in zip(texts, line, strict=True)):
                rendered.append("".join(texts))
        return "\n".join(rendered).strip()


def _pieces(line: str) -> list[str | Expression]:
    pieces: list[str | Expression] = []
    for index, piece in enumerate(_PLACEHOLDER.split(line)):
        pieces.append(Expression.parse(piece.strip()) if index % 2 else piece)
    return pieces


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def milliseconds(timestamp: str) -> int | None:
    """Return an ISO 8601 time in milliseconds since the epoch, or None where it is none; without zone it is UTC."""
    try:
        moment = datetime.fromisoformat(timestamp.strip())
        zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return round(zoned.timestamp() * 1000)
    except (ValueError, OverflowError):
        return None
