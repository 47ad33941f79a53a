"""`make rules NEW=sample.json`: a first rule for the event in a file, to be finished by hand."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

_STATES = ("status", "state", "alert_status", "condition", "action")
_NAMES = ("dedup_key", "fingerprint", "id", "alert_id", "incident_id", "key", "name")
_OVER = ("resolved", "ok", "closed", "recovered", "SUCCEEDED", "COMPLETED")
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MOST_LINES = 20


def first_rule(event: Mapping[str, Any]) -> str:
    """Return the TOML of a rule that takes this event: what names the problem and its state is a guess from names."""
    places = dict(_places(event["detail"], "detail"))
    listed = next((place.partition("[0]")[0] for place in places if "[0]" in place), None)
    key = _first(places, _NAMES) or ("resources[0]" if event.get("resources") else '"detail-type"')
    state = _first(places, _STATES)
    name = re.sub(r"[^a-z0-9]+", "-", f"{event['source']}-{event['detail-type']}".lower()).strip("-")
    firing = f"!(contains({_expressions(_OVER)}, {state} || ''))" if state else "`true`"
    lines = [f"{place.rpartition('.')[2].strip(chr(34))}: {{{{ {place} }}}}" for place in list(places)[:_MOST_LINES]]
    entries = [
        "[[rule]]",
        f"name = {_text(name)}",
        f"source = {_text(event['source'])}",
        f"detail_type = {_text(event['detail-type'])}",
        *([f"each = {_text(listed)}"] if listed and _PLAIN.fullmatch(listed.rpartition(".")[2]) else []),
        f"key = [{_text(key)}] # what names the problem: has to be the same when it recovers",
        f"firing = {_text(firing)}",
        *([f"resolved = {_text(f'contains({_expressions(_OVER)}, {state})')}"] if state else []),
        "severity = \"'medium'\" # critical, high, medium, low or info",
        "",
        "[rule.fields]",
        f"short_description = {_text(f'{name}: {{{{ {key} }}}}')}",
        'description = """',
        *(line.replace("\\", "\\\\").replace('"""', "") for line in lines),
        '"""',
    ]
    return "\n".join(entries) + "\n"


def _places(value: object, place: str) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            shown = name if _PLAIN.fullmatch(name) else json.dumps(name)
            yield from _places(inner, f"{place}.{shown}")
    elif isinstance(value, list):
        if value and isinstance(value[0], dict):
            yield from _places(value[0], f"{place}[0]")
    elif value is not None:
        yield place, value


def _first(places: Mapping[str, object], names: tuple[str, ...]) -> str | None:
    """Return the place with the most telling name, one inside a list before the others."""
    found = [place for name in names for place in places if place.rpartition(".")[2].lower() == name]
    return min(found, key=lambda place: "[0]" not in place) if found else None


def _expressions(texts: tuple[str, ...]) -> str:
    return "[" + ", ".join(f"'{text}'" for text in texts) + "]"


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
