"""JMESPath expressions and `{{ }}` templates, with the few functions that rules need beyond the standard ones."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import isfinite
from typing import Any
from urllib.parse import quote

import jmespath
from jmespath import functions
from jmespath.exceptions import JMESPathError
from jmespath.parser import ParsedResult
from jmespath.visitor import TreeInterpreter

from common.incidents.labels import fingerprint_of
from common.incidents.tag_names import tags_of_parsed, tags_of_place
from common.text import link_line

_PLACEHOLDER = re.compile(r"\{\{(.+?)\}\}")
_NAME = r'(?:[A-Za-z_][A-Za-z0-9_]*|"[A-Za-z0-9_-]+")'
_PLACE = re.compile(rf"{_NAME}(?:\.{_NAME})*")
_EPOCH = re.compile(r"[0-9]{10}(?:\.[0-9]+)?|[0-9]{13}")
_WHOLE = 1000
_LONGEST_LISTED = 300
_MOST_LISTED = 50
_CONSOLES = {"cn-": "console.amazonaws.cn", "us-gov-": "console.amazonaws-us-gov.com"}


class _Functions(functions.Functions):  # type: ignore[misc] # jmespath has no type hints
    """What an expression may call beside JMESPath's own functions. Nothing here raises on odd input: it gives null."""

    @functions.signature({"types": ["string", "null", "number"]})  # type: ignore[untyped-decorator]
    def _func_url_encode(self, value: object) -> str | None:
        return None if value is None else quote(as_text(value), safe="", errors="replace")

    @functions.signature({"types": ["string", "null"]})  # type: ignore[untyped-decorator]
    def _func_from_json(self, value: str | None) -> object:
        try:
            return json.loads(value) if value else None
        except (ValueError, RecursionError):
            return None

    @functions.signature({"types": ["object", "array", "null"]}, {"types": ["string"]})  # type: ignore[untyped-decorator]
    def _func_tag(self, tags: object, name: str) -> object:
        """Return the value of a tag, whichever way the event writes tags: an object, or a list of Key and Value."""
        if isinstance(tags, dict):
            return tags.get(name)
        found = (tag for tag in tags if isinstance(tag, dict)) if isinstance(tags, list) else ()
        pairs = ({key.lower(): value for key, value in tag.items()} for tag in found)
        return next((pair.get("value") for pair in pairs if pair.get("key") == name), None)

    @functions.signature({"types": ["string", "null"]})  # type: ignore[untyped-decorator]
    def _func_console(self, region: str | None) -> str | None:
        if not region or not re.fullmatch(r"[a-z0-9-]{4,30}", region):
            return None
        host = next((host for start, host in _CONSOLES.items() if region.startswith(start)), "console.aws.amazon.com")
        return f"https://{region}.{host}"

    @functions.signature({"types": ["string", "null"]}, {"types": ["string"]})  # type: ignore[untyped-decorator]
    def _func_split(self, value: str | None, separator: str) -> list[str] | None:
        return value.split(separator) if value and separator else None

    @functions.signature({"types": []})  # type: ignore[untyped-decorator]
    def _func_lower(self, value: object) -> str | None:
        return None if value is None else as_text(value).lower()

    @functions.signature({"types": []})  # type: ignore[untyped-decorator]
    def _func_rounded(self, value: object) -> str | None:
        """Return a number as people write it: without a fraction of nothing, and with four digits that count."""
        try:
            number = float(as_text(value))
        except ValueError:
            return None
        if not isfinite(number):
            return None
        return f"{number:.0f}" if abs(number) >= _WHOLE else f"{number:.4g}"

    @functions.signature({"types": ["object", "null"]})  # type: ignore[untyped-decorator]
    def _func_fingerprint(self, labels: Mapping[str, Any] | None) -> str | None:
        """Return what Alertmanager calls an alert with these labels."""
        return fingerprint_of({name: as_text(value) for name, value in labels.items()}) if labels else None

    @functions.signature({"types": ["string"]}, {"types": ["string", "null"]})  # type: ignore[untyped-decorator]
    def _func_link(self, name: str, url: str | None) -> str | None:
        """Return the line that shows an address: only https, and with the host before it."""
        return link_line(url, name) if url else None

    @functions.signature({"types": ["object", "null"]})  # type: ignore[untyped-decorator]
    def _func_lines(self, values: Mapping[str, Any] | None) -> str | None:
        """Return `name: value`, a line for each."""
        return _listed(values, ": ", "\n")

    @functions.signature({"types": ["object", "null"]})  # type: ignore[untyped-decorator]
    def _func_words(self, values: Mapping[str, Any] | None) -> str | None:
        """Return `name value`, one after the other."""
        return _listed(values, " ", ", ")

    @functions.signature({"types": ["object", "null"]}, {"types": ["object", "array", "null"]})  # type: ignore[untyped-decorator]
    def _func_without(self, values: Mapping[str, Any] | None, others: object) -> dict[str, Any] | None:
        """Return an object without the members that another one has too, or without those of a list of names."""
        if values is None:
            return None
        if isinstance(others, dict):
            return {name: value for name, value in values.items() if name not in others or others[name] != value}
        names = others if isinstance(others, list) else []
        return {name: value for name, value in values.items() if name not in names}


def _listed(values: Mapping[str, Any] | None, between: str, apart: str) -> str | None:
    if not values:
        return None
    texts = {name: as_text(value)[:_LONGEST_LISTED] for name, value in sorted(values.items())[:_MOST_LISTED]}
    return apart.join(f"{name}{between}{text}" for name, text in texts.items() if text)


