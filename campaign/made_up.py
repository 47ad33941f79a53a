"""Made-up inputs, from seeded dice: sound ones with something broken in them, and plain nonsense."""

import json
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

EVENTS = Path(__file__).resolve().parents[1] / "events"

NASTY_TEXTS = (
    "",
    " ",
    "\x00",
    "\ud800",
    "\udfff\ud800",
    "\u202egnp.exe",
    "\U0001f600" * 50,
    "a\r\nX-Injected: 1",
    "^ORnumber=INC0010001",
    "javascript:gs.sleep(9)",
    "<script>alert(1)</script>",
    "${jndi:ldap://x/a}",
    "=cmd|' /C calc'!A0",
    "{{ account }}",
    "x" * 5000,
    "NaN",
    "2026-02-30T25:61:61Z",
    "9" * 400,
    "-0",
    "../../etc",
)
"""Texts that have broken something somewhere."""

NASTY_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1e308, -1e308, 10**30, float("nan"), float("inf")),
    *([], {}, [[]], [None], {"": None}, {"value": "ALARM"}, ["ALARM"]),
    *NASTY_TEXTS,
)
"""Values of every type."""

_DEEPEST = 6


def samples() -> list[dict[str, Any]]:
    """Return the sample events of the project."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(EVENTS.glob("*.json"))]


def broken(random: Random, document: Any) -> Any:  # noqa: ANN401 (any JSON value)
    """Return a copy of a JSON value in which up to three things were changed."""
    copy = json.loads(json.dumps(document))
    for _ in range(random.choice((0, 1, 1, 1, 2, 3))):
        copy = _changed(random, copy)
    return copy


def nonsense(random: Random, depth: int = 0) -> Any:  # noqa: ANN401 (any JSON value)
    """Return any JSON value."""
    kind = random.random()
    if depth > _DEEPEST or kind < 0.5:
        return random.choice(NASTY_VALUES)
    if kind < 0.75:
        return [nonsense(random, depth + 1) for _ in range(random.randint(0, 4))]
    return {text(random): nonsense(random, depth + 1) for _ in range(random.randint(0, 4))}


def text(random: Random) -> str:
    """Return any text, also with characters that are none."""
    if random.random() < 0.4:
        return random.choice(NASTY_TEXTS)
    return "".join(
        chr(random.choice((random.randrange(128), random.randrange(0x110000)))) for _ in range(random.randint(0, 12))
    )


def mangled(random: Random, written: str) -> str:
    """Return a text in which something was cut, doubled or put in: it may be no JSON any more."""
    at = random.randint(0, len(written))
    to = min(len(written), at + random.randint(0, 20))
    match random.randrange(4):
        case 0:
            return written[:at]
        case 1:
            return written[:at] + written[to:]
        case 2:
            return written[:to] + written[at:]
        case _:
            return (
                written[:at]
                + random.choice(('"', "{", "[", "\\", "\x00", "\\ud800", "9" * 40, "[" * 2000))
                + written[at:]
            )


def _changed(random: Random, value: Any) -> Any:  # noqa: ANN401 (any JSON value)
    if isinstance(value, dict) and value and random.random() < 0.85:
        name = random.choice(list(value))
        return _with(random, value, name)
    if isinstance(value, list) and value and random.random() < 0.85:
        at = random.randrange(len(value))
        return [*value[:at], _changed(random, value[at]), *value[at + 1 :]]
    return nonsense(random, _DEEPEST - 1)


def _with(random: Random, value: dict[str, Any], name: str) -> dict[str, Any]:
    choice = random.random()
    if choice < 0.15:
        return {other: each for other, each in value.items() if other != name}
    if choice < 0.25:
        return value | {text(random): nonsense(random, _DEEPEST - 1)}
    if choice < 0.4:
        return value | {name: random.choice(NASTY_VALUES)}
    return value | {name: _changed(random, value[name])}


def headers(random: Random, choices: Sequence[tuple[str, Sequence[str]]]) -> dict[str, str]:
    """Return some headers, each with one of its values or any text."""
    found = {}
    for name, values in choices:
        if random.random() < 0.9:
            found[name] = random.choice(list(values)) if random.random() < 0.9 else text(random)
    return found