# One for all: it remembers nothing but how to handle each kind of node, which a new one would find out anew.
_INTERPRETER = TreeInterpreter(jmespath.Options(custom_functions=_Functions()))


def _check_calls(node: object) -> None:
    """Raise ValueError for a call that JMESPath would only notice, and then answer with an error, once it is made."""
    if not isinstance(node, dict):
        return
    if node["type"] == "function_expression":
        function = _Functions.FUNCTION_TABLE.get(node["value"])
        if function is None:
            raise ValueError(f"there is no function {node['value']}()")
        wanted, given = len(function["signature"]), len(node["children"])
        if given < wanted or (given > wanted and not function["signature"][-1].get("variadic")):
            raise ValueError(f"{node['value']}() does not take {given} arguments")
    for child in node["children"]:
        _check_calls(child)


def _at(place: tuple[str, ...], event: Mapping[str, Any]) -> Any:  # noqa: ANN401 (any JSON value)
    value: Any = event
    for name in place:
        try:
            value = value.get(name)
        except AttributeError:
            return None
    return value


@dataclass(frozen=True, slots=True)
class Expression:
    """One JMESPath expression. Most only name a place, such as `detail.state.value`: those need no engine.

    `tags` are the names of those that it asks for.
    """

    source: str
    _place: tuple[str, ...] = field(repr=False, compare=False)
    _compiled: ParsedResult | None = field(repr=False, compare=False)
    tags: frozenset[str] = field(default=frozenset(), repr=False, compare=False)

    @classmethod
    def parse(cls, source: str) -> "Expression":
        """Compile `source`. Raises ValueError that says where it is wrong."""
        if _PLACE.fullmatch(source):
            place = tuple(name.strip('"') for name in source.split("."))
            return cls(source, place, None, tags_of_place(place))
        try:
            compiled = jmespath.compile(source)
        except (JMESPathError, ValueError, RecursionError) as error:
            raise ValueError(f"{source!r} is no JMESPath expression: {str(error).splitlines()[0]}") from None
        _check_calls(compiled.parsed)
        return cls(source, (), compiled, tags_of_parsed(compiled.parsed))

    @property
    def place(self) -> tuple[str, ...]:
        """The names that lead to the place; empty where the expression does more than name one."""
        return self._place

    @property
    def parsed(self) -> Mapping[str, Any] | None:
        """What JMESPath's parser made of it: nodes with `type`, `value` and `children`; None where it names a place."""
        return None if self._compiled is None else self._compiled.parsed

    def value(self, event: Mapping[str, Any]) -> Any:  # noqa: ANN401 (any JSON value)
        """Return what the expression finds in the event; None where it finds nothing or meets another type."""
        if self._compiled is None:
            return _at(self._place, event)
        try:
            return _INTERPRETER.visit(self._compiled.parsed, event)
        except (JMESPathError, TypeError, ValueError, ArithmeticError, RecursionError):
            return None

    def holds(self, event: Mapping[str, Any]) -> bool:
        """Return whether the expression is true of the event, as JMESPath understands truth."""
        value = self.value(event)
        return not (value is None or value is False or value in ("", [], {}))

    def text(self, event: Mapping[str, Any]) -> str:
        """Return the value as text; empty where there is none."""
        return as_text(self.value(event))


@dataclass(frozen=True, slots=True)
class Template:
    """Text with `{{ expression }}` in it. A line of which a placeholder finds nothing is left out."""

    lines: tuple[tuple[str | Expression, ...], ...]

    @classmethod
    def parse(cls, source: str) -> "Template":
        """Compile `source`. Raises ValueError that says which expression, or which pair of braces, is wrong."""
        return cls(tuple(tuple(_pieces(line)) for line in source.strip("\n").split("\n")))

    @property
    def constant(self) -> str | None:
        """The text where it is the same for every event; None where it holds an expression."""
        pieces = [piece for line in self.lines for piece in line]
        return None if any(isinstance(piece, Expression) for piece in pieces) else self.render({})

    @property
    def tags(self) -> frozenset[str]:
        """The names of the tags that it asks for."""
        asked = (piece.tags for line in self.lines for piece in line if isinstance(piece, Expression))
        return frozenset().union(*asked)

    def render(self, event: Mapping[str, Any]) -> str:
        """Return the text for one event."""
        rendered = []
        for line in self.lines:
            texts = []
            for piece in line:
                text = piece if isinstance(piece, str) else piece.text(event)
                if not text and isinstance(piece, Expression):
                    break
                texts.append(text)
            else:
                rendered.append("".join(texts))
        return "\n".join(rendered).strip()


def _pieces(line: str) -> list[str | Expression]:
    pieces: list[str | Expression] = []
    for index, piece in enumerate(_PLACEHOLDER.split(line)):
        if index % 2:
            pieces.append(Expression.parse(piece.strip()))
        elif "{{" in piece or "}}" in piece:
            raise ValueError(f"{line!r} has {{{{ or }}}} without its counterpart on the same line")
        else:
            pieces.append(piece)
    return pieces


def as_text(value: object) -> str:
    """Return a JSON value as text: a string as it is, nothing for null, everything else as JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def milliseconds(timestamp: str) -> int | None:
    """Return a time in milliseconds since the epoch, or None where it is none.

    It is ISO 8601, without zone in UTC, or a number: 10 digits are seconds since the epoch, 13 milliseconds.
    """
    if _EPOCH.fullmatch(timestamp):
        return round(float(timestamp) * 1000) if timestamp[10:11] in ("", ".") else int(timestamp)
    try:
        moment = datetime.fromisoformat(timestamp.strip())
        zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return round(zoned.timestamp() * 1000)
    except (ValueError, OverflowError):
        return None
